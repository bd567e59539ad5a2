"""Which orders the venue can execute at all."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import OrderRequest, OrderType
from engine.execution.paper.amendments import on_grid
from engine.instruments import Instruments


def refusal(request: OrderRequest, together: Sequence[OrderRequest], instruments: Instruments) -> str:
    """Why the venue cannot execute an order that was sent ``together`` with others; "" when it can."""
    instrument = instruments.get(request.symbol)
    if instrument is None:
        return f"UNKNOWN_SYMBOL {request.symbol}"
    # What is held may lie off a lot that the venue told since: an exit takes all of it.
    quantity = request.quantity
    whole = request.reduce_only and quantity.is_finite() and quantity > 0
    if not whole and not on_grid(quantity, instrument.lot_size):
        return f"BAD_QUANTITY {request.quantity}"
    kind = request.type
    priced = not (request.price is None and request.stop_price is None and request.trail is None)
    if kind is OrderType.MARKET and not priced and len(together) == 1:
        return ""
    wanted = [("price", request.price, kind.limited)]
    trailing = kind is OrderType.TRAILING_STOP
    wanted += [("stop price", request.stop_price, kind.triggered and not trailing)]
    wanted += [("trail", request.trail, trailing)]
    for name, value, needed in wanted:
        if needed and value is None:
            return f"BAD_PRICE a {kind.value} order needs a {name}"
        if value is not None and not on_grid(value, instrument.tick_size):
            return f"BAD_PRICE {name} {value}"
    for other in together:
        linked = other.client_order_id in (request.parent_id, *request.siblings)
        if linked and other.symbol != request.symbol:
            return f"BAD_LIST {other.client_order_id} is of another symbol"
    return ""
