"""The way of every order: risk verdict, durable commit, gateway, ledger.

Nothing is acted on or shown before its journal events are durable, except what makes things safer: a cancel
is asked for at once, and an order that must not leave any more does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec

from engine.config import Config
from engine.errors import OrderError
from engine.events import (
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    RiskState,
    Verdict,
)
from engine.execution.blotter import Blotter
from engine.execution.gateway import Gateway, Report
from engine.execution.ids import client_order_id
from engine.execution.order import PAPER, Order
from engine.execution.paper import PaperVenue
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.market.freshness import Freshness
from engine.portfolio.books import Books
from engine.risk.gate import RiskGate
from engine.slices import Work, at_once
from engine.text import clean
from engine.wiring.amendments import Amendments
from engine.wiring.blocks import Blocks
from engine.wiring.booking import Booking
from engine.wiring.cancels import Cancels
from engine.wiring.entry_cancels import EntryCancels
from engine.wiring.exit_watch import ExitWatch
from engine.wiring.order_journal import Commit, OrderJournal
from engine.wiring.order_work import OrderWork
from engine.wiring.own_exits import OwnExits
from engine.wiring.paper_market import PaperMarket
from engine.wiring.reductions import Reductions
from engine.wiring.refused_exits import RefusedExits
from engine.wiring.replacements import Replacements
from engine.wiring.risk_view import RiskViews

_OFF, _EXITING = "entries off", "an exit is at work"
LiveQuote = tuple[float, float, float, float, float]
"""(bid, bid size, ask, ask size, last trade) as ``FeatureEngine.live_quote`` gives it."""


class OrderFlow:
    """Owns the gate, the orders, the gateways and the ledger."""

    def __init__(
        self,
        config: Config,
        instruments: Instruments,
        features: FeatureEngine,
        freshness: Freshness,
        *,
        commit: Commit,
        on_outcome: Callable[[str, str], None],
        on_approved: Callable[[OrderRequest], None],
        on_repeater: Callable[[str, str], None],
        alert: Callable[[str, str, str], None],
        record: Callable[[Verdict], None],
        clock_skew_ns: Callable[[str], int | None],
    ) -> None:
        """``alert(level, source, text)`` tells the person at the desk."""
        self._instruments = instruments
        self._features = features
        self._on_outcome = on_outcome
        self._on_approved = on_approved
        self._on_repeater = on_repeater
        self._record = record
        self._routes: dict[str, str] = {}
        account = config.account
        self.books = Books(Decimal(repr(account.starting_cash)), account.currency, account.pegged)
        self.ledger = self.books.ledger
        self.blotter = Blotter()
        self.work = OrderWork(self.blotter)
        self.gate = RiskGate(config.risk, config.account, config.exits, config.features.bar_s)
        self.watch = ExitWatch(config.exits, instruments, features, self.ledger, OwnExits(self.work))
        self.blocks = Blocks()
        self.views = RiskViews(
            instruments,
            features,
            freshness,
            self.books,
            self.work,
            self.blocks,
            self.gate.book.limits,
            clock_skew_ns,
        )
        self.booking = Booking(self.books, self.gate, self.watch, alert)
        self.journal = OrderJournal(
            self.blotter,
            commit,
            folded=self._folded,
            # It cannot be after what the journal says: a person has to look at both.
            refused=lambda _, why: alert("error", "orders", f"a report was left out: {clean(why, 200)}"),
            unbooked=self.booking.refusal,
            unbookable=lambda why: self.on_unbookable(why),
        )
        cash = {account.currency: Decimal(repr(account.starting_cash))}
        self.paper = PaperVenue(config.paper, instruments, cash=cash)
        self.gateways: dict[str, Gateway] = {PAPER: self.paper}
        self.market = PaperMarket(
            config, instruments, features, self.paper, self.journal, self.blotter, self.watch
        )
        self.cancels = Cancels(features, self.work, self.journal, self.gateways, asked=self._asked)
        self.replacements = Replacements(
            features,
            self.ledger,
            self.work,
            self.journal,
            self.cancels,
            self.gateways,
            alert=alert,
            leave=lambda request: self._to_gateway([request]),
            anew=self._rest_of,
        )
        self.entry_cancels = EntryCancels(features, self.gate, self.work, self.journal, self.cancels, alert)
        self.denied: Counter[str] = Counter()
        self.amendments = Amendments(
            instruments,
            features,
            self.ledger,
            self.work,
            self.gate,
            self.views,
            self.journal,
            self.gateways,
            judged=self._judged,
            asked=self._asked,
        )
        self.reductions = Reductions(
            *(features, self.ledger, self.blotter, self.work, self.journal),
            *(self.cancels, self.amendments, self.gateways, alert),
        )
        self.refused_exits = RefusedExits(features, self.ledger, alert)
        self._hands_off = config.engine.hands_off
        self.orders = 0
        self.on_unbookable: Callable[[str], None] = lambda why: None
        """Called when a gateway reported money that the books cannot take up: the account is another than
        they say."""

    def add_gateway(self, gateway: Gateway, symbols: Iterable[str]) -> None:
        """Have the orders of these symbols executed by ``gateway`` from now on."""
        self.gateways[gateway.name] = gateway
        self._routes.update(dict.fromkeys(symbols, gateway.name))

    def gateway_of(self, symbol: str) -> Gateway:
        """Where the symbol's orders go."""
        return self.gateways[self._routes.get(symbol, PAPER)]

    # --- out ---

    def submit(
        self, request: OrderRequest, instrument: Instrument, quote: LiveQuote | None = None
    ) -> Verdict:
        """Have an order judged; journal it either way; send it when it was approved and that is durable.

        ``quote``: the instrument's ``live_quote`` of this moment, when the caller has it already. Returns
        the verdict.
        """
        if self._routes:
            request = self._routed(request)
        now = self._features.now_ns
        if quote is None:
            quote = self._features.live_quote(instrument.index)
        judgement = self.gate.judge(request, self.views.view(request, instrument, quote, now))
        if judgement.approved:
            self._on_approved(request)
        # The order is decided: words and records follow.
        verdict = judgement.verdict()
        self._record(verdict)
        if not verdict.approved:
            self._count_denied(request, verdict)
        if self.work.known(request.client_order_id):
            # The same order again: its id has its own history, which a second beginning would spoil.
            return verdict
        if not verdict.approved:
            self.work.denied[request.client_order_id] = request
            self.journal.begin(_beginning(request, verdict, now), _nothing)
            return verdict
        self._sent(request, now)
        if request.reduce_only:
            self._make_way(request)
        self.journal.begin(_beginning(request, verdict, now), lambda: self._leave_alone(request))
        return verdict

    def submit_list(self, requests: Sequence[OrderRequest]) -> list[Verdict]:
        """Have orders that belong together judged, each with those before it counted as sent.

        All are sent, in one commit, or none, but for exits without a parent: see ``RiskGate.judging_list``.
        Raises OrderError, and does nothing, for an empty list, a symbol that the desk does not have, several
        gateways, or an id that was used before.
        """
        requests = [self._routed(request) for request in requests]
        self._check_list(requests)
        now = self._features.now_ns
        verdicts = self.judge(requests)
        events: list[OrderEvent] = []
        approved = []
        for request, verdict in zip(requests, verdicts, strict=True):
            self._record(verdict)
            events += _beginning(request, verdict, now)
            if verdict.approved:
                self._sent(request, now)
                approved.append(request)
            else:
                self._count_denied(request, verdict)
                self.work.denied[request.client_order_id] = request
        self.journal.begin(events, (lambda: self._leave(approved)) if approved else _nothing)
        return verdicts

    def judge(self, requests: Sequence[OrderRequest]) -> list[Verdict]:
        """What risk would say now of orders that are sent together; nothing is sent."""
        return at_once(self.judging(requests))

    def judging(self, requests: Sequence[OrderRequest]) -> Work[list[Verdict]]:
        """The same, an order at a time."""
        views, now = [], self._features.now_ns
        for request in requests:
            instrument = self._instruments[self._index(request.symbol)]
            quote = self._features.live_quote(instrument.index)
            views.append(self.views.view(request, instrument, quote, now))
        if len(requests) == 1:
            return [self.gate.check(requests[0], views[0])]
        judged = yield from self.gate.judging_list(requests, views)
        verdicts = []
        for judgement in judged:
            verdicts.append(judgement.verdict())
            yield
        return verdicts

    def _check_list(self, requests: Sequence[OrderRequest]) -> None:
        if len({request.gateway for request in requests}) != 1:
            raise OrderError("a list of orders needs at least one, and one gateway for all of them")
        for request in requests:
            self._index(request.symbol)
            if self.work.known(request.client_order_id):
                raise OrderError(f"order {request.client_order_id} was sent before")

    def _index(self, symbol: str) -> int:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise OrderError(f"the desk has no {symbol}")
        return instrument.index

    def _routed(self, request: OrderRequest) -> OrderRequest:
        gateway = self._routes.get(request.symbol, PAPER)
        return request if gateway == request.gateway else msgspec.structs.replace(request, gateway=gateway)

    def _make_way(self, request: OrderRequest) -> None:
        """Exits of the whole position that wait for nothing take the place of those that wait."""
        if self.work.count(request.symbol) == 1 and self.gateways[request.gateway].clamps:
            return  # nothing is there that it could replace
        whole = self.work.closing(request.symbol) >= abs(self.ledger.quantity(request.symbol))
        if request.type is OrderType.MARKET and whole:
            self.replacements.begin(request)

    def _rest_of(self, request: OrderRequest, quantity: Decimal) -> None:
        """Another exit for the rest of what one was to close."""
        now = self._features.now_ns
        salt = f"{request.client_order_id}/{quantity}"
        identity = client_order_id(request.purpose, request.symbol, request.side, now, salt)
        rest = msgspec.structs.replace(request, client_order_id=identity, quantity=quantity, decision_ns=now)
        self.submit(rest, self._instruments[self._index(request.symbol)])

    def _count_denied(self, request: OrderRequest, verdict: Verdict) -> None:
        self.gate.remember((request.client_order_id,))
        self.denied[verdict.code] += 1
        self._on_outcome(request.opportunity_id, f"denied:{verdict.code}")

    def _sent(self, request: OrderRequest, now: int) -> None:
        """It counts from now on, before it is durable."""
        self.gate.sent(request, now)
        disabled = self.gate.disabled
        for source in request.sources:
            if source in disabled:
                self._on_repeater(source, disabled[source])
        self.work.sent[request.client_order_id] = request
        self._on_outcome(request.opportunity_id, "ordered")

    def _leave_alone(self, request: OrderRequest) -> None:
        """``_leave`` of one order."""
        identity = request.client_order_id
        del self.work.sent[identity]
        self.orders += 1
        why = self.cancels.revoked(identity) or self._why_not(request)
        if why:
            now = self._features.now_ns
            self.journal.write([_order_event(request, OrderState.CANCELED, why, now)])
        elif not (request.reduce_only and self.replacements.holds(request)):
            gateway = self.gateways[request.gateway]
            self.journal.write(gateway.submit(request, self._features.now_ns))
            self._asked(request)

    def _leave(self, requests: Sequence[OrderRequest]) -> None:
        """The orders are durable: they may be shown, and leave for their gateway, unless that changed."""
        now = self._features.now_ns
        stays: dict[str, str] = {}
        for request in requests:
            identity = request.client_order_id
            del self.work.sent[identity]
            why = self.cancels.revoked(identity) or stays.get(request.parent_id) or self._why_not(request)
            if why:
                stays[identity] = why
        self.orders += len(requests)
        if stays:
            self.journal.write(
                [
                    _order_event(request, OrderState.CANCELED, stays[request.client_order_id], now)
                    for request in requests
                    if request.client_order_id in stays
                ]
            )
        leaving = [request for request in requests if request.client_order_id not in stays]
        if leaving and not (leaving[0].reduce_only and self.replacements.holds(leaving[0])):
            self._to_gateway(leaving)

    def _to_gateway(self, requests: Sequence[OrderRequest]) -> None:
        first, now = requests[0], self._features.now_ns
        gateway, alone = self.gateways[first.gateway], len(requests) == 1
        self.journal.write(gateway.submit(first, now) if alone else gateway.submit_list(requests, now))
        for request in requests:
            self._asked(request)

    def _why_not(self, request: OrderRequest) -> str:
        """Why a durable order must not leave any more; "" when it may."""
        if not request.reduce_only:
            if self.gate.state is not RiskState.ACTIVE:
                return _OFF
            if self.work.exiting(request.symbol):
                # Beside an exit it would turn the position that the exit closes.
                return _EXITING
        return ""

    # --- changes ---

    def cancel_entries(self, symbol: str | None = None, why: str = "") -> int:
        """Cancel what is at work and could open a position (of one symbol, or all); returns how many.

        ``why``: "" where entries are off, or an exit of the symbol is on its way.
        """
        if not self.work.count(symbol):
            return 0
        return len(self.cancels.cancel_entries(symbol, why or (_OFF if symbol is None else _EXITING)))

    def _judged(self, verdict: Verdict) -> None:
        """A change."""
        self._record(verdict)
        if not verdict.approved:
            self.denied[verdict.code] += 1

    def _asked(self, request: OrderRequest) -> None:
        """A gateway was asked about an order of ours: the paper venue may wait for another moment now."""
        if request.gateway == PAPER:
            self.market.arm(self._instruments[self._index(request.symbol)])

    def take(self, reports: Sequence[Report]) -> None:
        """What a gateway reports later than it was asked."""
        self.journal.write(reports)

    def _folded(self, event: Report, order: Order | None) -> None:
        work = self.work
        if isinstance(event, OrderEvent) and order is not None and not event.state.terminal:
            # A step on the order's way: nothing follows from it, unless it is an exit that rests.
            if order.request.reduce_only and order.request.type is not OrderType.MARKET:
                self.booking.book(event, order)
        else:
            work.folded(event, order)
            self.booking.book(event, order)
        if work.leaving and order is not None and order.request.parent_id and _releases(event):
            self.cancels.released(order.request)
        if self.replacements.waiting:
            self.replacements.look()
        if self._routes and order is not None and order.gateway != PAPER:
            self.refused_exits.folded(event, order)
            if not self._hands_off:
                self.reductions.folded(order)

    def on_time(self) -> None:
        """Each bar interval."""
        self.market.on_time()
        if not self._hands_off:
            self.entry_cancels.on_time()
            for symbol in self._routes:
                self.reductions.look(symbol)

    def on_clock(self) -> None:
        """Time passed, with or without a tick."""
        self.market.on_clock()
        self.replacements.look()


def _releases(event: Report) -> bool:
    """A child is held no more; whatever else befalls it is no release."""
    return isinstance(event, OrderEvent) and event.state is OrderState.SUBMITTED


def _nothing() -> None:
    """Nothing follows."""


def _beginning(request: OrderRequest, verdict: Verdict, now: int) -> tuple[OrderEvent, OrderEvent]:
    """How an order begins: with its request, and with what became of it at the gate."""
    reason = ""
    if not verdict.approved:
        state, reason = OrderState.DENIED, f"{verdict.code} {verdict.detail}".strip()
    else:
        state = OrderState.HELD if request.parent_id else OrderState.SUBMITTED
    return (
        OrderEvent(
            request.client_order_id,
            request.symbol,
            OrderState.INITIALIZED,
            request.reason,
            now,
            request,
        ),
        OrderEvent(request.client_order_id, request.symbol, state, reason, now, None, verdict),
    )


def _order_event(request: OrderRequest, state: OrderState, reason: str, ns: int) -> OrderEvent:
    return OrderEvent(request.client_order_id, request.symbol, state, reason, ns)
