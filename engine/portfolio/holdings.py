"""Holdings: what counts against the budget of each strategy, as a fold over fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.events import Fill, Side
from engine.portfolio.exact import ZERO


class Holdings:
    """What each strategy holds of each symbol: the fills of the entries that it was behind.

    A fill counts in full for every strategy behind its order. A position that shrinks leaves none of them
    more than what is left of it; one that closes or turns leaves nothing of what was before.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Decimal]] = {}
        """Unsigned quantity by source and symbol."""

    def apply(self, fill: Fill, sources: Sequence[str], held: Decimal) -> None:
        """A fill was booked, of an order with these strategies behind it; ``held``: the position after it.

        Runs in the exact context.
        """
        symbol, most = fill.symbol, abs(held)
        adds = bool(held) and (held > ZERO) is (fill.side is Side.BUY)
        gone = not most or (adds and fill.quantity > most)
        for quantities in self._held.values():
            quantity = quantities.get(symbol)
            if quantity is None:
                continue
            if gone:
                del quantities[symbol]
            elif quantity > most:
                quantities[symbol] = most
        if adds:
            for source in sources:
                quantities = self._held.setdefault(source, {})
                quantities[symbol] = min(quantities.get(symbol, ZERO) + fill.quantity, most)

    def value(self, source: str, unit_value: Callable[[str], Decimal | None]) -> Decimal:
        """What the source holds, each symbol at its ``unit_value``, longs and shorts added up."""
        total = ZERO
        for symbol, quantity in self._held.get(source, {}).items():
            total += quantity * (unit_value(symbol) or ZERO)
        return total
