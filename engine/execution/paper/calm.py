"""Between which prices a symbol's orders all go on as they are, so that none needs to be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.events import OrderType, TriggerSource
from engine.execution.paper.display import Display, Print, Side
from engine.execution.paper.orders import Phase, Working

_NONE, _ALL = Decimal("-Infinity"), Decimal("Infinity")


class Between(msgspec.Struct, gc=False):
    """Strictly between the two nothing happens."""

    low: Decimal = _NONE
    high: Decimal = _ALL
    used: bool = False

    def above(self, price: Decimal) -> None:
        self.low, self.used = max(self.low, price), True

    def below(self, price: Decimal) -> None:
        self.high, self.used = min(self.high, price), True

    def holds(self, price: Decimal | None) -> bool:
        return not self.used or (price is not None and self.low < price < self.high)


class Calm:
    """What holds until an order of the symbol changes, or ``due_ns``."""

    def __init__(self, due_ns: int | None) -> None:
        self.due_ns = due_ns
        self._limits = Between()
        self._last = Between()
        self._bid = Between()
        self._ask = Between()
        self._mid = Between()

    def over(self, now_ns: int) -> bool:
        """Whether something is due by now."""
        return self.due_ns is not None and self.due_ns <= now_ns

    def keeps(self, display: Display, printed: Print | None) -> bool:
        """Whether the tick that ``display`` and ``printed`` took in touches no order."""
        if display.stale:
            return False
        bid, ask = display.bid, display.ask
        if bid is None or ask is None:
            return False
        limits = self._limits
        if not (limits.low < _reach(display.bids, bid) and _reach(display.asks, ask) < limits.high):
            return False
        if not (limits.low < ask and bid < limits.high):
            return False
        if printed is not None and not limits.low < printed.price < limits.high:
            return False
        if not (self._last.holds(display.last) and self._bid.holds(bid) and self._ask.holds(ask)):
            return False
        return not self._mid.used or self._mid.holds((bid + ask) / 2)

    def rests(self, order: Working) -> None:
        assert order.price is not None
        if order.buying:
            self._limits.above(order.price)
        else:
            self._limits.below(order.price)

    def watches(self, order: Working, level: Decimal) -> None:
        source = order.request.trigger
        if source is TriggerSource.LAST:
            watched = self._last
        elif source is TriggerSource.QUOTE:
            watched = self._ask if order.buying else self._bid
        else:
            watched = self._mid
        if order.buying != (order.request.type is OrderType.TAKE_PROFIT):
            watched.below(level)
        else:
            watched.above(level)
        if order.best is None:
            return
        if order.buying:  # a better price moves a trailing stop
            watched.above(order.best)
        else:
            watched.below(order.best)


def calm(orders: Iterable[Working], due_ns: int | None) -> Calm | None:
    """Of a symbol's orders after a tick; None when one of them is to be looked at in any case."""
    found = Calm(due_ns)
    for order in orders:
        if order.phase is Phase.HELD:
            continue
        if order.note:
            return None
        if order.phase is Phase.RESTING:
            found.rests(order)
        elif order.phase is Phase.WATCHING and order.stop_price is not None:
            found.watches(order, order.stop_price)
        else:
            return None
    return found


def _reach(side: Side, best: Decimal) -> Decimal:
    """How far the display tells what is ahead of an order."""
    return side.deeper[-1][0] if side.deeper else best
