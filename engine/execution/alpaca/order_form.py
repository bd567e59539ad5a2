"""Orders in Alpaca's terms: the body of a POST, or why the venue cannot do what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from engine.errors import OrderError
from engine.events import Amendment, OrderRequest, OrderType, Side, TimeInForce, TriggerSource

ID_LENGTH = 48
"""Longest client order id that Alpaca takes."""

_CRYPTO_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT})
_EQUITY_TYPES = _CRYPTO_TYPES | {OrderType.STOP, OrderType.TRAILING_STOP}
_TAKES: dict[OrderType, tuple[str, ...]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit price",),
    OrderType.STOP: ("trigger price",),
    OrderType.STOP_LIMIT: ("limit price", "trigger price"),
    OrderType.TRAILING_STOP: ("trail",),
}


def is_crypto(name: str) -> bool:
    """Whether Alpaca's name of a symbol is a pair of currencies."""
    return "/" in name


def currency(name: str) -> str:
    """In which a symbol's prices are."""
    return name.rpartition("/")[2].upper() if is_crypto(name) else "USD"


def order_form(request: OrderRequest, name: str) -> dict[str, Any]:
    """The body that places ``request``. Raises OrderError, saying why, where Alpaca cannot."""
    _check(request, name)
    form = {
        "symbol": name,
        "qty": text(request.quantity),
        "side": request.side.value,
        "type": request.type.value,
        "time_in_force": _time_in_force(request, name),
        "client_order_id": request.client_order_id,
    }
    for key, value in (
        ("limit_price", request.price),
        ("stop_price", request.stop_price),
        ("trail_price", request.trail),
    ):
        if value is not None:
            form[key] = text(value)
    return form


def list_form(requests: Sequence[OrderRequest], name: str) -> dict[str, Any]:
    """The body that places orders that belong together, as one: ``bracket``, ``oto`` or ``oco``.

    The first of a bracket is the parent; of an oco, the target. Raises OrderError, saying why, where Alpaca
    has no such list.
    """
    if is_crypto(name):
        raise OrderError("Alpaca has no brackets or one-cancels-other for crypto: send the orders singly")
    parent, children = requests[0], requests[1:]
    if any(child.parent_id == parent.client_order_id for child in children):
        return _bracket(parent, children, name)
    return _oco(requests, name)


def in_order(requests: Sequence[OrderRequest]) -> list[OrderRequest]:
    """The parent first, or of siblings the target: the one that Alpaca knows by our id."""
    parents = [request for request in requests if not request.parent_id]
    children = [request for request in requests if request.parent_id]
    parents.sort(key=lambda request: request.type is not OrderType.LIMIT)
    return [*parents, *children]


def legs_of(requests: Sequence[OrderRequest]) -> dict[str, str]:
    """Alpaca's type of a leg (``limit``, ``stop``) -> the client order id of ours that it is."""
    return {_leg(request): request.client_order_id for request in requests[1:]}


def _leg(request: OrderRequest) -> str:
    return "limit" if request.type is OrderType.LIMIT else "stop"


def _bracket(parent: OrderRequest, children: Sequence[OrderRequest], name: str) -> dict[str, Any]:
    if len(children) > 2 or len({_leg(child) for child in children}) != len(children):
        raise OrderError("Alpaca's brackets have one stop and one target at most")
    form = order_form(parent, name)
    for child in children:
        _check_child(parent, child, name)
        _attach(form, child)
    form["order_class"] = "bracket" if len(children) == 2 else "oto"
    # The legs live as long as the entry may: those of a day order would end with the day.
    form["time_in_force"] = _lasting(parent)
    return form


def _oco(requests: Sequence[OrderRequest], name: str) -> dict[str, Any]:
    if len(requests) != 2 or {_leg(request) for request in requests} != {"limit", "stop"}:
        raise OrderError("Alpaca's one-cancels-other has one limit and one stop order")
    target, stop = requests
    _check_child(target, stop, name, same_side=True)
    form = order_form(target, name)
    _attach(form, target)
    _attach(form, stop)
    form["order_class"] = "oco"
    return form


def _check_child(parent: OrderRequest, child: OrderRequest, name: str, *, same_side: bool = False) -> None:
    _check(child, name)
    if child.type not in (OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT):
        raise OrderError(f"Alpaca's legs are limit, stop and stop_limit orders, no {child.type.value}")
    if child.quantity != parent.quantity or (child.side is parent.side) is not same_side:
        raise OrderError("Alpaca's legs are as large as the order, and close what it opens")
    if child.time_in_force is not parent.time_in_force:
        raise OrderError("Alpaca's legs have the order's own time in force")


def _attach(form: dict[str, Any], child: OrderRequest) -> None:
    if child.type is OrderType.LIMIT and child.price is not None:
        form["take_profit"] = {"limit_price": text(child.price)}
        return
    if child.stop_price is None:
        raise OrderError("a stop without a trigger price")
    form["stop_loss"] = {"stop_price": text(child.stop_price)}
    if child.price is not None:
        form["stop_loss"]["limit_price"] = text(child.price)


def _check(request: OrderRequest, name: str) -> None:
    if len(request.client_order_id) > ID_LENGTH:
        raise OrderError(f"Alpaca takes client order ids of at most {ID_LENGTH} characters")
    if not (request.quantity.is_finite() and request.quantity > 0):
        raise OrderError("a quantity must be above zero")
    known = _CRYPTO_TYPES if is_crypto(name) else _EQUITY_TYPES
    if request.type not in known:
        kind = "crypto" if is_crypto(name) else "equities"
        raise OrderError(
            f"Alpaca takes no {request.type.value} order for {kind}: {', '.join(sorted(known))} only"
        )
    if request.post_only:
        raise OrderError("Alpaca has no post-only orders")
    if request.type.triggered and request.trigger is not TriggerSource.LAST:
        raise OrderError(f"Alpaca's stops are set off by the last trade, not by the {request.trigger.value}")
    _check_prices(request)


def _check_prices(request: OrderRequest) -> None:
    takes = _TAKES[request.type]
    for name, value in (
        ("limit price", request.price),
        ("trigger price", request.stop_price),
        ("trail", request.trail),
    ):
        if (value is not None) is not (name in takes):
            need = "needs a" if name in takes else "takes no"
            raise OrderError(f"Alpaca's {request.type.value} order {need} {name}")


def _time_in_force(request: OrderRequest, name: str) -> str:
    wanted = request.time_in_force
    if wanted is TimeInForce.GTD:
        raise OrderError("Alpaca has no good-till-date orders: gtc, and cancel it in time")
    if is_crypto(name):
        if wanted is TimeInForce.FOK:
            raise OrderError("Alpaca takes gtc and ioc for crypto, no fok")
        return wanted.value
    if request.quantity != request.quantity.to_integral_value():
        # Alpaca trades fractions of shares within the day only.
        if wanted is not TimeInForce.GTC or request.type is not OrderType.MARKET:
            raise OrderError("Alpaca takes fractions of a share in plain market orders only")
        return "day"
    if wanted is TimeInForce.GTC and request.type is OrderType.MARKET:
        return "day"
    return wanted.value


def _lasting(parent: OrderRequest) -> str:
    if parent.time_in_force is not TimeInForce.GTC or parent.quantity != parent.quantity.to_integral_value():
        raise OrderError("Alpaca takes brackets of whole shares, gtc")
    return "gtc"


def amend_form(
    request: OrderRequest, amendment: Amendment, name: str, client_order_id: str
) -> dict[str, Any]:
    """The body of the PATCH. Raises OrderError where Alpaca cannot."""
    if request.type is OrderType.MARKET:
        raise OrderError("a market order has nothing to amend")
    form: dict[str, Any] = {"client_order_id": client_order_id}
    if amendment.quantity is not None:
        if not is_crypto(name) and amendment.quantity != amendment.quantity.to_integral_value():
            raise OrderError("Alpaca amends whole shares only")
        form["qty"] = text(amendment.quantity)
    if amendment.price is not None:
        form["limit_price"] = text(amendment.price)
    if amendment.stop_price is not None:
        form["stop_price"] = text(amendment.stop_price)
    if amendment.trail is not None:
        form["trail"] = text(amendment.trail)
    return form


def text(number: Decimal) -> str:
    """Plain digits: no exponent, no trailing zeros."""
    digits = format(number, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def side_of(told: str) -> Side:
    """``sell_short`` is a sell too."""
    return Side.BUY if told.startswith("buy") else Side.SELL
