"""Orders as rows for clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.api.rows import OrderRow
from engine.execution.order import Order
from engine.instruments import Instruments
from engine.slices import Work
from engine.wiring.decimal_text import plain

_STEP = 32
"""Rows that are known, which are looked up at once."""


class OrderRows:
    """Rows of many orders, frame after frame: those of orders that are over are made once."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._over: dict[str, OrderRow] = {}

    def making(
        self, orders: Iterable[Order], waiting: Mapping[str, str], trailing: Mapping[str, Decimal]
    ) -> Work[tuple[OrderRow, ...]]:
        """In their order; what is kept for the next call is of these alone."""
        rows: list[OrderRow] = []
        over: dict[str, OrderRow] = {}
        for at, order in enumerate(orders, 1):
            row = self._over.get(order.client_order_id)
            made = row is None
            if row is None:
                row = order_row(order, waiting, trailing, self._instruments)
            if order.state.terminal:
                over[order.client_order_id] = row
            rows.append(row)
            if made or not at % _STEP:
                yield  # last: an order that ends meanwhile is not kept as it was
        self._over = over
        return tuple(rows)

    def row(self, order: Order, waiting: Mapping[str, str], trailing: Mapping[str, Decimal]) -> OrderRow:
        """One of them, or another."""
        over = self._over.get(order.client_order_id)
        return over or order_row(order, waiting, trailing, self._instruments)


def order_row(
    order: Order, waiting: Mapping[str, str], trailing: Mapping[str, Decimal], instruments: Instruments
) -> OrderRow:
    """One order; by id, ``waiting``: why it is not done yet, ``trailing``: where its stop has moved to."""
    request = order.request
    average = order.average_price
    instrument = instruments.get(request.symbol)
    if average is not None and instrument is not None:
        average = average.quantize(instrument.tick_size)
    why = "" if order.state.terminal else waiting.get(order.client_order_id, "")
    return OrderRow(
        id=order.client_order_id,
        symbol=request.symbol,
        side=request.side.value,
        type=request.type.value,
        quantity=plain(order.quantity),
        filled=plain(order.filled),
        average_price=_price(average),
        state=order.state.value,
        purpose=request.purpose.value,
        reason=why or order.reason,
        created_ns=order.created_ns,
        updated_ns=order.updated_ns,
        price=_price(order.price),
        stop_price=_price(trailing.get(order.client_order_id, order.stop_price)),
        trail=_price(order.trail),
        time_in_force=request.time_in_force.value,
        pending=order.pending.value,
        leaves=plain(order.leaves),
        gateway=request.gateway,
        parent_id=request.parent_id,
        list_id=request.list_id,
    )


def _price(price: Decimal | None) -> str:
    return "" if price is None else plain(price)
