"""A person's own exits: working orders that stand in place of the desk's stop and target for a position."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.events import NS, OrderRequest, OrderState, OrderType, Pending, Purpose
from engine.execution.order import WORKING, Order
from engine.portfolio.exits import Distances
from engine.wiring.decimal_text import plain
from engine.wiring.order_work import OrderWork, most

_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
_DESKS = "the desk's"
_Exit = tuple[OrderRequest, Decimal, Decimal | None]
"""(request, quantity that may still fill, level)."""


class Cover(NamedTuple):
    """Orders that close a whole position between them."""

    level: Decimal | None
    """Of the one that the market meets first; None where the venue alone knows it."""


class Covers(NamedTuple):
    """What stands in place of the desk's levels; None: nothing does."""

    stop: Cover | None = None
    target: Cover | None = None


class OwnExits:
    """Looks at the orders at work. One that is held, or about to be canceled, covers nothing."""

    def __init__(self, work: OrderWork) -> None:
        self._work = work

    def covers(self, symbol: str, quantity: Decimal, coming: Sequence[OrderRequest] = ()) -> Covers:
        """Of a position of ``quantity`` (signed); requests in ``coming`` count as if they worked."""
        stops: list[_Exit] = [
            (request, request.quantity, own_level(request)) for request in coming if is_stop(request)
        ]
        targets: list[_Exit] = [
            (request, request.quantity, own_level(request)) for request in coming if is_target(request)
        ]
        for order in self._work.open_orders(symbol):
            if not _works(order):
                continue
            if is_stop(order.request):
                stops.append((order.request, order.leaves, own_level(order)))
            elif is_target(order.request):
                targets.append((order.request, order.leaves, own_level(order)))
        if not stops and not targets:
            return Covers()
        return Covers(_cover(stops, quantity, below=True), _cover(targets, quantity, below=False))


def exit_words(covers: Covers, desk: Distances) -> str:
    """Where a position is left, in a few words: by a person's own orders, or by the desk's exits."""
    parts = [_words("stop", covers.stop, desk.stop), _words("target", covers.target, desk.target)]
    if desk.trail:
        parts.append((_DESKS, f"trailing {_percent(desk.trail)}"))
    if desk.holding_ns:
        parts.append((_DESKS, f"after {desk.holding_ns / NS:g} s"))
    if not (covers.stop or covers.target):
        return "exits of the desk: " + ", ".join(text for _, text in parts)
    return "exits: " + ", ".join(f"{whose} {text}" for whose, text in parts)


def _words(name: str, own: Cover | None, desk: Decimal) -> tuple[str, str]:
    if own is None:
        return _DESKS, f"{name} {_percent(desk)}"
    return "own", name if own.level is None else f"{name} {plain(own.level)}"


def _percent(share: Decimal) -> str:
    return f"{plain((share * 100).normalize())} %"


def is_stop(request: OrderRequest) -> bool:
    return request.reduce_only and request.type in _STOPS


def is_target(request: OrderRequest) -> bool:
    """A plain exit at a limit is none: it is a way out now. Beside a stop it is one."""
    if request.type is OrderType.LIMIT:
        return request.reduce_only and (request.purpose is Purpose.TAKE_PROFIT or bool(request.siblings))
    return request.reduce_only and request.type is OrderType.TAKE_PROFIT


def _works(order: Order) -> bool:
    if order.state not in WORKING or order.pending is Pending.CANCEL:
        return False
    # A stop-limit that was set off may be left behind by the market.
    gone_off = order.state is OrderState.TRIGGERED or order.filled > 0
    return not (order.request.type is OrderType.STOP_LIMIT and gone_off)


def own_level(order: Order | OrderRequest) -> Decimal | None:
    """As amended. A trailing stop's moves at its venue."""
    kind = order.request.type if isinstance(order, Order) else order.type
    if kind is OrderType.TRAILING_STOP:
        return None
    return order.price if kind is OrderType.LIMIT else order.stop_price


def _cover(exits: Sequence[_Exit], quantity: Decimal, *, below: bool) -> Cover | None:
    """``below``: the levels of a long's are below its market."""
    closing = [one for one in exits if one[0].side.sign * quantity < 0]
    if not closing or most((request, leaves) for request, leaves, _ in closing) < abs(quantity):
        return None
    levels = [level for _, _, level in closing if level is not None]
    if not levels:
        return Cover(None)
    return Cover(max(levels) if below is (quantity > 0) else min(levels))
