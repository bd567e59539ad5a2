"""Why an order is not done yet, as a person reads it."""

from __future__ import annotations

from decimal import Decimal

from engine.events import OrderType, TriggerSource
from engine.execution.paper.orders import Phase, Working
from engine.execution.paper.queue import Place

_SOURCES = {TriggerSource.LAST: "last trade", TriggerSource.QUOTE: "quote", TriggerSource.MARK: "mid"}


def plain(value: Decimal) -> str:
    """Without trailing zeros and exponent."""
    return f"{value.normalize():f}"


def describe(order: Working) -> str:
    """One line."""
    if order.phase is Phase.HELD:
        return f"held until {order.request.parent_id} fills"
    if order.phase is Phase.TRAVELLING:
        return "on its way to the venue"
    if order.note:
        return order.note
    if order.watches:
        return _watching(order)
    if order.phase is Phase.RESTING and order.place is not None and order.price is not None:
        return f"limit {plain(order.price)}, {_queued(order.place)}"
    if order.phase is Phase.TAKING and order.filled:
        return f"{plain(order.leaves)} left: waits for fresh size"
    return "waits for market data"


def no_size(order: Working, source: str) -> str:
    """What was displayed or printed is used up."""
    left = f"{plain(order.leaves)} left: " if order.filled else ""
    return f"{left}no size left in the {source}: waits for a fresh one"


def source(order: Working) -> str:
    """What sets the order off."""
    return _SOURCES[order.request.trigger]


def _watching(order: Working) -> str:
    trailing = order.request.type is OrderType.TRAILING_STOP
    if order.stop_price is None:
        return f"trails by {plain(order.trail or Decimal(0))}: waits for market data"
    kind = "trails at" if trailing else order.request.type.value.replace("_", " ")
    return f"{kind} {plain(order.stop_price)} on the {source(order)}"


def _queued(place: Place) -> str:
    if place.ahead is None:
        return "its place in the queue is unknown: waits for a trade through it"
    return f"{plain(place.ahead)} ahead in the queue" if place.ahead else "first in the queue"
