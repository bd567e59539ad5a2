"""Amendments: what of a working order may change, and to what."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from engine.errors import OrderError
from engine.events import Amendment, OrderRequest, OrderState, OrderType, Pending
from engine.execution.grid import on_lots, on_ticks
from engine.execution.order import WORKING, Order
from engine.execution.ticket import TicketView, check_bracket, check_stop_limit, check_trigger
from engine.instruments import Instrument


def amended(
    order: Order, amendment: Amendment, view: TicketView, children: Sequence[Order] = ()
) -> OrderRequest:
    """The order's request as it would be, for risk to judge: its quantity is the whole one.

    A trigger that is changed has to be on its side of the market, as a new order's, and a price on its side
    of the ``children`` of a bracket that are open.

    Raises OrderError, one line that says what to do, when the order cannot be changed (so).
    """
    _check_state(order)
    instrument = view.instrument
    changed = False
    becomes: dict[str, Decimal | None] = {}
    for name in Amendment.__struct_fields__:
        now: Decimal | None = getattr(order, name)
        wanted: Decimal | None = getattr(amendment, name)
        if wanted is not None:
            _check_field(order, name)
            if name == "quantity":
                _check_quantity(order, wanted, instrument)
            else:
                on_ticks(name, wanted, instrument)
            changed = changed or wanted != now
        becomes[name] = now if wanted is None else wanted
    if not changed:
        raise OrderError(f"order {order.client_order_id} is so already: nothing to change")
    request = msgspec.structs.replace(order.request, **becomes)
    if request.type is OrderType.STOP_LIMIT and not _triggered(order):
        check_stop_limit(request.side, request.stop_price, request.price)
    if (becomes["stop_price"], becomes["trail"]) != (order.stop_price, order.trail):
        # A trailing stop's own level moves at its venue: what is known of it here is old.
        trailing = request.type is OrderType.TRAILING_STOP
        asked = msgspec.structs.replace(request, stop_price=None) if trailing else request
        check_trigger(asked, view, reducing=request.reduce_only)
    if children and (becomes["price"], becomes["stop_price"]) != (order.price, order.stop_price):
        _check_children(request, children, view)
    if not request.reduce_only and request.price is not None:
        worth = request.quantity * request.price
        if worth < instrument.min_notional:
            raise OrderError(
                f"that makes the order worth {worth:f}, less than {instrument.min_notional:f}, "
                f"the least of {request.symbol}: give more, or cancel it"
            )
    return request


def _check_children(request: OrderRequest, children: Sequence[Order], view: TicketView) -> None:
    stops = (child.stop_price for child in children if child.request.type is OrderType.STOP)
    targets = (child.price for child in children if child.request.type is OrderType.LIMIT)
    check_bracket(request, next(stops, None), next(targets, None), view)


def _check_state(order: Order) -> None:
    identity, state = order.client_order_id, order.state
    if state is OrderState.HELD:
        raise OrderError(f"order {identity} waits for its entry to fill: change it then, or cancel it")
    if state not in WORKING:
        ended = "is over" if state.terminal else "is not sent yet"
        raise OrderError(f"order {identity} {ended} ({state.value}): it cannot be changed")
    if order.pending is not Pending.NONE:
        raise OrderError(f"order {identity}: its {order.pending.value} is on its way: wait for the answer")


def _check_field(order: Order, name: str) -> None:
    kind, words = order.request.type, order.request.type.value.replace("_", " ")
    if name == "quantity":
        if order.request.parent_id or order.request.siblings:
            raise OrderError(
                f"order {order.client_order_id} is linked, its quantity follows the others': "
                "change its price, or cancel it"
            )
        return
    allowed = {
        "price": kind.limited,
        "stop_price": kind.triggered and kind is not OrderType.TRAILING_STOP,
        "trail": kind is OrderType.TRAILING_STOP,
    }
    if not allowed[name]:
        raise OrderError(f"a {words} order has no {name} to change: leave it out")
    if name != "price" and _triggered(order):
        raise OrderError(f"order {order.client_order_id} was triggered: its {name} is past, leave it out")


def _triggered(order: Order) -> bool:
    """It fills, or may: an order with a trigger has no fill before."""
    return order.state is OrderState.TRIGGERED or bool(order.filled)


def _check_quantity(order: Order, quantity: Decimal, instrument: Instrument) -> None:
    on_lots(quantity, instrument)
    if quantity <= order.filled:
        raise OrderError(
            f"order {order.client_order_id} has {order.filled:f} filled: give a larger quantity, or cancel it"
        )
