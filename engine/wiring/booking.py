"""What durable reports change beyond the order itself: money, positions and whose they are, exit levels."""

from __future__ import annotations

from engine.events import Fill, Funding, OrderEvent, OrderState
from engine.execution.gateway import Report
from engine.execution.order import Order
from engine.portfolio.books import Books
from engine.wiring.exit_watch import ExitWatch


class Booking:
    """Books each report once, when it is on disk."""

    def __init__(self, books: Books, watch: ExitWatch) -> None:
        self._books = books
        self._watch = watch
        self.exited_ns: dict[str, int] = {}
        """When a symbol was last left."""
        self.fills = 0

    def book(self, event: Report, order: Order | None) -> None:
        """Book an event that the blotter has taken in, and have the position's levels watched anew."""
        if self.fold(event, order):
            self.fills += 1
            self._watch.arm(event.symbol)
        elif isinstance(event, OrderEvent) and event.state.terminal and event.state is not OrderState.DENIED:
            # An exit that ended unfilled: its levels are watched again.
            self._watch.arm(event.symbol)

    def fold(self, event: Report, order: Order | None) -> bool:
        """Book an event of the journal; True when it was a fill."""
        if isinstance(event, Fill):
            self._fill(event, order)
            return True
        if isinstance(event, Funding):
            self._books.fund(event)
        return False

    def _fill(self, fill: Fill, order: Order | None) -> None:
        request = None if order is None else order.request
        after = self._books.apply(fill, request)
        if request is not None and (request.reduce_only or not after.quantity):
            self.exited_ns[fill.symbol] = fill.ns
