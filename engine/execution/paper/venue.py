"""The paper venue as a gateway: orders, the market's data and the clock in, reports out.

Sans-IO and deterministic: the same calls give the same reports. All times are the desk's, ns.

What the wiring calls:

- ``submit``, ``submit_list``, ``amend``, ``cancel`` once what they ask for is durable (a cancel: at once).
  They answer what is due by then; with a latency above zero mostly nothing, the rest comes from the others.
- after each of them, and after each call below, ``wake_ns(symbol)``: from then on every tick of the symbol
  goes to ``on_quote``: one call a tick, after the tick was consumed, with the quote that stands *and* the
  newest print. Which of the two the tick was, the venue finds out by itself: another ``quote_id`` is a new
  quote, another ``trade_id`` a new print. A resting order must see every tick; then a past time is returned.
- ``due(now_ns)`` by a timer, at the latest at ``due_ns()``: what time alone brings about.
- ``on_depth`` with each snapshot of a book; it costs nothing until an order needs it. ``forget_depth`` when
  the book turns out wrong.
- ``funding`` now and then; ``state`` with what is saved, and ``restore`` once, before anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from engine.config import PaperConfig
from engine.events import Amendment, Depth, Fill, Funding, OrderRequest, OrderState, OrderType, TimeInForce
from engine.execution.gateway import Report, VenueAccount
from engine.execution.order import Order
from engine.execution.paper.acceptance import refusal
from engine.execution.paper.account import Account
from engine.execution.paper.answers import Answers
from engine.execution.paper.calm import Calm, calm
from engine.execution.paper.clock import Clock
from engine.execution.paper.display import Display, Print
from engine.execution.paper.executions import Executions
from engine.execution.paper.fees import Fees
from engine.execution.paper.funding import FundingClock
from engine.execution.paper.latency import Latency
from engine.execution.paper.matching import Matching
from engine.execution.paper.orders import OpenOrders, Phase, Working
from engine.execution.paper.saved import SavedVenue, revive, worth_keeping
from engine.execution.paper.wording import describe
from engine.instruments import Instrument, Instruments

_NO_CASH: Mapping[str, Decimal] = MappingProxyType({})
_GTD = TimeInForce.GTD


class PaperVenue:
    """Fills orders on paper. ``cash``: what the account starts with, by currency."""

    name = "paper"
    clamps = True

    def __init__(
        self, config: PaperConfig, instruments: Instruments, *, cash: Mapping[str, Decimal] = _NO_CASH
    ) -> None:
        self._instruments = instruments
        self._latency = Latency(config)
        self._orders = OpenOrders()
        self._funding = FundingClock(config, instruments)
        self._executions = Executions(self._orders, instruments, Fees(config), self._funding)
        self._clock = Clock(self._orders, self._executions, instruments, config.order_ttl_s)
        rest = config.market_remainder == "rest"
        self._matching = Matching(self._orders, self._executions, rest=rest)
        self._account = Account(cash)
        self._answers = Answers(self._latency, self._account)
        self._outbox = self._answers.outbox
        self._displays: dict[str, Display] = {}
        self._calm: dict[str, Calm] = {}
        """By symbol, what its orders wait for as they are; gone with any change of them."""
        self._notes: list[str] = []

    # --- the gateway ---

    def submit(self, request: OrderRequest, now_ns: int) -> list[Report]:
        """Send an order on its way; it is ACCEPTED when it arrives.

        An order that this venue cannot execute is REJECTED (a child: CANCELED) at once. An id submitted
        before is ignored.
        """
        identity, symbol = request.client_order_id, request.symbol
        if self._orders.known(identity):
            return []
        order = self._orders.begin(request, now_ns + self._latency.inward_ns(identity, "order"))
        self._account.begin(request)
        why = refusal(request, (request,), self._instruments)
        if why:
            self._turn_down(order, why, now_ns)
        return self._pass_time(symbol, now_ns)

    def submit_list(self, requests: Sequence[OrderRequest], now_ns: int) -> list[Report]:
        """Send orders on their way that arrive together. Children (``parent_id``) stay HELD until their
        parent fills, and are as large as its filled quantity; what one sibling fills, the others lose.

        A child whose parent is not at the venue is CANCELED on arrival.
        """
        reports: list[Report] = []
        travel_ns = self._latency.inward_ns(requests[0].client_order_id, "order") if requests else 0
        symbols: dict[str, None] = {}
        for request in requests:
            if self._orders.known(request.client_order_id):
                continue
            symbols[request.symbol] = None
            order = self._orders.begin(request, now_ns + travel_ns)
            self._account.begin(request)
            why = refusal(request, requests, self._instruments)
            if why:
                self._turn_down(order, why, now_ns)
        for symbol in symbols:
            reports += self._pass_time(symbol, now_ns)
        return reports

    def _turn_down(self, order: Working, why: str, now_ns: int) -> None:
        state = OrderState.CANCELED if order.request.parent_id else OrderState.REJECTED
        self._orders.remove(order, state)
        self._answers.send(order.symbol, [order.event(state, why, now_ns)])

    def amend(self, client_order_id: str, amendment: Amendment, now_ns: int) -> list[Report]:
        """Send an amendment on its way: UPDATED or UPDATE_REFUSED comes back. [] for an unknown order.

        Another price or a larger quantity loses the place in the queue; a smaller quantity keeps it.
        """
        return self._command(client_order_id, amendment, now_ns)

    def cancel(self, client_order_id: str, now_ns: int) -> list[Report]:
        """Send a cancel on its way: CANCELED, or CANCEL_REFUSED when the order was done before it arrived.
        [] for an unknown order. A parent takes its HELD children with it; siblings stay. CANCELED gives no
        reason: who asked knows it.

        A child whose parent has filled nothing is canceled at once: it is not in the book yet.
        """
        order = self._orders.get(client_order_id)
        if order is not None and order.request.parent_id and self._unreleased(order):
            self._calm.pop(order.symbol, None)
            out: list[Report] = []
            self._executions.end(order, OrderState.CANCELED, "", now_ns, out)
            return self._answers.deliver(out, now_ns)
        return self._command(client_order_id, None, now_ns)

    def _unreleased(self, order: Working) -> bool:
        before = order.phase in (Phase.HELD, Phase.TRAVELLING)
        return before and not self._orders.filled(order.request.parent_id)

    def waiting(self) -> dict[str, str]:
        """Client order id -> why the order is not done yet, one line."""
        return {order.id: describe(order) for order in self._orders}

    def trailing(self) -> dict[str, Decimal]:
        """Client order id -> where its trailing stop would be set off now; none before its first price."""
        return {
            order.id: order.stop_price
            for order in self._orders
            if order.request.type is OrderType.TRAILING_STOP and order.stop_price is not None
        }

    # --- market data ---

    def wake_ns(self, symbol: str) -> int | None:
        """From when on the symbol's ticks matter: a past time while an order of it is at the venue, the
        next arrival (of an order, a message or a report) otherwise, None when nothing is expected."""
        orders = self._orders.at(symbol)
        for order in orders:
            if order.working:
                return order.arrival_ns
        if not (orders or self._clock.commands or self._outbox.any(symbol)):
            return None
        due = self._clock.next_ns(symbol), self._outbox.due_ns(symbol)
        return min((ns for ns in due if ns is not None), default=None)

    def on_quote(
        self,
        symbol: str,
        bid: float,
        bid_size: float,
        ask: float,
        ask_size: float,
        last: float,
        now_ns: int,
        quote_id: int,
        *,
        stale: bool = False,
        trade_id: int | None = None,
        last_size: float = 0.0,
        traded_ns: int = 0,
        aggressor: int = 0,
    ) -> list[Report]:
        """A tick: the quote that stands after it, and the newest print. What happened comes back, as far as
        its reports have arrived.

        bid, ask: NaN where there is none to be believed; without both, prints stand for the market. A size
        that is NaN or zero displays nothing.
        quote_id: another one is a new quote, whose best levels are whole again.
        stale: the quote is too old: it fills nothing and sets nothing off.
        last, last_size, traded_ns, aggressor: the newest print, when the desk consumed it, and its taker's
        side (+1 bought, -1 sold, 0 unknown). ``trade_id``: another one, of now, is a new print; None: not
        told, then ``last`` only sets stops off. ``last`` is NaN when none is to be believed: it sets nothing
        off. No id may be one of an earlier run.
        """
        if not self._concerns(symbol):
            return []
        instrument = self._instrument(symbol)
        display = self._display(symbol)
        trade = None
        if trade_id is not None and trade_id != display.trade_id:
            display.trade_id = trade_id
            if traded_ns >= now_ns:  # else it was before anything of ours was here
                trade = last, last_size, traded_ns, aggressor
        fresh = display.quote(instrument, quote_id, (bid, bid_size), (ask, ask_size), last, stale)
        if trade is None and not (stale or self._clock.commands or self._outbox.any(symbol)):
            reports = self._fill_alone(instrument, display, now_ns)
            if reports is not None:
                return reports
        return self._tick(instrument, display, fresh, trade, now_ns)

    def on_depth(self, depth: Depth) -> None:
        """The newest snapshot of a book. It is used while its best level is the quote's, for a second."""
        if self._instruments.get(depth.symbol) is not None:
            self._display(depth.symbol).snapshot(depth)

    def forget_depth(self, symbol: str) -> None:
        """The symbol's book is wrong: what it showed is not to be filled against."""
        display = self._displays.get(symbol)
        if display is not None:
            display.forget_depth()
            self._calm.pop(symbol, None)

    def _fill_alone(self, instrument: Instrument, display: Display, now_ns: int) -> list[Report] | None:
        """``_tick`` where the symbol's only order is one to market that is there in time, and the best level
        holds all of it; None where it is another case."""
        symbol = instrument.symbol
        orders = self._orders.at(symbol)
        if len(orders) != 1 or not self._latency.back_at_once:
            return None
        order = orders[0]
        if order.request.time_in_force is _GTD or self._clock.lapsed(order, now_ns):
            return None
        display.deepen(instrument, now_ns)
        out: list[Report] = []
        if not self._matching.fill_alone(order, display, now_ns, out):
            return None
        self._calm.pop(symbol, None)
        return self._answers.deliver(out, now_ns)

    def _tick(
        self,
        instrument: Instrument,
        display: Display,
        fresh: bool,
        trade: tuple[float, float, int, int] | None,
        now_ns: int,
    ) -> list[Report]:
        symbol = instrument.symbol
        out: list[Report] = []
        known = self._calm.pop(symbol, None)
        if known is None or known.over(now_ns):
            known = None
            self._clock.advance(symbol, now_ns, out)
        display.deepen(instrument, now_ns)
        printed: Print | None = None
        if trade is not None:
            price, size, traded_ns, aggressor = trade
            printed = display.trade(instrument, price, size, traded_ns, aggressor, now_ns)
        if known is not None and known.keeps(display, printed):
            self._calm[symbol] = known
            return self._answers.receive(symbol, now_ns)
        if printed is not None:
            self._matching.on_print(symbol, display, printed, now_ns, out)
        if display.stale:
            self._matching.stale(symbol, now_ns, out)
        else:
            self._matching.watch(symbol, display, now_ns, out)
            if display.quoted:
                self._matching.on_quote(symbol, display, fresh, now_ns, out)
            elif printed is not None:
                self._matching.take_print(symbol, display, printed, now_ns, out)
            orders = self._orders.at(symbol)
            found = calm(orders, self._clock.next_ns(symbol)) if orders else None
            if found is not None:
                self._calm[symbol] = found
        return self._answers.answer(symbol, out, now_ns)

    # --- time ---

    def due_ns(self) -> int | None:
        """When ``due`` has something to do next, whether or not the market ticks; None: nothing is
        expected."""
        if not (self._orders.by_symbol or self._outbox.parcels or self._clock.commands):
            return None
        symbols, parcels = self._orders.symbols(), self._outbox.symbols()
        times = [
            self._clock.next_ns(symbol) if (known := self._calm.get(symbol)) is None else known.due_ns
            for symbol in symbols
        ]
        times += [command.arrival_ns for command in self._clock.commands]
        times += [self._outbox.due_ns(symbol) for symbol in parcels]
        return min((ns for ns in times if ns is not None), default=None)

    def due(self, now_ns: int) -> list[Report]:
        """What time alone brings about: orders and messages arrive, orders expire or are given up, and
        reports come back. Nothing fills: that takes market data."""
        symbols = dict.fromkeys(
            [
                *self._orders.symbols(),
                *(command.symbol for command in self._clock.commands),
                *self._outbox.symbols(),
            ]
        )
        reports: list[Report] = []
        for symbol in symbols:
            known = self._calm.get(symbol)
            over = known is None or known.over(now_ns)
            reports += self._pass_time(symbol, now_ns) if over else self._answers.receive(symbol, now_ns)
        return reports

    def funding(self, now_ns: int, mark: Callable[[str], float]) -> list[Funding]:
        """The payments that are due, at each symbol's ``mark`` (NaN: it waits). Ids are deterministic."""
        # Where nothing is charged nobody looks at the account, which is made when it is looked at.
        positions = self._account.positions if self._funding.costs else {}
        payments = self._funding.due(positions, now_ns, mark)
        for payment in payments:
            self._account.tell(payment)
        return payments

    # --- books ---

    def account(self, now_ns: int) -> VenueAccount:
        """Orders, fills, positions and cash as of the reports handed over so far; cash by quote currency."""
        return self._account.view(now_ns)

    # --- restart ---

    def state(self) -> dict[str, Any]:
        """What the next run needs beside the journal, JSON-able: places in queues, high-water marks, what is
        taken off the display, what travels, the funding time."""
        saved = SavedVenue(
            ns=self._answers.now_ns,
            sequence=self._orders.sequence,
            orders=list(self._orders),
            told=self._account.told,
            commands=self._clock.commands,
            outbox=self._outbox.state(),
            displays=worth_keeping(self._displays),
            funded=self._funding.settled(),
            cash=self._account.cash,
        )
        state: dict[str, Any] = msgspec.to_builtins(saved)
        return state

    def restore(
        self,
        orders: Iterable[Order],
        state: Mapping[str, Any] | None,
        positions: Mapping[str, Decimal],
        now_ns: int,
        *,
        cash: Mapping[str, Decimal] | None = None,
        funded_ns: Mapping[str, int] = MappingProxyType({}),
        payments_ns: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Take up the journal's ``orders`` (this gateway's; ended ones are only remembered) and ``positions``
        (signed), with what ``state`` gave in an earlier run.

        The journal is the truth: what ``state`` says of an order that contradicts it is dropped. An order
        that ``state`` does not know takes a new place, behind everything displayed; ``notes`` says so. Orders
        that cannot wait (market orders) are to be ended in the journal before, and their children with them.
        ``cash``: by currency, instead of the state's. ``funded_ns``: up to when funding is settled by the
        journal, by symbol; ``payments_ns``: when its newest payment was, also where nothing is held now.
        Raises msgspec.ValidationError for a state that is none.
        """
        saved = msgspec.convert(state, SavedVenue) if state else SavedVenue()
        saved.follow_clock(now_ns)
        known = list(orders)
        self._calm.clear()
        self._outbox.restore(saved.outbox)
        revived = revive(known, saved, self._outbox, now_ns)
        for order in revived.orders:
            self._orders.add(order)
        self._orders.ended.update(revived.ended)
        self._orders.sequence = revived.sequence
        self._displays = saved.displays
        for display in self._displays.values():
            display.last = None
        self._clock.commands = [one for one in saved.commands if self._orders.known(one.client_order_id)]
        still = [one for one in known if not one.state.terminal]
        self._account.restore(still, saved.cash if cash is None else cash, positions)
        self._executions.positions = dict(self._account.positions)
        paid = {symbol: max(saved.funded.get(symbol, 0), funded_ns.get(symbol, 0)) for symbol in positions}
        self._funding.restore(paid, now_ns, payments_ns)
        for report in self._outbox.reports():
            if isinstance(report, Fill):
                self._executions.move(report.symbol, report.quantity * report.side.sign, report.ns)
        self._notes += revived.notes()
        for symbol in positions:
            missing = self._funding.missing(symbol, now_ns)
            if missing:
                self._notes.append(f"{missing} funding times of {symbol} passed: booked at the mark of now")

    def notes(self) -> list[str]:
        """What a person should know of the last restart, a line each; asked once."""
        notes, self._notes = self._notes, []
        return notes

    # --- inside ---

    def _command(self, client_order_id: str, amendment: Amendment | None, now_ns: int) -> list[Report]:
        symbol = self._orders.symbol_of(client_order_id)
        if symbol is None:
            return []
        what = "cancel" if amendment is None else "amendment"
        arrival_ns = now_ns + self._latency.inward_ns(client_order_id, f"{what} {now_ns}")
        self._clock.send(client_order_id, symbol, arrival_ns, amendment)
        return self._pass_time(symbol, now_ns)

    def _concerns(self, symbol: str) -> bool:
        return (
            self._orders.any(symbol)
            or self._outbox.any(symbol)
            or any(command.symbol == symbol for command in self._clock.commands)
        )

    def _pass_time(self, symbol: str, now_ns: int) -> list[Report]:
        self._calm.pop(symbol, None)
        out: list[Report] = []
        self._clock.advance(symbol, now_ns, out)
        return self._answers.answer(symbol, out, now_ns)

    def _instrument(self, symbol: str) -> Instrument:
        instrument = self._instruments.get(symbol)
        assert instrument is not None  # only orders of known symbols get in
        return instrument

    def _display(self, symbol: str) -> Display:
        display = self._displays.get(symbol)
        if display is None:
            display = self._displays[symbol] = Display()
        return display
