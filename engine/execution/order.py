"""Orders as folds over their events.

``TRANSITIONS`` is the one place that says which state may follow which; beside its state a working order has
what was asked of it and is not answered yet (``Pending``).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec

from engine.errors import OrderError
from engine.events import (
    Amendment,
    ChangeKind,
    Fill,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    Pending,
)
from engine.execution.exact import add, multiply
from engine.execution.trade_ids import TradeIds, with_one_more

_ZERO = Decimal(0)
_S = OrderState

TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = MappingProxyType(
    {
        _S.INITIALIZED: frozenset({_S.DENIED, _S.HELD, _S.SUBMITTED}),
        _S.HELD: frozenset({_S.SUBMITTED, _S.CANCELED, _S.EXPIRED, _S.DENIED}),
        _S.SUBMITTED: frozenset({_S.ACCEPTED, _S.REJECTED, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED}),
        _S.ACCEPTED: frozenset(
            {_S.TRIGGERED, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED}
        ),
        _S.TRIGGERED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED}),
        _S.PARTIALLY_FILLED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED}),
        _S.DENIED: frozenset(),
        _S.REJECTED: frozenset(),
        _S.FILLED: frozenset(),
        _S.CANCELED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED}),
        _S.EXPIRED: frozenset(),
    }
)
"""State -> the states that may follow it; some hold for some orders only, as ``Order.apply`` says."""

FILL_STATES = frozenset({_S.PARTIALLY_FILLED, _S.FILLED})
"""Reached by a ``Fill``; FILLED also by an update to what is filled already. Never by an ``OrderEvent``."""

WORKING = frozenset({_S.SUBMITTED, _S.ACCEPTED, _S.TRIGGERED, _S.PARTIALLY_FILLED})
"""Where an amendment or a cancel can be asked for, and be pending."""

TERMINAL = frozenset(state for state in OrderState if state.terminal)
_BY_ORDER = frozenset({_S.HELD, _S.TRIGGERED, _S.REJECTED})
"""Where some orders come only."""
_BY_ANY = frozenset(
    (before, state)
    for before, following in TRANSITIONS.items()
    for state in following - _BY_ORDER
    if before is not _S.CANCELED
)
"""Transitions of the table that every order can make."""

PAPER = "paper"
"""The gateway that never fills what it canceled."""


class Order(msgspec.Struct, gc=False):
    """One order: its request, what it has become and what has happened to it. Changed by ``apply`` alone."""

    request: OrderRequest
    """As it was asked for; amendments do not change it."""
    created_ns: int
    updated_ns: int
    quantity: Decimal
    """As amended; the whole one, what is filled included."""
    price: Decimal | None
    """As amended, like the two that follow."""
    stop_price: Decimal | None
    trail: Decimal | None
    state: OrderState = OrderState.INITIALIZED
    pending: Pending = Pending.NONE
    filled: Decimal = _ZERO
    notional: Decimal = _ZERO
    """Sum of price x quantity of the fills, unsigned, exact."""
    fees: Decimal = _ZERO
    reason: str = ""
    """Of the newest event that gave one: denial or rejection code, why it was canceled."""
    venue_order_id: str = ""
    """The newest that the venue told."""
    trade_ids: tuple[str, ...] | TradeIds = ()

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
        return cls(
            request,
            event.ns,
            event.ns,
            request.quantity,
            request.price,
            request.stop_price,
            request.trail,
            reason=event.reason,
            venue_order_id=event.venue_order_id,
        )

    @property
    def client_order_id(self) -> str:
        return self.request.client_order_id

    @property
    def gateway(self) -> str:
        return self.request.gateway

    @property
    def leaves(self) -> Decimal:
        """What may still fill; zero once the order is done."""
        return _ZERO if self.state.terminal else self.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """Mean fill price; None before the first fill."""
        return self.notional / self.filled if self.filled else None

    def apply(self, event: OrderEvent | OrderChange | Fill) -> bool:
        """Fold one event in; False when it is a fill that is already in.

        Raises OrderError, and changes nothing, when the event is not this order's, is illegal in this state
        or makes more filled than the order's quantity. Beyond the table: HELD is for a bracket's children;
        TRIGGERED, and REJECTED after ACCEPTED, are for orders that wait for a trigger; a fill after
        CANCELED is for live gateways.
        """
        if isinstance(event, Fill):
            return self._fill(event)
        request = self.request
        if event.client_order_id != request.client_order_id or event.symbol != request.symbol:
            raise self._foreign(event)
        if isinstance(event, OrderChange):
            self._change(event)
        else:
            self._transition(event)
        if event.reason:
            self.reason = event.reason
        if event.venue_order_id:
            self.venue_order_id = event.venue_order_id
        if event.ns > self.updated_ns:
            self.updated_ns = event.ns
        return True

    # --- transitions

    def _transition(self, event: OrderEvent) -> None:
        state = event.state
        if state in FILL_STATES:
            raise OrderError(f"order {self.client_order_id}: {state.value} is reached by fills only")
        self._enter(state)

    def _enter(self, state: OrderState) -> None:
        """Raises OrderError, and changes nothing, where it may not."""
        if (self.state, state) not in _BY_ANY:
            self._allow(state)
        self.state = state
        if state.terminal:
            self.pending = Pending.NONE

    def _allow(self, state: OrderState) -> None:
        before = self.state
        by_order = state in _BY_ORDER or before is _S.CANCELED
        if state not in TRANSITIONS[before] or (by_order and not self._fits(state)):
            raise OrderError(
                f"order {self.client_order_id}: {self.state.value} -> {state.value} is not allowed"
            )

    def _fits(self, state: OrderState) -> bool:
        """Whether a transition of the table is one that this order can make."""
        request = self.request
        if state is _S.HELD:
            return bool(request.parent_id)
        if state is _S.TRIGGERED or (state is _S.REJECTED and self.state is _S.ACCEPTED):
            return request.type.triggered
        return self.state is not _S.CANCELED or request.gateway != PAPER

    # --- amendments and cancels

    def _change(self, change: OrderChange) -> None:
        kind = change.kind
        if kind is ChangeKind.UPDATED:
            self._updated(change)
        elif self.state not in WORKING:
            raise self._illegal(kind)
        elif kind is ChangeKind.UPDATE_ASKED:
            if self.pending is not Pending.NONE or change.amendment is None:
                raise self._illegal(kind)
            self.pending = Pending.UPDATE
        elif kind is ChangeKind.CANCEL_ASKED:
            if self.pending is Pending.CANCEL:
                raise self._illegal(kind)
            self.pending = Pending.CANCEL
        elif kind is ChangeKind.CANCEL_REFUSED:
            if self.pending is not Pending.CANCEL:
                raise self._illegal(kind)
            self.pending = Pending.NONE
        else:
            self._answered()

    def _answered(self) -> None:
        """An update was answered. A cancel that was asked for since is not.

        With nothing pending a refusal is late, not illegal: the venue changed the order by itself meanwhile
        (a sibling filled), which cannot be told from the answer.
        """
        if self.pending is Pending.UPDATE:
            self.pending = Pending.NONE

    def _updated(self, change: OrderChange) -> None:
        """What the order is now, asked for or not. Down to what is filled already, it is FILLED."""
        amendment = change.amendment
        if amendment is None or (self.state not in WORKING and self.state is not _S.HELD):
            raise self._illegal(change.kind)
        self._check(amendment)
        quantity = amendment.quantity
        if quantity is not None:
            if quantity < self.filled:
                raise OrderError(
                    f"order {self.client_order_id}: updated to {quantity}, below the {self.filled} filled"
                )
            self.quantity = quantity
        if amendment.price is not None:
            self.price = amendment.price
        if amendment.stop_price is not None:
            self.stop_price = amendment.stop_price
        if amendment.trail is not None:
            self.trail = amendment.trail
        self._answered()
        if self.quantity == self.filled:
            self.state, self.pending = _S.FILLED, Pending.NONE

    def _check(self, amendment: Amendment) -> None:
        numbers = (amendment.quantity, amendment.price, amendment.stop_price, amendment.trail)
        if any(number is not None and not (number.is_finite() and number > 0) for number in numbers):
            raise OrderError(f"order {self.client_order_id}: updated to impossible numbers")

    def _illegal(self, kind: ChangeKind) -> OrderError:
        pending = "" if self.pending is Pending.NONE else f" with {self.pending.value} pending"
        return OrderError(
            f"order {self.client_order_id}: {kind.value} is not allowed in {self.state.value}{pending}"
        )

    # --- fills

    def _fill(self, fill: Fill) -> bool:
        request = self.request
        if fill.client_order_id != request.client_order_id or fill.symbol != request.symbol:
            raise self._foreign(fill)
        if fill.trade_id in self.trade_ids:
            return False
        quantity, price, fee = fill.quantity, fill.price, fill.fee
        finite = quantity.is_finite() and price.is_finite() and fee.is_finite()
        if not finite or quantity <= _ZERO or price <= _ZERO:
            raise OrderError(f"order {self.client_order_id}: fill {fill.trade_id} has impossible numbers")
        if fill.side is not request.side:
            raise OrderError(f"order {self.client_order_id}: fill {fill.trade_id} is on the other side")
        filled = add(self.filled, quantity)
        if filled > self.quantity:
            raise OrderError(
                f"order {self.client_order_id}: fill {fill.trade_id} makes {filled} of {self.quantity}"
            )
        self._enter(OrderState.FILLED if filled == self.quantity else OrderState.PARTIALLY_FILLED)
        self.filled = filled
        self.notional = add(self.notional, multiply(price, quantity))
        self.fees = add(self.fees, fee)
        self.trade_ids = with_one_more(self.trade_ids, fill.trade_id)
        if fill.ns > self.updated_ns:
            self.updated_ns = fill.ns
        return True

    def _foreign(self, event: OrderEvent | OrderChange | Fill) -> OrderError:
        return OrderError(
            f"order {self.client_order_id} on {self.request.symbol}: got an event of "
            f"{event.client_order_id} on {event.symbol}"
        )
