"""Orders in pages, newest first. An order keeps its number: a page stays right while more are placed."""

from __future__ import annotations

from engine.api.page import NEWEST
from engine.errors import OrderError
from engine.events import OrderState
from engine.execution.blotter import Blotter
from engine.execution.order import Order

OPEN = "open"
"""In place of a state: every one that is not terminal."""
LOOKED = 5_000
"""Orders that one page looks through: all that ever were would hold the desk's thread."""
_STATES = (OPEN, *(state.value for state in OrderState))


def order_page(
    blotter: Blotter, symbol: str, state: str, limit: int, before: int
) -> tuple[list[Order], int | None]:
    """Of orders with a number below ``before``, and the number before which the next page goes on; of any
    symbol, in any state, where these are "". Raises OrderError for no state."""
    if state and state not in _STATES:
        raise OrderError(f"no state {state}: there are {', '.join(_STATES)}")
    if state == OPEN and before == NEWEST:
        opened = blotter.open_orders(symbol or None)
        if len(opened) <= limit:
            return sorted(opened, key=lambda order: order.created_ns)[::-1], None
    number = min(len(blotter), before - 1)  # of the newest that is wanted
    found: list[Order] = []
    for order in blotter.recent(LOOKED, len(blotter) - number):
        if symbol in ("", order.request.symbol) and _is(order.state, state):
            if len(found) == limit:
                return found, number + 1
            found.append(order)
        number -= 1
    return found, number + 1 if number > 0 else None


def _is(state: OrderState, wanted: str) -> bool:
    return not wanted or state.value == wanted or (wanted == OPEN and not state.terminal)
