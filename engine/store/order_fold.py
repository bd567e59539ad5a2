"""A row of ``orders`` as a fold of the order's events.

Follows the rules of the order's state machine; what that refuses is never journaled, so nothing is refused
here.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.events import ChangeKind, Fill, OrderChange, OrderEvent, OrderState, Pending
from engine.store.exact import EXACT, ZERO, Row

DECIMALS = ("quantity", "filled", "notional", "fees")
OPTIONAL_DECIMALS = ("price", "stop_price", "trail")

TERMINAL = tuple(state.value for state in OrderState if state.terminal)

_ASKED = {ChangeKind.UPDATE_ASKED: Pending.UPDATE, ChangeKind.CANCEL_ASKED: Pending.CANCEL}
_ANSWERS = {
    ChangeKind.UPDATED: Pending.UPDATE,
    ChangeKind.UPDATE_REFUSED: Pending.UPDATE,
    ChangeKind.CANCEL_REFUSED: Pending.CANCEL,
}
"""What is pending no more after an answer."""


class OrderFold(msgspec.Struct, gc=False):
    """A row of ``orders``: its fields are the columns. ``notional`` is the unsigned value filled."""

    client_order_id: str
    symbol: str
    side: str
    type: str = ""
    purpose: str = ""
    quantity: Decimal = ZERO
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    state: str = OrderState.INITIALIZED.value
    reason: str = ""
    opportunity_id: str = ""
    created_ns: int = 0
    updated_ns: int = 0
    updated_seq: int = 0
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    time_in_force: str = "gtc"
    expire_ns: int = 0
    post_only: int = 0
    reduce_only: int = 0
    pending: str = Pending.NONE.value
    list_id: str = ""
    parent_id: str = ""
    gateway: str = "paper"
    venue_order_id: str = ""
    who: str = ""

    @classmethod
    def from_row(cls, row: Row) -> OrderFold:
        values = dict(zip(ORDER_COLUMNS, row, strict=True))
        for name in DECIMALS:
            values[name] = Decimal(values[name])
        for name in OPTIONAL_DECIMALS:
            values[name] = None if values[name] is None else Decimal(values[name])
        return cls(**values)

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL

    def transition(self, event: OrderEvent) -> None:
        request = event.request
        if request is not None:
            self.side = request.side.value
            self.type = request.type.value
            self.purpose = request.purpose.value
            self.quantity = request.quantity
            self.opportunity_id = request.opportunity_id
            self.created_ns = event.ns
            self.price, self.stop_price, self.trail = request.price, request.stop_price, request.trail
            self.time_in_force = request.time_in_force.value
            self.expire_ns = request.expire_ns
            self.post_only, self.reduce_only = int(request.post_only), int(request.reduce_only)
            self.list_id, self.parent_id = request.list_id, request.parent_id
            self.gateway, self.who = request.gateway, request.who
        self.state = event.state.value
        self.reason = event.reason or self.reason
        self.venue_order_id = event.venue_order_id or self.venue_order_id
        self._touch(event.ns)

    def change(self, event: OrderChange) -> None:
        """An amendment or a cancel, asked for or answered."""
        kind = event.kind
        if kind in _ASKED:
            self.pending = _ASKED[kind].value
        elif self.pending == _ANSWERS[kind].value:
            self.pending = Pending.NONE.value
        amendment = event.amendment
        if kind is ChangeKind.UPDATED and amendment is not None:
            if amendment.quantity is not None:
                self.quantity = amendment.quantity
            self.price = self.price if amendment.price is None else amendment.price
            self.stop_price = self.stop_price if amendment.stop_price is None else amendment.stop_price
            self.trail = self.trail if amendment.trail is None else amendment.trail
            if self.filled and self.filled >= self.quantity:
                self.state = OrderState.FILLED.value
        self.reason = event.reason or self.reason
        self.venue_order_id = event.venue_order_id or self.venue_order_id
        self._touch(event.ns)

    def fill(self, fill: Fill) -> None:
        self.filled = EXACT.add(self.filled, fill.quantity)
        self.notional = EXACT.add(self.notional, EXACT.multiply(fill.price, fill.quantity))
        self.fees = EXACT.add(self.fees, fill.fee)
        if self.filled >= self.quantity:
            self.state = OrderState.FILLED.value
        elif not self.terminal or self._late():
            self.state = OrderState.PARTIALLY_FILLED.value
        self._touch(fill.ns)

    def _late(self) -> bool:
        """A live venue may fill what it had canceled: the order is open again."""
        return self.state == OrderState.CANCELED.value and self.gateway != "paper"

    def _touch(self, ns: int) -> None:
        self.updated_ns = max(self.updated_ns, ns)
        if self.terminal:
            self.pending = Pending.NONE.value


ORDER_COLUMNS = OrderFold.__struct_fields__
