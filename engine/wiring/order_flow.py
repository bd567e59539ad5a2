"""The way of every order: risk verdict, durable commit, paper venue, ledger.

Nothing is acted on or shown before its journal events are durable: ``commit`` calls back when they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from engine.config import Config
from engine.events import (
    NS,
    Fill,
    JournalEvent,
    OrderEvent,
    OrderRequest,
    OrderState,
    RiskChange,
    RiskState,
    Verdict,
)
from engine.execution.blotter import Blotter
from engine.execution.gateway import Report
from engine.execution.paper import PaperVenue
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.market.freshness import Freshness
from engine.portfolio.attribution import Attribution
from engine.portfolio.ledger import Ledger
from engine.risk.gate import RiskGate
from engine.wiring.blocks import Blocks
from engine.wiring.exit_watch import ExitWatch
from engine.wiring.order_work import OrderWork
from engine.wiring.risk_view import RiskViews

Commit = Callable[[Sequence[JournalEvent], Callable[[], None]], None]
"""commit(events, done): journal them; ``done`` is called on the desk's thread once they are durable."""
LiveQuote = tuple[float, float, float, float, float]
"""(bid, bid size, ask, ask size, last trade) as ``FeatureEngine.live_quote`` gives it."""


class OrderFlow:
    """Owns the gate, the orders, the venue and the ledger."""

    def __init__(
        self,
        config: Config,
        instruments: Instruments,
        features: FeatureEngine,
        freshness: Freshness,
        *,
        commit: Commit,
        on_outcome: Callable[[str, str], None],
        on_approved: Callable[[], None],
        on_repeater: Callable[[str, str], None],
        record: Callable[[Verdict], None],
        clock_skew_ns: Callable[[str], int | None],
    ) -> None:
        self._instruments = instruments
        self._features = features
        self._commit = commit
        self._on_outcome = on_outcome
        self._on_approved = on_approved
        self._on_repeater = on_repeater
        self._record = record
        self._stale_ns = int(config.risk.stale_data_s * NS)
        self._attribution = Attribution()
        self.ledger = Ledger(Decimal(repr(config.account.starting_cash)), config.account.currency)
        self.blotter = Blotter()
        self.work = OrderWork(self.blotter)
        self.gate = RiskGate(config.risk, config.account)
        self.paper = PaperVenue(config.paper, instruments)
        self.watch = ExitWatch(config.exits, instruments, features, self.ledger)
        self.blocks = Blocks()
        self.views = RiskViews(
            features, freshness, self.ledger, self._attribution, self.work, self.blocks, clock_skew_ns
        )
        self.exited_ns: dict[str, int] = {}
        """When a symbol was last left."""
        self.denied: Counter[str] = Counter()
        self.orders = 0
        self.fills = 0

    # --- out ---

    def submit(
        self, request: OrderRequest, instrument: Instrument, quote: LiveQuote | None = None
    ) -> Verdict:
        """Have an order judged; journal it either way; send it when it was approved and that is durable.

        ``quote``: the instrument's ``live_quote`` of this moment, when the caller has it already. Returns
        the verdict.
        """
        now = self._features.now_ns
        if quote is None:
            quote = self._features.live_quote(instrument.index)
        judgement = self.gate.judge(request, self.views.view(request, instrument, quote, now))
        if judgement.approved:
            self._on_approved()
        # The order is decided: words and records follow.
        verdict = judgement.verdict()
        self._record(verdict)
        if not verdict.approved:
            self.denied[verdict.code] += 1
            self._on_outcome(request.opportunity_id, f"denied:{verdict.code}")
        if self.work.known(request.client_order_id):
            # The same order again: its id has its own history, which a second beginning would spoil.
            return verdict
        created = _order_event(request, OrderState.INITIALIZED, request.reason, now, carry=True)
        if not verdict.approved:
            reason = f"{verdict.code} {verdict.detail}".strip()
            denial = (created, _order_event(request, OrderState.DENIED, reason, now, verdict=verdict))
            self._commit(denial, lambda: self._fold(denial))
            return verdict
        self.gate.sent(request, now)
        self._lock_repeaters(request.sources)
        self.work.sent[request.client_order_id] = request
        self._on_outcome(request.opportunity_id, "ordered")
        events = (created, _order_event(request, OrderState.SUBMITTED, "", now, verdict=verdict))
        self._commit(events, lambda: self._submitted(request, instrument, events))
        return verdict

    def _submitted(self, request: OrderRequest, instrument: Instrument, events: Sequence[OrderEvent]) -> None:
        """The order is durable: it may be shown, and leaves for the venue."""
        del self.work.sent[request.client_order_id]
        self._fold(events)
        self.orders += 1
        now = self._features.now_ns
        halted = self.gate.state is not RiskState.ACTIVE
        if not request.reduce_only and (halted or self.work.exiting(request.symbol)):
            # Halted, or an exit was sent, between the decision and its commit: the order never leaves. Beside
            # an exit it would turn the position that the exit closes.
            why = "entries off" if halted else "an exit is at work"
            self._report([_order_event(request, OrderState.CANCELED, why, now)])
            return
        self._report(self.paper.submit(request, now))
        self._arm_wake(instrument)

    def _lock_repeaters(self, sources: tuple[str, ...]) -> None:
        disabled = self.gate.disabled
        for source in sources:
            if source in disabled:
                self._on_repeater(source, disabled[source])

    def cancel_entries(self, symbol: str | None = None) -> int:
        """Cancel working entry orders (of one symbol, or all); returns how many."""
        now = self._features.now_ns
        canceled = 0
        for order in self.blotter.open_orders(symbol):
            reports = [] if order.request.reduce_only else self.paper.cancel(order.client_order_id, now)
            instrument = self._instruments.get(order.request.symbol)
            if reports and instrument is not None:
                canceled += 1
                self._report(reports)
                self._arm_wake(instrument)
        return canceled

    # --- what comes back ---

    def on_wake(self, index: int) -> None:
        """A tick of a symbol that the paper venue waits for."""
        instrument = self._instruments[index]
        symbol, now = instrument.symbol, self._features.now_ns
        bid, bid_size, ask, ask_size, last = self._features.live_quote(index)
        if math.isnan(bid):  # no quote, or one that trades have left behind: the print is what is real
            reports = self.paper.on_trade(symbol, last, self._features.last_size(index), now)
        else:
            stale = now - self._features.quote_ns(index) > self._stale_ns
            quote_id = self._features.quote_count(index)
            reports = self.paper.on_quote(
                symbol, bid, bid_size, ask, ask_size, last, now, quote_id, stale=stale
            )
        self._report(reports)
        self._arm_wake(instrument)

    def expire(self) -> None:
        """End the orders whose time is over."""
        self._report(self.paper.expire(self._features.now_ns))

    def _arm_wake(self, instrument: Instrument) -> None:
        wake = self.paper.wake_ns(instrument.symbol)
        if wake is None:
            self._features.clear_wake(instrument.index)
        else:
            self._features.wake_at(instrument.index, wake)

    def _report(self, reports: Sequence[Report]) -> None:
        if reports:
            self._commit(reports, lambda: self._fold(reports))

    def _fold(self, events: Sequence[Report]) -> None:
        for event in events:
            if not isinstance(event, (OrderEvent, Fill)):
                continue
            self.blotter.apply(event)
            if isinstance(event, Fill):
                self.fills += 1
                self._book(event)
                self.watch.arm(event.symbol)
            elif event.state.terminal and event.state is not OrderState.DENIED:
                # An exit that ended unfilled: its levels are watched again.
                self.watch.arm(event.symbol)

    def _book(self, fill: Fill) -> None:
        order = self.blotter.get(fill.client_order_id)
        if order is None:
            self.ledger.apply(fill)
            return
        after = self.ledger.apply(fill, order.request.opportunity_id)
        self._attribution.apply(fill, order.request.sources, after.quantity)
        if order.request.reduce_only or not after.quantity:
            self.exited_ns[fill.symbol] = fill.ns

    # --- start ---

    def restore(self, events: Iterable[JournalEvent], now_ns: int) -> None:
        """Fold the journal: orders, positions and whose they are, risk state. What was working is canceled.

        A market order that waited while the engine was off would fill at a price nobody decided on; positions
        stay, and their stops are watched again.
        """
        for event in events:
            if isinstance(event, (OrderEvent, Fill)):
                self.blotter.apply(event)
                if isinstance(event, Fill):
                    self._book(event)
            elif isinstance(event, RiskChange):
                self.gate.restore(event.state, event.reason)
        self.gate.remember(order.client_order_id for order in self.blotter.recent(len(self.blotter)))
        cancels = [
            OrderEvent(
                order.client_order_id, order.request.symbol, OrderState.CANCELED, "engine restarted", now_ns
            )
            for order in self.blotter.open_orders()
        ]
        self._report(cancels)
        self.watch.arm_all()


def _order_event(
    request: OrderRequest,
    state: OrderState,
    reason: str,
    ns: int,
    *,
    carry: bool = False,
    verdict: Verdict | None = None,
) -> OrderEvent:
    """An event of the request's order; ``carry``: with the request itself."""
    return OrderEvent(
        request.client_order_id, request.symbol, state, reason, ns, request if carry else None, verdict
    )
