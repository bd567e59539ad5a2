"""What an amendment may change, and whether the order keeps its place."""

from __future__ import annotations

from decimal import Decimal

from engine.events import Amendment, OrderType
from engine.execution.paper.orders import Phase, Working
from engine.instruments import Instrument


def refusal(order: Working, amendment: Amendment, instrument: Instrument) -> str:
    """Why the order cannot become that; "" when it can."""
    kind = order.request.type
    if amendment == Amendment():
        return "nothing is to be changed"
    if amendment.quantity is not None:
        why = _quantity_refusal(order, amendment.quantity, instrument)
        if why:
            return why
    if amendment.price is not None and not kind.limited:
        return f"a {kind.value} order has no limit price"
    if amendment.stop_price is not None and (not kind.triggered or order.triggered):
        return "it was triggered already" if order.triggered else f"a {kind.value} order has no stop price"
    if amendment.trail is not None and (kind is not OrderType.TRAILING_STOP or order.triggered):
        return "it was triggered already" if order.triggered else f"a {kind.value} order does not trail"
    for price in (amendment.price, amendment.stop_price, amendment.trail):
        if price is not None and not on_grid(price, instrument.tick_size):
            return f"{price} is no price on the grid of {instrument.tick_size}"
    return ""


def _quantity_refusal(order: Working, quantity: Decimal, instrument: Instrument) -> str:
    if not on_grid(quantity, instrument.lot_size):
        return f"{quantity} is no quantity on the grid of {instrument.lot_size}"
    if quantity <= order.filled:
        return f"{order.filled} is filled already"
    if order.request.parent_id:
        return "a bracket's child is as large as what its parent filled"
    if quantity > order.quantity and order.request.siblings:
        return "its siblings do not grow with it"
    return ""


def apply(order: Working, amendment: Amendment, now_ns: int) -> None:
    """Change the order. Another price or a larger quantity goes to the end of the queue."""
    loses_place = (amendment.price is not None and amendment.price != order.price) or (
        amendment.quantity is not None and amendment.quantity > order.quantity
    )
    if amendment.quantity is not None:
        order.quantity = amendment.quantity
    if amendment.price is not None:
        order.price = amendment.price
    if amendment.stop_price is not None:
        order.stop_price = amendment.stop_price
    if amendment.trail is not None:
        retrail(order, amendment.trail)
    if loses_place and order.phase is Phase.RESTING:
        order.requeue(now_ns)


def retrail(order: Working, trail: Decimal) -> None:
    """Another distance counts from the best price seen, wherever that puts the stop: it was asked for."""
    order.trail = trail
    if order.best is not None:
        order.stop_price = order.best + trail if order.buying else order.best - trail


def on_grid(value: Decimal, step: Decimal) -> bool:
    """Above zero, finite and a multiple of ``step``."""
    return value.is_finite() and value > 0 and not value % step
