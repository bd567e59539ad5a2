"""Orders at work: those sent whose commit is still on its way, and the open ones of the blotter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from engine.events import (
    Amendment,
    ChangeKind,
    OrderChange,
    OrderRequest,
    OrderState,
    OrderType,
    Pending,
)
from engine.execution.blotter import Blotter
from engine.execution.gateway import Report
from engine.execution.order import Order

_ZERO = Decimal(0)


class OrderWork:
    """A sent order counts at once, although it is shown only when it is durable."""

    def __init__(self, blotter: Blotter) -> None:
        self._blotter = blotter
        self.sent: dict[str, OrderRequest] = {}
        """Approved, not durable yet."""
        self.denied: dict[str, OrderRequest] = {}
        """Denied, not durable yet: their ids are used all the same."""
        self.leaving: set[str] = set()
        """Open orders whose gateway was asked to cancel them, and has not answered."""
        self.asked: dict[str, Amendment] = {}
        """What open orders were approved to become, and were not answered: they count as it."""

    def __iter__(self) -> Iterator[tuple[OrderRequest, Decimal]]:
        """(request, quantity that may still fill) of each that may fill now: a held child may not."""
        for request in self.sent.values():
            if not request.parent_id:
                yield request, request.quantity
        for order in self._blotter.open_orders():
            if order.state is not OrderState.HELD:
                yield order.request, order.leaves

    def known(self, client_order_id: str) -> bool:
        """Whether the id was used before: ids are unique for ever."""
        return (
            client_order_id in self.sent or client_order_id in self.denied or client_order_id in self._blotter
        )

    def request(self, client_order_id: str) -> OrderRequest | None:
        """As the order was asked for; None when the id was never used."""
        begun = self.sent.get(client_order_id) or self.denied.get(client_order_id)
        order = self._blotter.get(client_order_id)
        return begun if begun is not None or order is None else order.request

    def list_ids(self, client_order_id: str) -> list[str]:
        """Of all orders of the known order's list, as they were made; its own alone when it has none."""
        begun = self.sent | self.denied
        sent = begun.get(client_order_id)
        if sent is not None:
            together = [request for request in begun.values() if request.list_id == sent.list_id]
        else:
            order = self._blotter.get(client_order_id)
            assert order is not None  # it is known
            sent = order.request
            together = [other.request for other in self._blotter.of_list(sent.list_id)]
        return [request.client_order_id for request in together] if sent.list_id else [client_order_id]

    def ids(self) -> list[str]:
        """Of every order at work, durable or not."""
        return [*self.sent, *(order.client_order_id for order in self._blotter.open_orders())]

    def entries(self, symbol: str | None = None) -> list[str]:
        """Ids of those at work that could open or enlarge a position (of the symbol)."""
        requests = [*self.sent.values(), *(order.request for order in self._blotter.open_orders())]
        return [
            request.client_order_id
            for request in requests
            if not request.reduce_only and symbol in (None, request.symbol)
        ]

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Durable ones that are not done, oldest first."""
        return self._blotter.open_orders(symbol)

    def count(self, symbol: str | None = None) -> int:
        """How many are at work, in all or of one symbol; held ones included."""
        if symbol is None:
            return self._blotter.open_count + len(self.sent)
        count = self._blotter.open_count_of(symbol)
        for request in self.sent.values():
            if request.symbol == symbol:
                count += 1
        return count

    def busy(self, symbol: str) -> bool:
        """Whether an order is at work that opens the symbol's position, or closes it now.

        Exits that wait for a price are neither.
        """
        sent = any(request.symbol == symbol and not rests(request) for request in self._alone())
        return sent or any(
            order.state is not OrderState.HELD and not waits_for_price(order)
            for order in self._blotter.open_orders(symbol)
        )

    def exiting(self, symbol: str) -> bool:
        """Whether an exit of the symbol is at work that waits for no price."""
        return self.count(symbol) > 0 and any(True for _ in self._exits(symbol))

    def closing(self, symbol: str, *, but_id: str = "") -> Decimal:
        """Unsigned quantity of the symbol that such exits (but one) may still close."""
        if not self.count(symbol):
            return _ZERO
        return sum((leaves for identity, leaves in self._exits(symbol) if identity != but_id), _ZERO)

    def _exits(self, symbol: str) -> Iterator[tuple[str, Decimal]]:
        """Stops that were set off among them: they take whatever is there."""
        for request in self._alone():
            if request.symbol == symbol and request.reduce_only and not rests(request):
                yield request.client_order_id, request.quantity
        for order in self._blotter.open_orders(symbol):
            at_work = order.request.reduce_only and order.state is not OrderState.HELD
            if at_work and not waits_for_price(order):
                yield order.client_order_id, order.leaves

    def resting_exits(self, symbol: str) -> Iterator[tuple[OrderRequest, Decimal]]:
        """(request, quantity that may still fill) of the symbol's exits that wait for a price."""
        for request in self._alone():
            if request.symbol == symbol and rests(request):
                yield request, request.quantity
        for order in self._blotter.open_orders(symbol):
            if order.state is not OrderState.HELD and waits_for_price(order):
                yield order.request, order.leaves

    def _alone(self) -> Iterator[OrderRequest]:
        """Those sent that no parent holds back."""
        return (request for request in self.sent.values() if not request.parent_id)

    def folded(self, event: Report, order: Order | None) -> None:
        """The blotter took an event in: a denial is durable, a cancel or a change may be answered."""
        if order is None:
            return
        if isinstance(event, OrderChange) and event.kind is ChangeKind.UPDATE_ASKED:
            if event.amendment is not None:
                self.asked[order.request.client_order_id] = event.amendment
        elif self.asked:
            answered = isinstance(event, OrderChange) and order.pending is Pending.NONE
            if answered or order.state.terminal:
                self.asked.pop(order.client_order_id, None)
        if self.denied and order.state is OrderState.DENIED:
            self.denied.pop(order.client_order_id, None)
        if self.leaving:
            refused = isinstance(event, OrderChange) and event.kind is ChangeKind.CANCEL_REFUSED
            if refused or order.state.terminal:
                self.leaving.discard(order.client_order_id)


def rests(request: OrderRequest) -> bool:
    """Whether it is an exit that waits for a price, as the children of a bracket do."""
    return request.reduce_only and request.type is not OrderType.MARKET


def waits_for_price(order: Order) -> bool:
    """Whether it is an exit that rests still: a stop that was set off takes any price."""
    return rests(order.request) and not set_off(order)


def set_off(order: Order) -> bool:
    """Whether its trigger fired, and any price will do."""
    kind = order.request.type
    return kind.triggered and not kind.limited and (order.state is OrderState.TRIGGERED or order.filled > 0)


def most(exits: Iterable[tuple[OrderRequest, Decimal]]) -> Decimal:
    """What (request, quantity) may fill together: of linked ones, which fill in place of each other, the
    largest."""
    linked: dict[str, Decimal] = {}
    for request, quantity in exits:
        name = min((request.client_order_id, *request.siblings))
        linked[name] = max(quantity, linked.get(name, quantity))
    return sum(linked.values(), Decimal(0))
