"""Exits that a broker refused: told once, and sent again at growing intervals.

Its market may be closed, or halted, or its rules forbid the trade: sent again with every tick, the exits
would take all requests that its rate allows, those of other symbols' exits too.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from engine.events import NS, Fill, OrderEvent, OrderState
from engine.execution.gateway import Report
from engine.execution.order import Order
from engine.features.engine import FeatureEngine
from engine.portfolio.ledger import Ledger
from engine.wiring.order_work import rests

FIRST_NS, MOST_NS = NS, 8 * NS
"""Between two exits of a symbol: doubling."""


class _Refused(msgspec.Struct):
    opened_ns: int
    """Of the position: another one's exits have nothing to do with it."""
    until_ns: int
    pause_ns: int
    again: bool = True
    """It is to be sent again when the pause is over."""


class RefusedExits:
    """``alert(level, source, text)`` tells the person at the desk."""

    def __init__(
        self, features: FeatureEngine, ledger: Ledger, alert: Callable[[str, str, str], None]
    ) -> None:
        self._features = features
        self._ledger = ledger
        self._alert = alert
        self._refused: dict[str, _Refused] = {}

    def folded(self, event: Report, order: Order) -> None:
        """Something happened to an order at a broker."""
        request = order.request
        if not request.reduce_only or rests(request):
            return
        if isinstance(event, Fill):
            self._refused.pop(request.symbol, None)
        elif isinstance(event, OrderEvent) and event.state is OrderState.REJECTED:
            self._refuse(request.symbol, event.reason)

    def _refuse(self, symbol: str, reason: str) -> None:
        now, before = self._features.now_ns, self._of(symbol)
        pause_ns = FIRST_NS if before is None else min(2 * before.pause_ns, MOST_NS)
        opened_ns = self._ledger.position(symbol).opened_ns
        self._refused[symbol] = _Refused(opened_ns, now + pause_ns, pause_ns)
        if before is None:
            self._alert(
                "error", symbol, f"its exit was refused: {reason}; it is sent again until it is taken"
            )

    def _of(self, symbol: str) -> _Refused | None:
        refused = self._refused.get(symbol)
        if refused is not None and refused.opened_ns != self._ledger.position(symbol).opened_ns:
            del self._refused[symbol]
            return None
        return refused

    def waits(self, symbol: str) -> bool:
        """Whether the next exit of the symbol has to wait."""
        refused = self._of(symbol)
        return refused is not None and 0 < refused.until_ns - self._features.now_ns <= refused.pause_ns

    def ask_at_once(self) -> None:
        """A person wants everything closed: the next exits wait for nothing that was refused before."""
        for refused in self._refused.values():
            refused.until_ns = 0

    def over(self) -> list[str]:
        """The symbols that have waited for long enough; each once."""
        found = [symbol for symbol, one in [*self._refused.items()] if one.again and not self.waits(symbol)]
        for symbol in found:
            if (refused := self._refused.get(symbol)) is not None:
                refused.again = False
        return found
