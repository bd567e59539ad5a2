"""Which last prices moved just now, and which way."""

from __future__ import annotations

from collections.abc import Iterable

from engine.api.protocol import TickRow

FRAMES = 2
"""So long a changed price is marked."""
FEW = 8
"""Of so few symbols, half may move at once and be marked."""


class PriceFlashes:
    """Where most prices move in every frame, a mark on all of them says nothing: then there is none."""

    def __init__(self) -> None:
        self._last: dict[str, float | None] = {}
        self._since: dict[str, tuple[int, int]] = {}
        """(direction, frames left) by symbol."""

    def moved(self, rows: Iterable[TickRow]) -> dict[str, int]:
        """+1 or -1 by symbol; ``rows`` of one frame."""
        count, now = 0, {}
        for row in rows:
            count += 1
            before, self._last[row.symbol] = self._last.get(row.symbol), row.last
            if before is not None and row.last is not None and row.last != before and not row.stale:
                now[row.symbol] = 1 if row.last > before else -1
        if 2 * len(now) > max(count, FEW):
            self._since.clear()
            return {}
        self._since = {symbol: (way, left - 1) for symbol, (way, left) in self._since.items() if left > 1}
        self._since |= {symbol: (way, FRAMES) for symbol, way in now.items()}
        return {symbol: way for symbol, (way, _) in self._since.items()}
