"""Orders as folds over their events, and the blotter that holds all of them.

``TRANSITIONS`` is the one place that says which state may follow which.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from types import MappingProxyType

import msgspec

from engine.errors import OrderError
from engine.events import Fill, OrderEvent, OrderRequest, OrderState

_ZERO = Decimal(0)
_S = OrderState

TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = MappingProxyType(
    {
        _S.INITIALIZED: frozenset({_S.DENIED, _S.SUBMITTED}),
        _S.SUBMITTED: frozenset({_S.ACCEPTED, _S.REJECTED, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED}),
        _S.ACCEPTED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED}),
        _S.PARTIALLY_FILLED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED}),
        _S.DENIED: frozenset(),
        _S.REJECTED: frozenset(),
        _S.FILLED: frozenset(),
        _S.CANCELED: frozenset(),
        _S.EXPIRED: frozenset(),
    }
)
"""State -> the states that may follow it. Nothing follows a terminal state."""

_NO_ORDERS: Mapping[str, Order] = MappingProxyType({})

FILL_STATES = frozenset({_S.PARTIALLY_FILLED, _S.FILLED})
"""Reached by a ``Fill`` only, never by an ``OrderEvent``."""


class Order(msgspec.Struct, gc=False):
    """One order: its request and what has happened to it. Changed by ``apply`` alone."""

    request: OrderRequest
    created_ns: int
    updated_ns: int
    state: OrderState = OrderState.INITIALIZED
    filled: Decimal = _ZERO
    notional: Decimal = _ZERO
    """Sum of price x quantity of the fills, unsigned, exact."""
    fees: Decimal = _ZERO
    reason: str = ""
    """Of the newest event that gave one: denial or rejection code, why it was canceled."""
    trade_ids: tuple[str, ...] = ()

    @classmethod
    def begin(cls, event: OrderEvent) -> Order:
        """The order that an INITIALIZED event starts. Raises OrderError for any other event."""
        request = event.request
        if event.state is not OrderState.INITIALIZED or request is None:
            raise OrderError(
                f"order {event.client_order_id}: {event.state.value} came before the order was initialized"
            )
        if (request.client_order_id, request.symbol) != (event.client_order_id, event.symbol):
            raise OrderError(f"order {event.client_order_id}: its request is for {request.client_order_id}")
        return cls(request, event.ns, event.ns, reason=event.reason)

    @property
    def client_order_id(self) -> str:
        return self.request.client_order_id

    @property
    def leaves(self) -> Decimal:
        """What may still fill; zero once the order is done."""
        return _ZERO if self.state.terminal else self.request.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """Mean fill price; None before the first fill."""
        return self.notional / self.filled if self.filled else None

    def apply(self, event: OrderEvent | Fill) -> bool:
        """Fold one event in; False when it is a fill that is already in.

        Raises OrderError, and changes nothing, when the event is not this order's, the transition is illegal
        or a fill goes beyond the order's quantity.
        """
        if isinstance(event, Fill):
            return self._fill(event)
        self._own(event)
        if event.state in FILL_STATES:
            raise OrderError(f"order {self.client_order_id}: {event.state.value} is reached by fills only")
        self._allow(event.state)
        self.state = event.state
        self.reason = event.reason or self.reason
        self.updated_ns = max(self.updated_ns, event.ns)
        return True

    def _fill(self, fill: Fill) -> bool:
        self._own(fill)
        if fill.trade_id in self.trade_ids:
            return False
        request = self.request
        numbers = (fill.quantity, fill.price, fill.fee)
        if not all(n.is_finite() for n in numbers) or fill.quantity <= 0 or fill.price <= 0:
            raise OrderError(f"order {self.client_order_id}: fill {fill.trade_id} has impossible numbers")
        if fill.side is not request.side:
            raise OrderError(f"order {self.client_order_id}: fill {fill.trade_id} is on the other side")
        filled = self.filled + fill.quantity
        if filled > request.quantity:
            raise OrderError(
                f"order {self.client_order_id}: fill {fill.trade_id} makes {filled} of {request.quantity}"
            )
        state = OrderState.FILLED if filled == request.quantity else OrderState.PARTIALLY_FILLED
        self._allow(state)
        self.state = state
        self.filled = filled
        self.notional += fill.price * fill.quantity
        self.fees += fill.fee
        self.trade_ids = (*self.trade_ids, fill.trade_id)
        self.updated_ns = max(self.updated_ns, fill.ns)
        return True

    def _own(self, event: OrderEvent | Fill) -> None:
        request = self.request
        if event.client_order_id != request.client_order_id or event.symbol != request.symbol:
            raise OrderError(
                f"order {self.client_order_id} on {request.symbol}: got an event of "
                f"{event.client_order_id} on {event.symbol}"
            )

    def _allow(self, state: OrderState) -> None:
        if state not in TRANSITIONS[self.state]:
            raise OrderError(
                f"order {self.client_order_id}: {self.state.value} -> {state.value} is not allowed"
            )


class Blotter:
    """All orders of the desk by client order id, in the order in which they were made."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._open: dict[str, dict[str, Order]] = {}
        self.open_count = 0
        """How many are not done."""

    def __len__(self) -> int:
        return len(self._orders)

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
            return list(self._open.get(symbol, {}).values())
        return [order for orders in self._open.values() for order in orders.values()]

    def recent(self, n: int) -> list[Order]:
        """The ``n`` orders made last, newest first."""
        return list(islice(reversed(self._orders.values()), n))

    def apply(self, event: OrderEvent | Fill) -> Order:
        """Fold one event in and return its order; a fill that is already in changes nothing.

        Raises OrderError, and changes nothing, on an illegal transition, an id that is used again or an
        unknown order.
        """
        order = self._orders.get(event.client_order_id)
        if order is None:
            if isinstance(event, Fill):
                raise OrderError(f"fill {event.trade_id} is for the unknown order {event.client_order_id}")
            order = Order.begin(event)
            self._orders[order.client_order_id] = order
            self._open.setdefault(order.request.symbol, {})[order.client_order_id] = order
            self.open_count += 1
            return order
        was_open = not order.state.terminal
        order.apply(event)
        if was_open and order.state.terminal:
            del self._open[order.request.symbol][order.client_order_id]
            self.open_count -= 1
        return order
