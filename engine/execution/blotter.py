"""The blotter: all orders of the desk, and the ways to find them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType

from engine.errors import OrderError
from engine.events import Fill, OrderChange, OrderEvent, OrderState
from engine.execution.order import TERMINAL, Order

_NO_ORDERS: Mapping[str, Order] = MappingProxyType({})


class Blotter:
    """All orders by client order id, in the order in which they were made."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._open: dict[str, dict[str, Order]] = {}
        self._open_at: dict[str, dict[str, Order]] = {}
        self._children: dict[str, list[Order]] = {}
        self._lists: dict[str, list[Order]] = {}
        self.open_count = 0
        """How many are not done."""
        self.counts: Counter[OrderState] = Counter()
        """How many are in each state."""

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[Order]:
        return iter(self._orders.values())

    def __contains__(self, client_order_id: str) -> bool:
        """Whether the id was ever used: ids are unique for ever."""
        return client_order_id in self._orders

    def get(self, client_order_id: str) -> Order | None:
        return self._orders.get(client_order_id)

    def open_count_of(self, symbol: str) -> int:
        """How many of the symbol's orders are not done."""
        return len(self._open.get(symbol, _NO_ORDERS))

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Orders that are not done, oldest first; of one symbol, or by symbol in order of its first order."""
        if symbol is not None:
            return list(self._open.get(symbol, _NO_ORDERS).values())
        return [order for orders in self._open.values() for order in orders.values()]

    def open_at(self, gateway: str) -> list[Order]:
        """Orders of a gateway that are not done, oldest first."""
        return list(self._open_at.get(gateway, _NO_ORDERS).values())

    def children(self, parent_id: str) -> list[Order]:
        """The orders that a bracket's parent releases, done or not, as they were made."""
        return list(self._children.get(parent_id, ()))

    def of_list(self, list_id: str) -> list[Order]:
        """The orders of a list, done or not, as they were made."""
        return list(self._lists.get(list_id, ())) if list_id else []

    def by_state(self, state: OrderState) -> list[Order]:
        """Orders in a state, as they were made. Looks at all of them."""
        return [order for order in self._orders.values() if order.state is state]

    def recent(self, n: int, skip: int = 0) -> list[Order]:
        """The ``n`` orders made last, newest first; without the ``skip`` newest."""
        return list(islice(reversed(self._orders.values()), skip, skip + n))

    def apply(self, event: OrderEvent | OrderChange | Fill) -> Order:
        """Fold one event in and return its order; a fill that is already in changes nothing.

        Raises OrderError, and changes nothing, on what ``Order.apply`` refuses, an id that is used again or
        an unknown order.
        """
        order = self._orders.get(event.client_order_id)
        return self._begin(event) if order is None else self.fold(order, event)

    def fold(self, order: Order, event: OrderEvent | OrderChange | Fill) -> Order:
        """``apply`` for an order of this blotter."""
        before = order.state
        order.apply(event)
        after = order.state
        if after is not before:
            self.counts[before] -= 1
            self.counts[after] += 1
            over = before in TERMINAL
            if (after in TERMINAL) is over:
                pass
            elif not over:
                self._close(order)
            else:
                # A live venue filled a part of what it had canceled: it is at work again until that ends.
                self._open_up(order)
        return order

    def _begin(self, event: OrderEvent | OrderChange | Fill) -> Order:
        if isinstance(event, Fill):
            raise OrderError(f"fill {event.trade_id} is for the unknown order {event.client_order_id}")
        if isinstance(event, OrderChange):
            raise OrderError(f"{event.kind.value} is for the unknown order {event.client_order_id}")
        order = Order.begin(event)
        request = order.request
        self._orders[request.client_order_id] = order
        if request.parent_id:
            self._children.setdefault(request.parent_id, []).append(order)
        if request.list_id:
            self._lists.setdefault(request.list_id, []).append(order)
        self._open_up(order)
        self.counts[order.state] += 1
        return order

    def _open_up(self, order: Order) -> None:
        request = order.request
        self._open.setdefault(request.symbol, {})[request.client_order_id] = order
        self._open_at.setdefault(request.gateway, {})[request.client_order_id] = order
        self.open_count += 1

    def _close(self, order: Order) -> None:
        request = order.request
        del self._open[request.symbol][request.client_order_id]
        del self._open_at[request.gateway][request.client_order_id]
        self.open_count -= 1
