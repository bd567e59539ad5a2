"""Trading: opportunities and crossed levels in, booked fills out; what the desk holds of it, in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.config import Config
from engine.events import (
    NS,
    Amendment,
    Drop,
    Opportunity,
    OrderRequest,
    RiskChange,
    RiskState,
    Verdict,
)
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.market.freshness import Freshness
from engine.slices import Work
from engine.text import clean
from engine.wiring.entries import Entries
from engine.wiring.exits import ExitOrders
from engine.wiring.limit_changes import LimitChanges
from engine.wiring.order_flow import OrderFlow
from engine.wiring.order_journal import Commit
from engine.wiring.order_restore import OrderRestore
from engine.wiring.part_exits import PartExits
from engine.wiring.rates import Rates
from engine.wiring.trading_state import TradingState

_DAY_NS = 86_400 * NS

__all__ = ["Commit", "Trading"]


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
        on_held: Callable[[str, str], None],
        on_approved: Callable[[OrderRequest], None],
        on_repeater: Callable[[str, str], None],
        alert: Callable[[str, str, str], None],
        record: Callable[[Verdict], None],
        clock_skew_ns: Callable[[str], int | None],
        budget_pct: Callable[[str], float],
        model_created_ns: Callable[[], int | None],
    ) -> None:
        """``on_outcome(id, status)`` and ``on_held(id, why)``: what became of an opportunity, and what stands
        in the way of its order. ``budget_pct(strategy)``: most its positions may be worth, percent of equity;
        0 is no limit.
        ``model_created_ns()``: when the model in use was made; None without one."""
        self._features = features
        self._sweep_ns = int(config.exits.sweep_s * NS)
        self._next_sweep_ns = 0
        self._funds = config.paper.funding_rate_pct != 0.0
        self._hands_off = config.engine.hands_off
        self._day = -1
        flow = self._flow = OrderFlow(
            config,
            instruments,
            features,
            freshness,
            commit=commit,
            on_outcome=on_outcome,
            on_approved=on_approved,
            on_repeater=on_repeater,
            alert=alert,
            record=record,
            clock_skew_ns=clock_skew_ns,
        )
        flow.views.budget_pct = budget_pct
        flow.views.model_created_ns = model_created_ns
        self._exits = ExitOrders(config, instruments, features, flow)
        self._closing = PartExits(config, instruments, features, flow)
        self._entries = Entries(
            config,
            instruments,
            features,
            flow,
            self._exits,
            on_drop=on_drop,
            on_outcome=on_outcome,
            on_held=on_held,
        )
        self._state = TradingState(features, flow, commit)
        flow.on_unbookable = self._halt
        self.limits = LimitChanges(features, flow.gate.book, flow.watch.limits, commit)
        self._restore = OrderRestore(flow, self.limits)
        self.fold, self.resume = self._restore.fold, self._restore.resume
        self.books = flow.books
        self.ledger = flow.ledger
        account = config.account
        self.expectant = False
        """Whether time between two orders costs nothing, and an order that waits does."""
        self._rates = (
            Rates(account, instruments, freshness, flow.watch, flow.ledger) if account.rates else None
        )
        self.blotter = flow.blotter
        self.work = flow.work
        self.gate = flow.gate
        self.paper = flow.paper
        self.booking = flow.booking
        self.watch = flow.watch
        # Bound once: these are on the way from a tick to an order.
        self.act = self._entries.hold if config.engine.hands_off else self._entries.act
        self.on_wake = flow.market.on_wake
        self.on_clock = flow.on_clock
        self.add_gateway = flow.add_gateway
        self.take = flow.take
        self.written = flow.journal.order
        self.on_exit = self._exits.on_exit

    @property
    def denied(self) -> Counter[str]:
        """Denials by reason code."""
        return self._flow.denied

    @property
    def orders(self) -> int:
        """Sent so far."""
        return self._flow.orders

    @property
    def fills(self) -> int:
        return self._flow.booking.fills

    def submit(self, request: OrderRequest, instrument: Instrument) -> Verdict:
        """Have an order that was made elsewhere (a template) judged, journaled and sent like any other."""
        return self._flow.submit(request, instrument)

    def rests(self, symbol: str) -> bool:
        """Whether risk denies entries of the symbol that no person asks for, since it was just left."""
        return self._features.now_ns < self.gate.cooldown.until_ns(symbol)

    def submit_list(self, requests: Sequence[OrderRequest]) -> list[Verdict]:
        """The same with orders that belong together: all are sent, or none."""
        return self._flow.submit_list(requests)

    def judge(self, requests: Sequence[OrderRequest]) -> list[Verdict]:
        """What risk would say of them now; nothing is sent."""
        return self._flow.judge(requests)

    def judging(self, requests: Sequence[OrderRequest]) -> Work[list[Verdict]]:
        """The same, an order at a time."""
        return self._flow.judging(requests)

    def amend(self, client_order_id: str, amendment: Amendment, who: str) -> Verdict:
        """Change a working order; see ``Amendments.ask``."""
        return self._flow.amendments.ask(client_order_id, amendment, who)

    def judge_amendment(self, client_order_id: str, amendment: Amendment) -> tuple[OrderRequest, Verdict]:
        """What risk would say of a change now; see ``Amendments.judge``."""
        return self._flow.amendments.judge(client_order_id, amendment)

    def cancel(self, client_order_id: str, reason: str) -> None:
        """Cancel what is left of an order. Raises OrderError when nothing is."""
        self._flow.cancels.cancel(client_order_id, reason)

    def cancel_all(self, symbol: str | None, reason: str) -> list[str]:
        """Cancel every order at work (of one symbol); returns their ids."""
        return self._flow.cancels.cancel_all(symbol, reason)

    def holds(self, opportunity: Opportunity) -> bool:
        """Whether the symbol's position is of the opportunity's side already."""
        return self.ledger.quantity(opportunity.symbol) * opportunity.side.sign > 0

    def journal_at_once(self) -> None:
        """What is committed is durable when ``commit`` returns: see ``OrderJournal.at_once``."""
        self._flow.journal.at_once = True

    # --- time ---

    def on_time(self) -> bool:
        """Each bar interval, with or without a bar: expire, mark, judge the day's loss, sweep the stops.

        True when it was a sweep (every few seconds).
        """
        now = self._features.now_ns
        flow, ledger = self._flow, self.ledger
        flow.on_time()
        if now // _DAY_NS != self._day:
            self._day = now // _DAY_NS
            ledger.roll(now)
        if self._rates is not None:
            self._rates.tell(now)
        positions = ledger.positions()
        if positions:
            ledger.mark_all(flow.watch.marks(positions))
            if self.expectant:
                self._entries.expect()
        self._judge_equity(now)
        for symbol in flow.watch.due(positions, now):
            self._exits.send_if_overdue(symbol)
        self._exits.sweep_refused()
        if now < self._next_sweep_ns:
            return False
        self._next_sweep_ns = now + self._sweep_ns
        self._exits.sweep_all(positions)
        return True

    def _judge_equity(self, now: int) -> None:
        ledger = self.ledger
        day_pnl, start = ledger.day_pnl(now), ledger.day_start_equity
        if day_pnl is not None and start is not None and not self._hands_off:
            # Unknown for want of a rate it denies entries, and halts nothing: at a start no rate is known.
            change = self.gate.on_equity(day_pnl, start, now, ledger.day_high(now))
            if change is not None:
                self._state.changed(change)

    # --- boundaries that nobody looked at ---

    @property
    def idle(self) -> bool:
        """Nothing but the market and the time can bring about anything: no order is at work, all is at home
        in one currency, and holding costs nothing."""
        work = self.work
        return (
            not (self.blotter.open_count or work.sent)
            and self._rates is None
            and self.paper.due_ns() is None
            and not (self._funds and self.ledger.positions())
        )

    @property
    def next_sweep_ns(self) -> int:
        """The levels of all positions are looked at anew from then on, every ``sweep_ns``."""
        return self._next_sweep_ns

    @property
    def sweep_ns(self) -> int:
        return self._sweep_ns

    def settle(
        self, moments: Sequence[tuple[int, Sequence[tuple[str, Decimal]]]], next_sweep_ns: int
    ) -> None:
        """``on_time`` of boundaries in the past, at which nothing was due and no limit near: of those (ns,
        marks) that tell how each day began, the highest equity, and how things stand after the last."""
        now = 0
        for ns, marks in moments:
            now = ns
            if ns // _DAY_NS != self._day:
                self._day = ns // _DAY_NS
                self.ledger.roll(ns)
            if marks:
                self.ledger.mark_all(marks)
        if self.gate.tripped:  # else there is nothing to say: no limit was near
            self._judge_equity(now)
        self._next_sweep_ns = next_sweep_ns

    # --- limits from outside ---

    def block(self, symbol: str, reason: str, until_ns: int) -> None:
        """Deny entries of ``symbol`` ("": of all) until then, by the desk's clock. Exits go on."""
        self._flow.blocks.add(symbol, reason, until_ns)

    def blocked(self, symbol: str) -> str:
        """Why entries of the symbol are blocked; "" when they are not."""
        blocks, now = self._flow.blocks, self._features.now_ns
        return blocks.forbidden(now) or blocks.reason(symbol, now)

    def forbid(self, reason: str, until_ns: int) -> None:
        """Deny all entries until then, by the desk's clock: the bus that it rests on is not well."""
        self._flow.blocks.forbid(reason, until_ns)
        self.gate.rest_on_bus()

    def exposure(self) -> tuple[Decimal, Decimal]:
        """(gross, net) that limits are compared with: see ``RiskViews.exposure``."""
        return self._flow.views.exposure()

    def used_pct(self, strategy: str) -> float:
        """What counts against a strategy's budget now, percent of equity; 0 without equity."""
        equity = self.ledger.equity()
        used = self._flow.views.used(strategy)
        return float(used / equity * Decimal(100)) if equity is not None and equity > 0 else 0.0

    # --- a person's acts ---

    def set_state(
        self, state: RiskState, who: str, reason: str, done: Callable[[], None] = lambda: None
    ) -> RiskChange | None:
        """Change the trading state; see ``TradingState.set``."""
        return self._state.set(state, who, reason, done)

    def _halt(self, why: str) -> None:
        """The account is not what the books say: a person has to look."""
        self._state.set(RiskState.HALTED, "risk", f"cannot be booked: {clean(why, 200)}")

    def fail(self, reason: str) -> None:
        """Nothing can be journaled any more: halted at once, whatever is on its way."""
        self._state.fail(reason)

    @property
    def settled(self) -> bool:
        """No change of the state is on its way."""
        return self._state.settled

    def cancel_unresting(self, reason: str) -> list[str]:
        """Cancel what cannot wait until the next run; returns their ids."""
        return self._flow.cancels.cancel_unresting(reason)

    def cancel_entries(self, symbol: str | None = None, why: str = "") -> int:
        """Cancel working entry orders (of one symbol, or all); returns how many."""
        return self._flow.cancel_entries(symbol, why)

    def entries(self, symbol: str | None = None) -> list[str]:
        """Ids of the orders at work that could open a position (of the symbol)."""
        return self.work.entries(symbol)

    def waiting(self) -> dict[str, str]:
        """Client order id -> why the order is not done yet, one line."""
        told: dict[str, str] = {}
        for gateway in self._flow.gateways.values():
            told.update(gateway.waiting())
        told.update(self._flow.replacements.reasons())
        return told

    def trailing(self) -> dict[str, Decimal]:
        """Client order id -> where its trailing stop would be set off now, where that is known."""
        told: dict[str, Decimal] = {}
        for gateway in self._flow.gateways.values():
            told.update(gateway.trailing())
        return told

    def close_part(self, symbol: str, percent: Decimal, *, limited: bool) -> str:
        """Send an exit for a part of the symbol's position; ``limited``: at the touch on the other side.

        Returns the order's id. Raises OrderError when there is nothing to close, no quote for a limit, or
        risk denies it.
        """
        return self._closing.send(symbol, percent, limited=limited)

    def want_flat(self) -> None:
        """Somebody asks for it: what was refused lately is not waited for."""
        self._flow.refused_exits.ask_at_once()

    def flatten(self) -> None:
        """Send exits for what no exit at work closes of the open positions; call again until ``flat``."""
        self._exits.flatten()

    @property
    def flat(self) -> bool:
        """No position, and no order at work that could open one."""
        return not self.ledger.positions() and not self.work.count()
