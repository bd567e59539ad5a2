"""What happened while the engine was off: said at the start, and of prices when their first quotes come."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.events import NS, Alert, OrderState, TimeInForce
from engine.execution.order import Order
from engine.features.engine import FeatureEngine
from engine.instruments import Instruments
from engine.text import clean
from engine.wiring.decimal_text import plain
from engine.wiring.order_journal import Commit
from engine.wiring.order_restore import RESTARTED
from engine.wiring.trading import Trading

LAST = "desk:last"
"""Name of the setting that keeps when the desk was last alive, and at which prices."""
BEHIND_NS = 5 * NS
"""A clock that was set back by less is not worth a word."""
_LISTED = 10
SOURCE = "restart"


class Absence:
    """Tells the person at the desk, by alerts in the journal."""

    def __init__(
        self, instruments: Instruments, features: FeatureEngine, trading: Trading, commit: Commit
    ) -> None:
        self._instruments = instruments
        self._features = features
        self._trading = trading
        self._commit = commit
        self._since_ns = 0
        self._marks: dict[str, float] = {}
        """Prices, when the desk was last alive, of symbols that it holds or has orders of, until they are
        priced again."""

    def kept(self) -> dict[str, Any]:
        """What the next start needs, JSON-able: to be kept at each sweep."""
        ledger = self._trading.ledger
        marks = {p.symbol: ledger.mark_price(p.symbol) for p in ledger.positions()}
        told = {symbol: str(mark) for symbol, mark in marks.items() if mark is not None}
        for symbol in self._ordered():
            if symbol in told:
                continue
            instrument = self._instruments.get(symbol)
            mid = math.nan if instrument is None else self._trading.watch.mid(instrument.index)
            if 0.0 < mid < math.inf:
                told[symbol] = repr(mid)
        return {"ns": self._features.now_ns, "marks": told}

    def marks(self) -> list[tuple[str, Decimal]]:
        """What the earlier run valued its positions at last."""
        held = {position.symbol for position in self._trading.ledger.positions()}
        return [(symbol, Decimal(repr(mark))) for symbol, mark in self._marks.items() if symbol in held]

    def _ordered(self) -> dict[str, None]:
        """Symbols that orders are open of, always in the same order: what is said of them is journaled."""
        return dict.fromkeys(order.request.symbol for order in self._trading.blotter.open_orders())

    def tell(self, kept: Any, last_ns: int, now_ns: int, notes: Sequence[str]) -> None:
        """After the orders were taken up; ``last_ns``: of the journal's last event, ``notes``: said too."""
        state = kept if isinstance(kept, Mapping) else {}
        alive_ns, marks = state.get("ns"), state.get("marks")
        if isinstance(alive_ns, int):
            last_ns = max(last_ns, alive_ns)
        self._since_ns = now_ns
        held = {position.symbol for position in self._trading.ledger.positions()}
        if isinstance(marks, Mapping):
            told = held | self._ordered().keys()
            prices = {symbol: _number(mark) for symbol, mark in marks.items() if symbol in told}
            self._marks = {symbol: price for symbol, price in prices.items() if 0.0 < price < math.inf}
        behind = last_ns - now_ns > BEHIND_NS
        said = [f"off for {_span(now_ns - last_ns)}"] if now_ns > last_ns else ["started again"]
        if behind:
            said = [f"the clock is {_span(last_ns - now_ns)} behind what was written last: check it"]
        resting, expired, canceled = self._taken_up(now_ns)
        for what, orders in (("rest again", resting), ("expired", expired), ("canceled", canceled)):
            if orders:
                said.append(f"{len(orders)} {what}: {_listed(orders)}")
        if len(said) > 1 or held or notes or behind:
            self._say("; ".join([*said, *notes]), now_ns, "warning" if behind else "info")

    def _taken_up(self, now_ns: int) -> tuple[list[Order], list[Order], list[Order]]:
        """(those that go on resting, those whose time is over, those that this start canceled).

        As they are with what is on its way to the disk: a start cancels before the disk has answered.
        """
        trading, blotter = self._trading, self._trading.blotter
        resting: list[Order] = []
        expired: list[Order] = []
        canceled: list[Order] = []
        for known in (*blotter.open_orders(), *blotter.by_state(OrderState.CANCELED)):
            order = trading.written(known.client_order_id) or known
            request = order.request
            if order.state is OrderState.CANCELED:
                if order.reason == RESTARTED and order.updated_ns >= now_ns:
                    canceled.append(order)
            elif not order.state.terminal:
                over = request.time_in_force is TimeInForce.GTD and request.expire_ns <= now_ns
                (expired if over else resting).append(order)
        return resting, expired, canceled

    def on_time(self) -> None:
        """Each bar interval: say how far the symbols moved that are priced by now."""
        if not self._marks:
            return
        moved = []
        for symbol in list(self._marks):
            instrument = self._instruments.get(symbol)
            if instrument is None or self._features.last_recv_ns(instrument.index) <= self._since_ns:
                continue
            mid = self._trading.watch.mid(instrument.index)
            if not 0.0 < mid < math.inf:
                continue
            before = self._marks.pop(symbol)
            moved.append(f"{symbol} {before:g} → {mid:g} ({(mid / before - 1.0) * 100:+.2f} %)")
        if moved:
            self._say(f"while it was off: {', '.join(moved)}", self._features.now_ns)

    def say(self, text: str) -> None:
        """Something else that this start found."""
        self._say(text, self._since_ns)

    def _say(self, text: str, ns: int, level: str = "info") -> None:
        self._commit((Alert(level, SOURCE, clean(text, 600), ns),), lambda: None)


def _listed(orders: Sequence[Order]) -> str:
    told = [
        f"{order.request.side.value} {plain(order.leaves or order.quantity)} {order.request.symbol}"
        for order in orders[:_LISTED]
    ]
    return ", ".join(told) + (", …" if len(orders) > _LISTED else "")


def _span(ns: int) -> str:
    seconds = ns / NS
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def _number(text: Any) -> float:
    try:
        return float(Decimal(str(text)))
    except (ArithmeticError, ValueError):
        return math.nan
