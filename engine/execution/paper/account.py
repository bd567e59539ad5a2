"""What the desk has been told so far: the books that it is compared with.

Reports on their way are not in: the desk, which does not have them yet, would find a difference in them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from engine.events import ChangeKind, Fill, Funding, OrderChange, OrderEvent, OrderRequest, OrderState
from engine.execution.gateway import VenueAccount, VenueOrder
from engine.execution.paper.outbox import Report

_ZERO = Decimal(0)
_KEPT = 500
"""Fills, and orders that have ended."""


class Account:
    def __init__(self, cash: Mapping[str, Decimal]) -> None:
        self.cash = dict(cash)
        self.positions: dict[str, Decimal] = {}
        self._open: dict[str, VenueOrder] = {}
        self._ended: deque[VenueOrder] = deque(maxlen=_KEPT)
        self._fills: deque[Fill] = deque(maxlen=_KEPT)

    def begin(self, request: OrderRequest, quantity: Decimal, filled: Decimal, state: OrderState) -> None:
        """An order that the desk knows to be at the venue."""
        identity = request.client_order_id
        self._open[identity] = VenueOrder(
            identity, identity, request.symbol, request.side, quantity, filled, state
        )

    def tell(self, report: Report) -> None:
        """A report reached the desk."""
        if isinstance(report, Funding):
            self._pay(report.currency, report.amount)
            return
        order = self._open.get(report.client_order_id)
        if order is None:
            return  # an answer about an order that is done
        if isinstance(report, Fill):
            order = self._filled(order, report)
        elif isinstance(report, OrderEvent):
            order = msgspec.structs.replace(order, state=report.state)
        elif report.kind is ChangeKind.UPDATED:
            order = _updated(order, report)
        if order.state.terminal:
            del self._open[report.client_order_id]
            self._ended.append(order)
        else:
            self._open[report.client_order_id] = order

    def _filled(self, order: VenueOrder, fill: Fill) -> VenueOrder:
        self._fills.append(fill)
        position = self.positions.get(fill.symbol, _ZERO) + fill.quantity * fill.side.sign
        if position:
            self.positions[fill.symbol] = position
        else:
            self.positions.pop(fill.symbol, None)
        self._pay(fill.currency, -fill.side.sign * fill.price * fill.quantity - fill.fee)
        filled = order.filled + fill.quantity
        state = OrderState.FILLED if filled == order.quantity else OrderState.PARTIALLY_FILLED
        return msgspec.structs.replace(order, filled=filled, state=state)

    def _pay(self, currency: str, amount: Decimal) -> None:
        self.cash[currency] = self.cash.get(currency, _ZERO) + amount

    def view(self, now_ns: int) -> VenueAccount:
        return VenueAccount(
            now_ns,
            (*self._open.values(), *self._ended),
            tuple(self._fills),
            dict(self.positions),
            dict(self.cash),
        )


def _updated(order: VenueOrder, change: OrderChange) -> VenueOrder:
    amendment = change.amendment
    if amendment is None or amendment.quantity is None:
        return order
    return msgspec.structs.replace(order, quantity=amendment.quantity)
