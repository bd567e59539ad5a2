"""Whether the market and the broker can take an order of a daily run now; waited for before one is sent.

An engine that has just started has no prices yet, nor its broker's updates, and a bad line loses both for a
while. An order sent then would be refused, and a refused one is not sent again.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.api.rows import SymbolDataRow
from engine.api.trading_protocol import ReconciliationRow
from engine.events import NS
from engine.store.daily import StoredOrder
from engine.wiring.daily_context import Context, StepFailed

LOOK_S = 0.5
"""Prices that were there are believed for so long."""
WATCHED_S = 5.0
"""What was without a price at two looks no further apart was so between them."""
NO_PRICE = "no price of it yet"


class Readiness:
    def __init__(self, context: Context, step: str) -> None:
        self._context = context
        self._step = step
        self._looked_ns = 0
        self._faults: dict[str, str] = {}
        self._since_ns: dict[str, int] = {}
        """When each symbol that has no price now was first seen so."""
        self._away = ""
        self._given_up: set[str] = set()
        """Symbols that were waited for in vain: risk tells what it denies of them."""

    def wait(self, order: StoredOrder, plan: list[StoredOrder]) -> None:
        """Until it can be taken, at most ``daily.prices_s``; all of the ``plan`` are waited for together.
        Raises StepFailed, before anything is refused, where it is the broker that cannot, or no symbol of the
        plan has a price."""
        most_ns = round(self._context.config.daily.prices_s * NS)
        began_ns = self._context.clock()
        said = False
        while why := self._why_not(order, plan):
            if not said:
                said = True
                self._context.progress(self._step, f"{order.symbol} is waited for: {why}")
            away = why == self._away
            since_ns = began_ns if away else self._since_ns.get(order.symbol, began_ns)
            if self._context.clock() - since_ns >= most_ns:
                if away or not any(self._has_price(one) for one in plan):
                    raise self._failed(order, plan, why)
                self._given_up.add(order.symbol)
                return
            self._context.sleep(LOOK_S)

    def _why_not(self, order: StoredOrder, plan: Iterable[StoredOrder]) -> str:
        if order.symbol in self._given_up:
            return ""
        if abs(self._context.clock() - self._looked_ns) >= LOOK_S * NS:
            self._look(plan)
        at_broker = self._at_broker(order.symbol)
        if at_broker and order.phase == "reduce" and order.symbol in self._faults:
            return ""  # stale data keeps no position open, nor do updates that are away
        if at_broker and order.phase == "add":
            self._look_for_brokers()  # each time: a stream that is cut refuses from that moment on
            if self._away:
                return self._away
        return self._faults.get(order.symbol, NO_PRICE)

    def _look(self, plan: Iterable[StoredOrder]) -> None:
        rows = self._context.desk.ask("GET", "/v1/data", tuple[SymbolDataRow, ...])
        self._faults = {row.symbol: row.stale_reason for row in rows}
        now_ns = self._context.clock()
        before = self._since_ns if abs(now_ns - self._looked_ns) <= WATCHED_S * NS else {}
        self._since_ns = {
            one.symbol: before.get(one.symbol, now_ns) for one in plan if not self._has_price(one)
        }
        self._looked_ns = now_ns

    def _has_price(self, order: StoredOrder) -> bool:
        return not self._faults.get(order.symbol, NO_PRICE)

    def _look_for_brokers(self) -> None:
        rows = self._context.desk.ask("GET", "/v1/reconciliation", tuple[ReconciliationRow, ...])
        self._away = "; ".join(f"{row.gateway}: {row.away}" for row in rows if row.away)

    def _at_broker(self, symbol: str) -> bool:
        alpaca = self._context.config.brokers.alpaca
        return alpaca.enabled and symbol in alpaca.symbols

    def _failed(self, order: StoredOrder, plan: Iterable[StoredOrder], why: str) -> StepFailed:
        left = sum(one.state == "planned" for one in plan)
        return StepFailed(
            f"{order.symbol}: {why}, within daily.prices_s ({self._context.config.daily.prices_s:g} s): "
            f"{left} orders were not sent",
            "`tickdesk status` tells how the feeds and the broker are; start it again within daily.plan_s, "
            f"or `tickdesk {self._context.run.kind} --again data` plans anew",
        )
