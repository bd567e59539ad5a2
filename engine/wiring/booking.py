"""What durable reports change beyond the order itself: money, positions and whose they are, exit levels."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.events import NS, Fill, Funding, OrderEvent, OrderRequest, OrderState, OrderType
from engine.execution.gateway import Report
from engine.execution.order import Order
from engine.portfolio.books import Books
from engine.risk.gate import RiskGate
from engine.wiring.exit_watch import ExitWatch


class Booking:
    """Books each report once, when it is on disk."""

    def __init__(
        self, books: Books, gate: RiskGate, watch: ExitWatch, alert: Callable[[str, str, str], None]
    ) -> None:
        """``alert(level, source, text)`` tells the person at the desk."""
        self._books = books
        self._gate = gate
        self._watch = watch
        self._alert = alert
        self.fills = 0
        self.on_booked: Callable[[Report, Order | None], None] = lambda event, order: None
        """Called with each fill and payment that is booked while the desk runs."""

    def book(self, event: Report, order: Order | None) -> None:
        """Book an event that the blotter has taken in, and have the position's levels watched anew."""
        if isinstance(event, Fill):
            self.fills += 1
            locked_ns = self.fold(event, order)
            self._watch.arm(event.symbol)
            if locked_ns:
                self._tell_locked(event, locked_ns)
            self.on_booked(event, order)
        elif isinstance(event, Funding):
            self.fold(event, order)
            self.on_booked(event, order)
        else:
            if order is not None and order.request.reduce_only and order.request.type is not OrderType.MARKET:
                self._watch.cover_changed(event.symbol)
            state = event.state if isinstance(event, OrderEvent) else None
            if state is not None and state.terminal and state is not OrderState.DENIED:
                # An exit that ended unfilled: its levels are watched again.
                self._watch.arm(event.symbol)

    def _tell_locked(self, fill: Fill, until_ns: int) -> None:
        seconds = (until_ns - fill.ns) / NS
        self._alert("warning", fill.symbol, f"not entered for {seconds:g} s: its stops were hit too often")

    def refusal(
        self, money: Fill | Funding, request: OrderRequest | None, coming: Iterable[Fill | Funding]
    ) -> str:
        """Why the books would not take it up, after what is ``coming``; "" when they would.

        To be asked before it is journaled: a journal that cannot be booked would keep the desk from starting.
        """
        unit = self._books.ledger.balances.unit
        closes = request is not None and request.reduce_only
        for other in coming:
            if isinstance(money, Funding) or isinstance(other, Funding):
                if _identity(money) == _identity(other) and money != other:
                    return f"{_identity(money)} is on its way already, with other numbers"
            elif money.trade_id == other.trade_id:
                return f"fill {money.trade_id} is on its way already, of {other.client_order_id}"
            elif money.symbol == other.symbol and not closes and unit(money.currency) != unit(other.currency):
                theirs, ours = other.currency or "none", money.currency or "no currency"
                return f"fill {money.trade_id} of {money.symbol} is in {ours}, one on its way in {theirs}"
        return self._books.ledger.refusal(money, closes=closes)

    def fold(self, event: Report, order: Order | None) -> int:
        """Book an event of the journal. Returns until when (ns) its symbol is locked by it; 0: it is not."""
        if isinstance(event, Fill):
            request = None if order is None else order.request
            after = self._books.apply(event, request)
            if request is None:
                return 0
            if request.reduce_only or not after.quantity:
                self._gate.on_exit(event.symbol, event.ns)
            return self._gate.on_fill(request, event.ns)
        if isinstance(event, Funding):
            self._books.fund(event)
        return 0


def _identity(money: Fill | Funding) -> str:
    return f"funding {money.funding_id}" if isinstance(money, Funding) else f"fill {money.trade_id}"
