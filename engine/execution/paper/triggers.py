"""When a stop or a take-profit is set off, and how a trailing stop follows the market."""

from __future__ import annotations

from decimal import Decimal

from engine.events import OrderType, TriggerSource
from engine.execution.paper.display import Display
from engine.execution.paper.orders import Working


def reference(order: Working, display: Display) -> Decimal | None:
    """The price that decides: last trade, what the order would meet, or the mid; None when it is unknown."""
    source = order.request.trigger
    if source is TriggerSource.LAST:
        return display.last
    if source is TriggerSource.QUOTE:
        return display.ask if order.buying else display.bid
    if display.bid is None or display.ask is None:
        return None
    return (display.bid + display.ask) / 2


def set_off(order: Working, price: Decimal) -> bool:
    """Whether ``price`` sets the order off. A trailing stop is moved first, one way only."""
    if order.request.type is OrderType.TRAILING_STOP:
        _trail(order, price)
    level = order.stop_price
    if level is None:
        return False
    rising = order.buying != (order.request.type is OrderType.TAKE_PROFIT)
    return price >= level if rising else price <= level


def _trail(order: Working, price: Decimal) -> None:
    trail = order.trail
    assert trail is not None  # no trailing stop gets in without
    if order.buying:
        order.best = price if order.best is None else min(order.best, price)
        level = order.best + trail
        order.stop_price = level if order.stop_price is None else min(order.stop_price, level)
    else:
        order.best = price if order.best is None else max(order.best, price)
        level = order.best - trail
        order.stop_price = level if order.stop_price is None else max(order.stop_price, level)
