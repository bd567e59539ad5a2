"""An order's update as anybody may tell it by webhook who speaks no broker's own format, of any gateway.

Numbers are text or JSON numbers, and exact.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from engine.errors import OrderError
from engine.text import clean

_ZERO = Decimal(0)
_MOST = 100
"""Characters of an id."""


class Execution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    """The venue's; one that was told before is not booked again."""
    quantity: Decimal
    price: Decimal


class OrderUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    update_id: str
    """Each is taken once."""
    order_id: str
    """The desk's."""
    venue_order_id: str
    event: Literal["accepted", "filled", "canceled", "rejected", "expired"]
    """filled: a part of it, or the rest."""
    symbol: str
    """As the desk writes it: ``alpaca:BTC/USD``."""
    side: Literal["buy", "sell"]
    at: str
    """When that was, RFC 3339."""
    quantity: Decimal
    """Of the order."""
    filled: Decimal = _ZERO
    """Of it, so far; with the event filled what was filled now, too."""
    execution: Execution | None = None
    """What was filled now."""


class _Head(msgspec.Struct, frozen=True):
    update_id: object = None


def order_update(body: bytes) -> OrderUpdate | None:
    """None: it is of another format, as it has no ``update_id``. Raises OrderError, one line, for what has
    one and is no such update."""
    try:
        if msgspec.json.decode(body, type=_Head).update_id is None:
            return None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    try:
        update = msgspec.json.decode(body, type=OrderUpdate)
    except msgspec.MsgspecError as error:
        raise OrderError(f"no update of an order: {clean(error, 100)}") from None
    for name in ("update_id", "order_id", "venue_order_id"):
        if not 0 < len(getattr(update, name)) <= _MOST:
            raise OrderError(f"{name}: 1 to {_MOST} characters")
    if (update.event == "filled") != (update.execution is not None):
        raise OrderError("an execution is told with the event filled, and with that alone")
    _check_amounts(update)
    return update


def _check_amounts(update: OrderUpdate) -> None:
    """What would be taken for no execution, or none of that size, is not answered as if it were one."""
    executed = update.execution
    more = [] if executed is None else [executed.quantity, executed.price]
    if not all(number.is_finite() for number in (update.quantity, update.filled, *more)):
        raise OrderError("a number is none, or without end")
    if update.quantity <= 0 or update.filled < 0:
        raise OrderError("quantity: above 0; filled: 0 or above")
    if executed is None:
        return
    if not 0 < len(executed.id) <= _MOST:
        raise OrderError(f"execution id: 1 to {_MOST} characters")
    if executed.price <= 0 or not 0 < executed.quantity <= update.filled:
        raise OrderError("an execution: quantity and price above 0, and filled not below its quantity")
