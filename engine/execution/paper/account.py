"""What the desk has been told so far: the books that it is compared with, and a restart goes by.

Reports on their way are not in: the desk, which does not have them yet, would find a difference in them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
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
_MOST = 10_000
"""Reports that wait until somebody looks."""


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
    """Made of the reports when somebody looks: in a backtest nobody does."""

    def __init__(self, cash: Mapping[str, Decimal]) -> None:
        self._cash = dict(cash)
        self._positions: dict[str, Decimal] = {}
        self._told: dict[str, Told] = {}
        self._news: list[OrderRequest | Report] = []
        """What was sent and told since, in order."""
        self._ended: deque[tuple[str, Told]] = deque(maxlen=_KEPT)
        self._fills: deque[Fill] = deque(maxlen=_KEPT)

    @property
    def cash(self) -> dict[str, Decimal]:
        """By currency."""
        self._catch_up()
        return self._cash

    @property
    def positions(self) -> Mapping[str, Decimal]:
        """Signed, by symbol; flat ones are left out."""
        self._catch_up()
        return self._positions

    @property
    def told(self) -> dict[str, Told]:
        """Orders that the desk has as open, by id."""
        self._catch_up()
        return self._told

    def begin(self, request: OrderRequest) -> None:
        """The desk sends a new order."""
        self._news.append(request)

    def tell(self, report: Report) -> None:
        """A report reached the desk."""
        self._news.append(report)
        if len(self._news) >= _MOST:
            self._catch_up()

    def restore(
        self, orders: Iterable[Order], cash: Mapping[str, Decimal], positions: Mapping[str, Decimal]
    ) -> None:
        """As the journal has it: its open orders, and what these currencies and all symbols have."""
        self._catch_up()
        for order in orders:
            self._told[order.client_order_id] = as_told(order)
        self._cash.update(cash)
        self._positions = {symbol: held for symbol, held in positions.items() if held}

    def _catch_up(self) -> None:
        if self._news:
            news, self._news = self._news, []
            for one in news:
                if isinstance(one, OrderRequest):
                    self._begin(one)
                else:
                    self._tell(one)

    def _begin(self, request: OrderRequest) -> None:
        state = OrderState.HELD if request.parent_id else OrderState.SUBMITTED
        self._told[request.client_order_id] = Told(
            request.symbol,
            request.side,
            request.quantity,
            _ZERO,
            state,
            request.price,
            request.stop_price,
            request.trail,
        )

    def _tell(self, report: Report) -> None:
        if isinstance(report, Funding):
            self._pay(report.currency, report.amount)
            return
        identity = report.client_order_id
        order = self._told.get(identity)
        if order is None:
            return  # an answer about an order that is done
        if isinstance(report, OrderEvent):
            order.state = report.state
        elif isinstance(report, Fill):
            self._fill(order, report)
        elif report.kind is ChangeKind.UPDATED and report.amendment is not None:
            _amend(order, report.amendment)
        if order.state.terminal:
            del self._told[identity]
            self._ended.append((identity, order))

    def _fill(self, order: Told, fill: Fill) -> None:
        self._fills.append(fill)
        moved = multiply(fill.quantity, fill.side.sign)
        position = add(self._positions.get(fill.symbol, _ZERO), moved)
        if position:
            self._positions[fill.symbol] = position
        else:
            self._positions.pop(fill.symbol, None)
        self._pay(fill.currency, cash_of(fill))
        order.filled = add(order.filled, fill.quantity)
        done = order.filled == order.quantity
        order.state = OrderState.FILLED if done else OrderState.PARTIALLY_FILLED

    def _pay(self, currency: str, amount: Decimal) -> None:
        self._cash[currency] = add(self._cash.get(currency, _ZERO), amount)

    def view(self, now_ns: int) -> VenueAccount:
        self._catch_up()
        return VenueAccount(
            now_ns,
            tuple(_venue_order(name, order) for name, order in (*self._told.items(), *self._ended)),
            tuple(self._fills),
            dict(self._positions),
            dict(self._cash),
        )


def _amend(order: Told, amendment: Amendment) -> None:
    for name, value in msgspec.structs.asdict(amendment).items():
        if value is not None:
            setattr(order, name, value)


def _venue_order(identity: str, order: Told) -> VenueOrder:
    return VenueOrder(identity, identity, order.symbol, order.side, order.quantity, order.filled, order.state)
