"""From an opportunity to a booked fill: order, risk verdict, durable commit, paper venue, ledger, exits.

Nothing is acted on or shown before its journal events are durable: ``commit`` calls back when they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

from engine.config import Config
from engine.events import (
    NS,
    Drop,
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
from engine.portfolio.exits import Exits
from engine.portfolio.ledger import Ledger
from engine.risk.gate import RiskGate
from engine.risk.state import originates
from engine.risk.view import RiskView

Commit = Callable[[Sequence[JournalEvent], Callable[[], None]], None]
"""commit(events, done): journal them; ``done`` is called on the desk's thread once they are durable."""

_ZERO = Decimal(0)


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
        self._record = record
        self._clock_skew_ns = clock_skew_ns
        self._account = config.account
        self._builder = OrderBuilder(config.account)
        self._exits = Exits(config.exits)
        self._sweep_ns = int(config.exits.sweep_s * NS)
        self._stale_ns = int(config.risk.stale_data_s * NS)
        self._next_sweep_ns = 0
        self._sent: dict[str, OrderRequest] = {}
        """Approved, not durable yet: counted as working, not shown."""
        self.ledger = Ledger(Decimal(repr(config.account.starting_cash)), config.account.currency)
        self.blotter = Blotter()
        self.gate = RiskGate(config.risk, config.account)
        self.paper = PaperVenue(config.paper, instruments)
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
        self.watch_all()

    def watch_all(self) -> None:
        """Have the kernel watch the stop and target of every open position."""
        for position in self.ledger.positions():
            self._watch(position.symbol)

    # --- entries ---

    def act(self, opportunity: Opportunity) -> None:
        """Turn an opportunity into an order, or say why not."""
        now = self._features.now_ns
        symbol = opportunity.symbol
        held = self.ledger.quantity(symbol)
        if self._working(symbol):
            return self._drop(opportunity, "ORDER_WORKING", "an order for the symbol is working", now)
        if held and (held > 0) == (opportunity.side.sign > 0):
            return self._drop(opportunity, "IN_POSITION", f"holds {held} that way already", now)
        if held:
            if not originates(self.gate.state, Purpose.REVERSAL):
                return self._drop(opportunity, "HALTED", "a halted desk only stops losses", now)
            self._on_outcome(opportunity.opportunity_id, "reversal")
            return self._exit(symbol, Purpose.REVERSAL, f"opposite opportunity: {opportunity.reason}")
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return self._drop(opportunity, "UNKNOWN_SYMBOL", symbol, now)
        mid = self._mid(instrument.index)
        request = self._builder.entry(
            opportunity, instrument, self.ledger.equity(), now, None if math.isnan(mid) else mid
        )
        if isinstance(request, Drop):
            self._on_outcome(opportunity.opportunity_id, f"dropped:{request.code}")
            return self._on_drop(request)
        self._submit(request, instrument, opportunity.sources)
        return None

    def _drop(self, opportunity: Opportunity, code: str, detail: str, now: int) -> None:
        self._on_outcome(opportunity.opportunity_id, f"dropped:{code}")
        self._on_drop(Drop("execution", opportunity.symbol, code, detail, now))

    def _submit(self, request: OrderRequest, instrument: Instrument, sources: tuple[str, ...] = ()) -> None:
        now = self._features.now_ns
        verdict = self.gate.check(request, self._view(request, instrument, sources))
        if verdict.approved:
            self._on_approved()
        self._record(verdict)
        created = _order_event(request, OrderState.INITIALIZED, request.reason, now, carry=True)
        if not verdict.approved:
            self.denied[verdict.code] += 1
            self._on_outcome(request.opportunity_id, f"denied:{verdict.code}")
            reason = f"{verdict.code} {verdict.detail}".strip()
            denial = (created, _order_event(request, OrderState.DENIED, reason, now, verdict=verdict))
            self._commit(denial, lambda: self._fold(denial))
            return
        self.gate.sent(request, now, sources)
        self._sent[request.client_order_id] = request
        self._on_outcome(request.opportunity_id, "ordered")
        events = (created, _order_event(request, OrderState.SUBMITTED, "", now, verdict=verdict))

        def durable() -> None:
            self._fold(events)
            del self._sent[request.client_order_id]
            self.orders += 1
            if not request.reduce_only and self.gate.state is not RiskState.ACTIVE:
                # Halted between the decision and its commit: the order never leaves.
                halted = _order_event(request, OrderState.CANCELED, "entries off", self._features.now_ns)
                self._report([halted])
                return
            self._report(self.paper.submit(request, self._features.now_ns))
            self._arm_wake(instrument)

        self._commit(events, durable)

    def _view(self, request: OrderRequest, instrument: Instrument, sources: tuple[str, ...]) -> RiskView:
        now = self._features.now_ns
        bid, _, ask, _, last = self._features.quote(instrument.index)
        gross, net = self.ledger.exposure()
        working = exiting = _ZERO
        for sent, leaves in self._at_work():
            if sent.reduce_only:
                exiting += leaves if sent.symbol == request.symbol else _ZERO
                continue
            notional = leaves * Decimal(repr(sent.decision_price))
            gross += notional
            net += sent.side.sign * notional
            if sent.symbol == request.symbol:
                working += sent.side.sign * leaves
        return RiskView(
            now_ns=now,
            instrument=instrument,
            equity=self.ledger.equity(),
            day_pnl=self.ledger.day_pnl(now),
            drawdown_pct=self.ledger.drawdown_pct(),
            bid=bid,
            ask=ask,
            last=last,
            data_age_ns=self._freshness.age_ns(instrument.index, now),
            clock_skew_ns=self._clock_skew_ns(instrument.venue),
            position=self.ledger.quantity(request.symbol),
            symbol_orders=len(self.blotter.open_orders(request.symbol)) + self._sent_for(request.symbol),
            open_orders=self.blotter.open_count + len(self._sent),
            gross=gross,
            net=net,
            working=working,
            exiting=exiting,
            sources=sources,
        )

    def _at_work(self) -> Iterator[tuple[OrderRequest, Decimal]]:
        """(request, quantity that may still fill) of every order that is sent or open."""
        for request in self._sent.values():
            yield request, request.quantity
        for order in self.blotter.open_orders():
            yield order.request, order.leaves

    def _sent_for(self, symbol: str) -> int:
        return sum(1 for request in self._sent.values() if request.symbol == symbol)

    def _working(self, symbol: str) -> bool:
        return bool(self._sent_for(symbol) or self.blotter.open_orders(symbol))

    def _exiting(self, symbol: str) -> bool:
        return any(request.symbol == symbol and request.reduce_only for request, _ in self._at_work())

    # --- what comes back ---

    def on_wake(self, index: int) -> None:
        """A tick of a symbol that the paper venue waits for."""
        instrument = self._instruments[index]
        symbol, now = instrument.symbol, self._features.now_ns
        bid, bid_size, ask, ask_size, last = self._features.quote(index)
        quote_id = self._features.quote_count(index)
        if quote_id:
            stale = now - self._features.quote_ns(index) > self._stale_ns
            reports = self.paper.on_quote(
                symbol, bid, bid_size, ask, ask_size, last, now, quote_id, stale=stale
            )
        else:
            reports = self.paper.on_trade(symbol, last, self._features.last_size(index), now)
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
                self._watch(event.symbol)
            elif event.state.terminal and event.state is not OrderState.DENIED:
                # An exit that ended unfilled: its levels are watched again.
                self._watch(event.symbol)

    def _book(self, fill: Fill) -> None:
        order = self.blotter.get(fill.client_order_id)
        self.ledger.apply(fill, "" if order is None else order.request.opportunity_id)

    # --- exits ---

    def on_exit(self, index: int) -> None:
        """The kernel saw a stop or a target crossed."""
        symbol = self._instruments[index].symbol
        if not self._exit_if_crossed(symbol):
            self._watch(symbol)

    def _exit_if_crossed(self, symbol: str) -> bool:
        position = self.ledger.position(symbol)
        instrument = self._instruments.get(symbol)
        if instrument is None or not position.quantity:
            return False
        bid, _, ask, _, last = self._features.quote(instrument.index)
        price = bid if position.quantity > 0 else ask
        purpose = self._exits.crossed(position, instrument, last if math.isnan(price) else price)
        if purpose is None or not originates(self.gate.state, purpose):
            return False
        self._exit(symbol, purpose, f"{purpose.value.replace('_', ' ')} crossed at {price:g}")
        return True

    def _exit(self, symbol: str, purpose: Purpose, reason: str) -> None:
        position = self.ledger.position(symbol)
        instrument = self._instruments.get(symbol)
        if instrument is None or not position.quantity or self._exiting(symbol):
            return
        self.cancel_entries(symbol)
        mid = self._mid(instrument.index)
        request = self._builder.exit(position, purpose, self._features.now_ns, mid, reason=reason)
        self._features.clear_exit(instrument.index)
        self._submit(request, instrument)

    def _watch(self, symbol: str) -> None:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return
        position = self.ledger.position(symbol)
        if not position.quantity:
            self._features.clear_exit(instrument.index)
            return
        stop, target = self._exits.levels(position, instrument)
        side = 1 if position.quantity > 0 else -1
        self._features.watch_exit(instrument.index, side, float(stop), float(target))

    def _mid(self, index: int) -> float:
        """Mid, or the last trade without a quote; NaN before either."""
        bid, _, ask, _, last = self._features.quote(index)
        return last if math.isnan(bid) else (bid + ask) / 2

    def levels(self, symbol: str) -> tuple[Decimal, Decimal] | None:
        """(stop, target) of an open position."""
        position, instrument = self.ledger.position(symbol), self._instruments.get(symbol)
        if instrument is None or not position.quantity:
            return None
        return self._exits.levels(position, instrument)

    # --- time ---

    def on_bars(self) -> bool:
        """Each bar: expire, mark, judge the day's loss, and sweep the stops every few seconds (True then)."""
        now = self._features.now_ns
        self._report(self.paper.expire(now))
        positions = self.ledger.positions()
        for position in positions:
            instrument = self._instruments.get(position.symbol)
            if instrument is not None:
                mid = self._mid(instrument.index)
                if mid > 0:
                    self.ledger.mark(position.symbol, instrument.price(mid))
        change = self.gate.on_equity(self.ledger.day_pnl(now), self.ledger.day_start_equity, now)
        if change is not None:
            self._changed(change)
        if now < self._next_sweep_ns:
            return False
        self._next_sweep_ns = now + self._sweep_ns
        for position in positions:
            self._exit_if_crossed(position.symbol)
        return True

    # --- a person's acts ---

    def set_state(self, state: RiskState, who: str, reason: str) -> RiskChange | None:
        """Change the trading state; tightening cancels what would open positions."""
        change = self.gate.request_state(state, who, reason, self._features.now_ns)
        if change is not None:
            self._changed(change)
        return change

    def _changed(self, change: RiskChange) -> None:
        self._commit((change,), lambda: None)
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

    def flatten(self) -> int:
        """Send an exit for every open position; returns how many."""
        symbols = [position.symbol for position in self.ledger.positions()]
        for symbol in symbols:
            self._exit(symbol, Purpose.FLATTEN, "flatten asked for")
        return len(symbols)


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
