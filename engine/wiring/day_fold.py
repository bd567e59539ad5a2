"""The journal folded up to the end of a day: the books, and what happened within it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from engine.events import (
    ChangeKind,
    Fill,
    Funding,
    JournalEvent,
    LimitChange,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    RiskChange,
)
from engine.execution.order import PAPER
from engine.portfolio.books import Books
from engine.portfolio.day import DAY_NS
from engine.portfolio.exact import ZERO, add, multiply, subtract
from engine.portfolio.report.day import Happening
from engine.portfolio.slippage import Slippage
from engine.store.codec import decode_journal
from engine.store.read import Reader
from engine.text import clean

_GONE = frozenset({OrderState.DENIED, OrderState.REJECTED})
"""No fill follows."""
_ENDED = frozenset({OrderState.CANCELED, OrderState.EXPIRED})
"""A fill may follow, but not from the paper venue."""


class DayFold:
    """``books`` up to the begin of the day by ``before``, then up to its end by ``within``."""

    def __init__(self, books: Books, begin_ns: int, until_ns: int) -> None:
        self.books = books
        self._begin_ns = begin_ns
        self._until_ns = until_ns
        self._requests: dict[str, tuple[OrderRequest, Decimal]] = {}
        """Orders that may fill, and what is left of them."""
        self._events: Iterator[JournalEvent] = iter(())
        self._first: JournalEvent | None = None
        self._lasts = until_ns < begin_ns + DAY_NS
        """The day is not over: nothing can be of after it."""
        self.fills = self.rejected = self.left_out = 0
        self.traded: dict[str, Decimal] = {}
        """Notional by currency."""
        self.slippage = Slippage()
        self.states: list[Happening] = []
        self.limits: list[Happening] = []
        self.denied: Counter[str] = Counter()

    def before(self, reader: Reader) -> None:
        """Fold what was before the day. Raises OrderError where the journal contradicts itself.

        What is dated later than something that follows it was written by a clock that was ahead.
        """
        kinds = (OrderEvent, OrderChange, Fill, Funding, RiskChange, LimitChange)
        begin = reader.last_seq_before(self._begin_ns)
        for body in reader.bodies(*kinds, up_to=begin):
            self._fold(decode_journal(body))
        last = reader.last_seq() if self._lasts else reader.last_seq_before(self._until_ns)
        self._events = (decode_journal(body) for body in reader.bodies(*kinds, since=begin, up_to=last))
        for event in self._events:
            if self._begin_ns <= event.ns < self._until_ns:
                self._first = event
                return
            self._fold(event)

    def within(self) -> None:
        """Fold the day itself."""
        if self._first is not None:
            self._see(self._first)
        for event in self._events:
            self._see(event)

    def _see(self, event: JournalEvent) -> None:
        if isinstance(event, Fill):
            self._count(event)
        elif isinstance(event, OrderEvent):
            if event.state is OrderState.DENIED:
                told = event.reason.split(" ", 1)[0] if event.verdict is None else event.verdict.code
                self.denied[clean(told, 40) or "unknown"] += 1
            elif event.state is OrderState.REJECTED:
                self.rejected += 1
        elif isinstance(event, RiskChange):
            text = (
                f"{event.previous.value.upper()} → {event.state.value.upper()} by {event.who}: {event.reason}"
            )
            self.states.append(Happening(event.ns, clean(text, 300)))
        elif isinstance(event, LimitChange):
            values = f"{event.previous or 'none of its own'} → {event.value or 'as configured'}"
            text = f"{event.name} of {event.scope}: {values} by {event.who}"
            self.limits.append(Happening(event.ns, clean(text, 300)))
        self._fold(event)

    def _count(self, fill: Fill) -> None:
        request, _ = self._requests.get(fill.client_order_id, (None, ZERO))
        unit = self.books.ledger.balances.unit(fill.currency)
        self.fills += 1
        self.left_out += request is None
        self.traded[unit] = add(self.traded.get(unit, ZERO), multiply(fill.quantity, fill.price))
        self.slippage.apply(fill, unit, None if request is None else request.purpose, ())

    def _fold(self, event: JournalEvent) -> None:
        if isinstance(event, OrderEvent):
            if event.request is not None:
                self._requests[event.client_order_id] = (event.request, event.request.quantity)
            elif event.state in _GONE:
                self._requests.pop(event.client_order_id, None)
            elif event.state in _ENDED:
                request, _ = self._requests.get(event.client_order_id, (None, ZERO))
                if request is not None and request.gateway == PAPER:
                    del self._requests[event.client_order_id]
        elif isinstance(event, OrderChange):
            self._change(event)
        elif isinstance(event, Fill):
            request, left = self._requests.get(event.client_order_id, (None, ZERO))
            self.books.apply(event, request)
            if request is not None:
                self._keep(event.client_order_id, request, subtract(left, event.quantity))
        elif isinstance(event, Funding):
            self.books.fund(event)

    def _change(self, change: OrderChange) -> None:
        """A bracket's child grows with its parent: more of it may fill."""
        request, left = self._requests.get(change.client_order_id, (None, ZERO))
        quantity = None if change.amendment is None else change.amendment.quantity
        if request is not None and quantity is not None and change.kind is ChangeKind.UPDATED:
            left = add(left, subtract(quantity, request.quantity))
            self._keep(change.client_order_id, msgspec.structs.replace(request, quantity=quantity), left)

    def _keep(self, identity: str, request: OrderRequest, left: Decimal) -> None:
        if left > 0:
            self._requests[identity] = (request, left)
        else:
            del self._requests[identity]
