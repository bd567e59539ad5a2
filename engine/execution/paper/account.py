"""What the desk has been told so far: the books that it is compared with, and a restart goes by.

Reports on their way are not in: the desk, which does not have them yet, would find a difference in them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from engine.events import (
    Amendment,
    ChangeKind,
    Fill,
    Funding,
    OrderEvent,
    OrderRequest,
    OrderState,
    Side,
)
from engine.execution.exact import add, cash_of, multiply
from engine.execution.gateway import VenueAccount, VenueOrder
from engine.execution.order import Order
from engine.execution.paper.outbox import Report

_ZERO = Decimal(0)
_KEPT = 500
"""Fills, and orders that have ended."""


class Told(msgspec.Struct, gc=False):
    """An order as the desk has it, after all that it was told; changed in place by each report."""

    symbol: str
    side: Side
    quantity: Decimal
    filled: Decimal
    state: OrderState
    price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None


def as_told(order: Order) -> Told:
    """The same of the journal's order."""
    return Told(
        *(order.request.symbol, order.request.side, order.quantity, order.filled, order.state),
        *(order.price, order.stop_price, order.trail),
    )


class Account:
    def __init__(self, cash: Mapping[str, Decimal]) -> None:
        self.cash = dict(cash)
        self.positions: dict[str, Decimal] = {}
        self.told: dict[str, Told] = {}
        """Orders that the desk has as open, by id."""
        self._ended: deque[tuple[str, Told]] = deque(maxlen=_KEPT)
        self._fills: deque[Fill] = deque(maxlen=_KEPT)

    def begin(self, request: OrderRequest) -> None:
        """The desk sends a new order."""
        state = OrderState.HELD if request.parent_id else OrderState.SUBMITTED
        self.told[request.client_order_id] = Told(
            request.symbol,
            request.side,
            request.quantity,
            _ZERO,
            state,
            request.price,
            request.stop_price,
            request.trail,
        )

    def take_up(self, order: Order) -> None:
        """An open order of the journal."""
        self.told[order.client_order_id] = as_told(order)

    def tell(self, report: Report) -> None:
        """A report reached the desk."""
        if isinstance(report, Funding):
            self._pay(report.currency, report.amount)
            return
        identity = report.client_order_id
        order = self.told.get(identity)
        if order is None:
            return  # an answer about an order that is done
        if isinstance(report, OrderEvent):
            order.state = report.state
        elif isinstance(report, Fill):
            self._fill(order, report)
        elif report.kind is ChangeKind.UPDATED and report.amendment is not None:
            _amend(order, report.amendment)
        if order.state.terminal:
            del self.told[identity]
            self._ended.append((identity, order))

    def _fill(self, order: Told, fill: Fill) -> None:
        self._fills.append(fill)
        moved = multiply(fill.quantity, fill.side.sign)
        position = add(self.positions.get(fill.symbol, _ZERO), moved)
        if position:
            self.positions[fill.symbol] = position
        else:
            self.positions.pop(fill.symbol, None)
        self._pay(fill.currency, cash_of(fill))
        order.filled = add(order.filled, fill.quantity)
        done = order.filled == order.quantity
        order.state = OrderState.FILLED if done else OrderState.PARTIALLY_FILLED

    def _pay(self, currency: str, amount: Decimal) -> None:
        self.cash[currency] = add(self.cash.get(currency, _ZERO), amount)

    def view(self, now_ns: int) -> VenueAccount:
        return VenueAccount(
            now_ns,
            tuple(_venue_order(name, order) for name, order in (*self.told.items(), *self._ended)),
            tuple(self._fills),
            dict(self.positions),
            dict(self.cash),
        )


def _amend(order: Told, amendment: Amendment) -> None:
    for name, value in msgspec.structs.asdict(amendment).items():
        if value is not None:
            setattr(order, name, value)


def _venue_order(identity: str, order: Told) -> VenueOrder:
    return VenueOrder(identity, identity, order.symbol, order.side, order.quantity, order.filled, order.state)
