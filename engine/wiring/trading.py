"""From an opportunity to a booked fill: order, risk verdict, durable commit, paper venue, ledger, exits.

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
    Drop,
    Family,
    Fill,
    JournalEvent,
    Opportunity,
    OrderEvent,
    OrderRequest,
    OrderState,
    Purpose,
    RiskChange,
    RiskState,
    Verdict,
)
from engine.execution.build import OrderBuilder
from engine.execution.order import Blotter
from engine.execution.paper import PaperVenue
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.market.freshness import Freshness
from engine.portfolio.ledger import Ledger
from engine.risk.gate import RiskGate
from engine.risk.state import TIGHTNESS, originates
from engine.risk.view import RiskView
from engine.wiring.exit_watch import ExitWatch
from engine.wiring.order_work import OrderWork
from engine.wiring.risk_view import risk_view

Commit = Callable[[Sequence[JournalEvent], Callable[[], None]], None]
"""commit(events, done): journal them; ``done`` is called on the desk's thread once they are durable."""


class Trading:
    """Owns orders, risk state and ledger. Every method runs on the desk's thread."""

    def __init__(
        self,
        config: Config,
        instruments: Instruments,
        features: FeatureEngine,
        freshness: Freshness,
        *,
        commit: Commit,
        on_drop: Callable[[Drop], None],
        on_outcome: Callable[[str, str], None],
        on_approved: Callable[[], None],
        on_repeater: Callable[[str, str], None],
        record: Callable[[Verdict], None],
        clock_skew_ns: Callable[[str], int | None],
    ) -> None:
        self._instruments = instruments
        self._features = features
        self._freshness = freshness
        self._commit = commit
        self._on_drop = on_drop
        self._on_outcome = on_outcome
        self._on_approved = on_approved
        self._on_repeater = on_repeater
        self._record = record
        self._clock_skew_ns = clock_skew_ns
        self._builder = OrderBuilder(config.account)
        self._sweep_ns = int(config.exits.sweep_s * NS)
        self._stale_ns = int(config.risk.stale_data_s * NS)
        self._next_sweep_ns = 0
        self._rest_ns = int(config.exits.cooldown_bars * config.features.bar_s * NS)
        self._exited_ns: dict[str, int] = {}
        """When a symbol was last left."""
        self._loosening: RiskChange | None = None
        """On its way to the disk; dropped by whatever tightens meanwhile."""
        self.ledger = Ledger(Decimal(repr(config.account.starting_cash)), config.account.currency)
        self.blotter = Blotter()
        self.work = OrderWork(self.blotter)
        self.gate = RiskGate(config.risk, config.account)
        self.paper = PaperVenue(config.paper, instruments)
        self.watch = ExitWatch(config.exits, instruments, features, self.ledger)
        self.denied: Counter[str] = Counter()
        self.orders = 0
        self.fills = 0

    # --- start ---

    def restore(self, events: Iterable[JournalEvent], now_ns: int) -> None:
        """Fold the journal: orders, positions, risk state. What was working is canceled, and said so.

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

    # --- entries ---

    def act(self, opportunity: Opportunity) -> None:
        """Turn an opportunity into an order, or say why not.

        What only stands in the way for the moment leaves it live: it is tried again when it is merged anew.
        """
        now = self._features.now_ns
        symbol = opportunity.symbol
        held = self.ledger.quantity(symbol)
        wanted = Purpose.REVERSAL if held and held * opportunity.side.sign < 0 else Purpose.ENTRY
        instrument = self._instruments.get(symbol)
        if not originates(self.gate.state, wanted):
            # No order is built: a desk that is halted for hours must not journal a denial every few seconds.
            self.denied["NOT_ACTIVE"] += 1
            self._on_outcome(opportunity.opportunity_id, "denied:NOT_ACTIVE")
        elif instrument is None:
            self._drop(opportunity, "UNKNOWN_SYMBOL", symbol, final=True)
        elif self.work.count(symbol):
            self._drop(opportunity, "ORDER_WORKING", "an order of the symbol is at work")
        elif wanted is Purpose.REVERSAL:
            self._on_outcome(opportunity.opportunity_id, "reversal")
            self._exit(symbol, Purpose.REVERSAL, f"opposite opportunity: {opportunity.reason}")
        elif held:
            self._drop(opportunity, "IN_POSITION", f"holds {held} that way already")
        elif now < self._exited_ns.get(symbol, -self._rest_ns) + self._rest_ns:
            self._drop(opportunity, "COOLDOWN", "the symbol rests after an exit")
        elif _evidence_ns(opportunity) <= self._exited_ns.get(symbol, 0):
            self._drop(opportunity, "SPENT", "its signals are older than the symbol's last exit")
        else:
            self._enter(opportunity, instrument)

    def _enter(self, opportunity: Opportunity, instrument: Instrument) -> None:
        mid = self.watch.mid(instrument.index)
        request = self._builder.entry(
            opportunity,
            instrument,
            self.ledger.equity(),
            self._features.now_ns,
            None if math.isnan(mid) else mid,
        )
        if isinstance(request, Drop):
            self._drop(opportunity, request.code, request.detail, final=True)
        else:
            technical = tuple(
                part.source for part in opportunity.blend.inputs if part.family is Family.TECHNICAL
            )
            self._submit(request, instrument, technical)

    def _drop(self, opportunity: Opportunity, code: str, detail: str, *, final: bool = False) -> None:
        if final:
            self._on_outcome(opportunity.opportunity_id, f"dropped:{code}")
        if final or opportunity.merged == 0:
            self._on_drop(Drop("execution", opportunity.symbol, code, detail, self._features.now_ns))

    def _submit(self, request: OrderRequest, instrument: Instrument, sources: tuple[str, ...] = ()) -> None:
        now = self._features.now_ns
        verdict = self.gate.check(request, self._view(request, instrument, sources))
        if verdict.approved:
            self._on_approved()
        self._record(verdict)
        if not verdict.approved:
            self.denied[verdict.code] += 1
            self._on_outcome(request.opportunity_id, f"denied:{verdict.code}")
        if self.work.known(request.client_order_id):
            # The same order again: its id has its own history, which a second beginning would spoil.
            return
        created = _order_event(request, OrderState.INITIALIZED, request.reason, now, carry=True)
        if not verdict.approved:
            reason = f"{verdict.code} {verdict.detail}".strip()
            denial = (created, _order_event(request, OrderState.DENIED, reason, now, verdict=verdict))
            self._commit(denial, lambda: self._fold(denial))
            return
        self.gate.sent(request, now, sources)
        self._lock_repeaters(sources)
        self.work.sent[request.client_order_id] = request
        self._on_outcome(request.opportunity_id, "ordered")
        events = (created, _order_event(request, OrderState.SUBMITTED, "", now, verdict=verdict))
        self._commit(events, lambda: self._submitted(request, instrument, events))

    def _submitted(self, request: OrderRequest, instrument: Instrument, events: Sequence[OrderEvent]) -> None:
        """The order is durable: it may be shown, and leaves for the venue."""
        del self.work.sent[request.client_order_id]
        self._fold(events)
        self.orders += 1
        now = self._features.now_ns
        if not request.reduce_only and self.gate.state is not RiskState.ACTIVE:
            # Halted between the decision and its commit: the order never leaves.
            self._report([_order_event(request, OrderState.CANCELED, "entries off", now)])
            return
        self._report(self.paper.submit(request, now))
        self._arm_wake(instrument)

    def _lock_repeaters(self, sources: tuple[str, ...]) -> None:
        for source in sources:
            reason = self.gate.disabled.get(source)
            if reason is not None:
                self._on_repeater(source, reason)

    def _view(self, request: OrderRequest, instrument: Instrument, sources: tuple[str, ...]) -> RiskView:
        return risk_view(
            request,
            instrument,
            features=self._features,
            ledger=self.ledger,
            work=self.work,
            sources=sources,
            data_age_ns=self._freshness.age_ns(instrument.index, self._features.now_ns),
            clock_skew_ns=self._clock_skew_ns(instrument.venue),
        )

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

    def _arm_wake(self, instrument: Instrument) -> None:
        wake = self.paper.wake_ns(instrument.symbol)
        if wake is None:
            self._features.clear_wake(instrument.index)
        else:
            self._features.wake_at(instrument.index, wake)

    def _report(self, reports: Sequence[OrderEvent | Fill]) -> None:
        if reports:
            self._commit(reports, lambda: self._fold(reports))

    def _fold(self, events: Sequence[OrderEvent | Fill]) -> None:
        for event in events:
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
        self.ledger.apply(fill, "" if order is None else order.request.opportunity_id)
        if order is not None and order.request.reduce_only:
            self._exited_ns[fill.symbol] = fill.ns

    # --- exits ---

    def on_exit(self, index: int) -> None:
        """The kernel saw a stop or a target crossed."""
        symbol = self._instruments[index].symbol
        if not self._exit_if_crossed(symbol):
            self.watch.arm(symbol)

    def _exit_if_crossed(self, symbol: str) -> bool:
        crossed = self.watch.crossed(symbol)
        if crossed is None or not originates(self.gate.state, crossed.purpose):
            return False
        self._exit(symbol, crossed.purpose, crossed.reason)
        return True

    def _exit(self, symbol: str, purpose: Purpose, reason: str) -> None:
        position = self.ledger.position(symbol)
        instrument = self._instruments.get(symbol)
        if instrument is None or not position.quantity or self.work.exiting(symbol):
            return
        self.cancel_entries(symbol)
        mid = self.watch.mid(instrument.index)
        request = self._builder.exit(position, purpose, self._features.now_ns, mid, reason=reason)
        self._features.clear_exit(instrument.index)
        self._submit(request, instrument)

    # --- time ---

    def on_time(self) -> bool:
        """Each bar interval, with or without a bar: expire, mark, judge the day's loss, sweep the stops.

        True when it was a sweep (every few seconds).
        """
        now = self._features.now_ns
        self._report(self.paper.expire(now))
        positions = self.ledger.positions()
        self.ledger.roll(now)
        for position in positions:
            instrument = self._instruments.get(position.symbol)
            mid = math.nan if instrument is None else self.watch.mid(instrument.index)
            if instrument is not None and mid > 0:
                self.ledger.mark(position.symbol, instrument.price(mid))
        change = self.gate.on_equity(self.ledger.day_pnl(now), self.ledger.day_start_equity, now)
        if change is not None:
            self._changed(change, _nothing)
        if now < self._next_sweep_ns:
            return False
        self._next_sweep_ns = now + self._sweep_ns
        for position in positions:
            self._exit_if_crossed(position.symbol)
        return True

    # --- a person's acts ---

    def set_state(
        self, state: RiskState, who: str, reason: str, done: Callable[[], None] = lambda: None
    ) -> RiskChange | None:
        """Change the trading state; ``done`` is called when the change is durable. None: nothing changes.

        Tightening works at once and cancels what would open positions; loosening works when it is durable.
        """
        overtaken, self._loosening = self._loosening, None
        before, why = self.gate.state, self.gate.reason
        change = self.gate.request_state(state, who, reason, self._features.now_ns)
        if change is None:
            if overtaken is None:
                return None
            # The journal says looser by now, or soon: what stands must be its last word.
            change = RiskChange(before, overtaken.state, reason, who, self._features.now_ns)
        if TIGHTNESS[change.state] >= TIGHTNESS[before]:
            self._changed(change, done)
            return change
        self.gate.restore(before, why)
        self._loosening = change

        def durable() -> None:
            if self._loosening is change:
                self._loosening = None
                self.gate.restore(change.state, change.reason)
            done()

        self._commit((change,), durable)
        return change

    def fail(self, reason: str) -> None:
        """Nothing can be journaled any more: halted at once, whatever is on its way."""
        self._loosening = None
        self.gate.restore(RiskState.HALTED, reason)

    @property
    def settled(self) -> bool:
        """No change of the state is on its way."""
        return self._loosening is None

    def _changed(self, change: RiskChange, done: Callable[[], None]) -> None:
        self._loosening = None
        self._commit((change,), done)
        if change.state is not RiskState.ACTIVE:
            self.cancel_entries()

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

    def flatten(self) -> None:
        """Send an exit for every open position that has none at work; call again until ``flat``."""
        for position in self.ledger.positions():
            self._exit(position.symbol, Purpose.FLATTEN, "flatten asked for")

    @property
    def flat(self) -> bool:
        """No position, and no order at work that could open one."""
        return not self.ledger.positions() and not self.work.count()


def _evidence_ns(opportunity: Opportunity) -> int:
    """When the newest technical signal in it was given."""
    ages = [part.age_ns for part in opportunity.blend.inputs if part.family is Family.TECHNICAL]
    return opportunity.blend.ns - min(ages, default=opportunity.blend.ns)


def _nothing() -> None:
    """For changes that nobody waits for."""


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
