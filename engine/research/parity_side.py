"""One side of a parity report, folded from a journal: paper trading's, or a backtest's."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from engine.events import (
    Alert,
    Fill,
    Funding,
    JournalEvent,
    LimitChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    RiskChange,
    RiskState,
)
from engine.portfolio.books import Books
from engine.portfolio.exact import ZERO
from engine.portfolio.round_trips import RoundTrip
from engine.research.parity import Changed, Denial, Hole, Order, Side, Trip
from engine.text import clean

_LOST = ("ticks or frames are not on the tape", "recording ends")
_EXITS = "exits"
"""Scope of changed stops and targets."""
_BLOCKING = (RiskState.REDUCING, RiskState.HALTED)


class SideFold:
    """``see`` each event of the journal in order; ``side`` is what came of it."""

    def __init__(self, books: Books, since_ns: int, until_ns: int) -> None:
        self._books = books
        self._since_ns = since_ns
        self._until_ns = until_ns
        self._requests: dict[str, OrderRequest] = {}
        self._held: dict[str, Decimal] = {}
        self._entries: dict[str, OrderRequest | None] = {}
        """By symbol: what began the open trade."""
        self._trips: list[Trip] = []
        self._open: dict[str, Trip] = {}
        self._denials: list[Denial] = []
        self._changes: list[Changed] = []
        self._holes: list[Hole] = []

    def see(self, event: JournalEvent) -> None:
        if event.ns >= self._until_ns:
            return
        if isinstance(event, OrderEvent):
            self._order(event)
        elif isinstance(event, Fill):
            self._fill(event)
        elif isinstance(event, Funding):
            self._books.fund(event)
        elif isinstance(event, RiskChange):
            told = f"{event.state.value} by {event.who}: {event.reason}"
            blocks = event.state in _BLOCKING
            self._changes.append(Changed(event.ns, "state", clean(told, 200), "", blocks))
        elif isinstance(event, LimitChange) and event.scope == _EXITS:
            # One of risk denies, or changes the state: both are told by themselves.
            values = f"{event.previous} → {event.value or 'as configured'}"
            told = f"limit {event.name} of {event.scope}: {values} by {event.who}"
            self._changes.append(Changed(event.ns, "limit", clean(told, 200)))
        elif isinstance(event, Alert) and any(text in event.text for text in _LOST):
            self._holes.append(
                Hole("", event.ns, event.ns, f"the tape lacks ticks: {clean(event.text, 120)}")
            )

    def side(
        self,
        *,
        changes: Iterable[Changed] = (),
        holes: Iterable[Hole] = (),
        strategies: tuple[str, ...] | None = None,
    ) -> Side:
        """Of trades that were open in the time."""
        trips = [one for one in self._trips if one.closed_ns >= self._since_ns]
        return Side(
            (*trips, *self._open.values()),
            tuple(self._denials),
            (*self._changes, *changes),
            (*self._holes, *holes),
            strategies,
        )

    def _order(self, event: OrderEvent) -> None:
        if event.request is not None:
            self._requests[event.client_order_id] = event.request
        if event.state is not OrderState.DENIED or event.ns < self._since_ns:
            return
        request = self._requests.get(event.client_order_id)
        code = event.reason.split(" ", 1)[0] if event.verdict is None else event.verdict.code
        detail = "" if event.verdict is None else clean(event.verdict.detail, 120)
        side = "" if request is None else request.side.name
        self._denials.append(Denial(event.ns, event.symbol, side, clean(code, 40), detail))

    def _fill(self, fill: Fill) -> None:
        request = self._requests.get(fill.client_order_id)
        symbol, trips = fill.symbol, self._books.round_trips
        before, ended = self._held.get(symbol, ZERO), trips.count()
        position = self._books.apply(fill, request)
        after = self._held[symbol] = position.quantity
        if trips.count() > ended:
            entry = self._entries.pop(symbol, None)
            self._open.pop(symbol, None)
            self._trips.append(_trip(trips.recent(1)[0], entry, request))
        if after and (not before or (before > 0) is not (after > 0)):
            self._entries[symbol] = request
            self._open[symbol] = Trip(
                symbol,
                "BUY" if after > 0 else "SELL",
                *(float(abs(after)), float(fill.price), 0.0, fill.ns, 0, float(fill.fee), 0.0, fill.currency),
                entry=_order(request),
            )
        elif after and symbol in self._open:
            opened = self._open[symbol]
            self._open[symbol] = Trip(
                symbol,
                opened.side,
                float(abs(after)),
                float(position.average_price),
                *(0.0, opened.opened_ns, 0, opened.fees + float(fill.fee), 0.0, fill.currency),
                entry=opened.entry,
            )


def _trip(trip: RoundTrip, entry: OrderRequest | None, exit: OrderRequest | None) -> Trip:
    return Trip(
        trip.symbol,
        trip.side.name,
        float(trip.quantity),
        float(trip.entry_price),
        float(trip.exit_price),
        trip.opened_ns,
        trip.closed_ns,
        float(trip.fees),
        float(trip.net),
        trip.currency,
        _order(entry),
        _order(exit),
    )


def _order(request: OrderRequest | None) -> Order | None:
    if request is None:
        return None
    return Order(
        request.decision_ns,
        request.decision_price,
        request.purpose.value,
        clean(request.who, 60),
        request.sources,
    )
