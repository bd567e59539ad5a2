"""Orders at work: those sent whose commit is still on its way, and the open ones of the blotter."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from engine.events import OrderRequest
from engine.execution.blotter import Blotter

_ZERO = Decimal(0)


class OrderWork:
    """A sent order counts at once, although it is shown only when it is durable."""

    def __init__(self, blotter: Blotter) -> None:
        self._blotter = blotter
        self.sent: dict[str, OrderRequest] = {}
        """Approved, not durable yet."""

    def __iter__(self) -> Iterator[tuple[OrderRequest, Decimal]]:
        """(request, quantity that may still fill) of each."""
        for request in self.sent.values():
            yield request, request.quantity
        for order in self._blotter.open_orders():
            yield order.request, order.leaves

    def known(self, client_order_id: str) -> bool:
        """Whether the id was used before: ids are unique for ever."""
        return client_order_id in self.sent or client_order_id in self._blotter

    def count(self, symbol: str | None = None) -> int:
        """How many are at work, in all or of one symbol."""
        if symbol is None:
            return self._blotter.open_count + len(self.sent)
        count = self._blotter.open_count_of(symbol)
        for request in self.sent.values():
            if request.symbol == symbol:
                count += 1
        return count

    def exiting(self, symbol: str) -> bool:
        """Whether an exit of the symbol is at work."""
        return any(request.symbol == symbol and request.reduce_only for request, _ in self)

    def entering(self, source: str) -> Decimal:
        """Open notional, at the decision's price, of the entries that a strategy is behind."""
        total = _ZERO
        for request, leaves in self:
            if not request.reduce_only and source in request.sources:
                total += leaves * Decimal(repr(request.decision_price))
        return total
