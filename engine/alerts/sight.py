"""What the rules look at; the wiring gives it. Nothing known is NaN, or None."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Prices(NamedTuple):
    last: float
    bid: float
    ask: float
    bars: Sequence[tuple[int, float, float]] = ()
    """(begin in ns, low, high) of the bars that closed since the last look: what went by in between."""


class Chance(NamedTuple):
    """An opportunity."""

    created_ns: int
    symbol: str
    side: str
    score: float
    sources: Sequence[str]


class FeedSight(NamedTuple):
    venue: str
    up: bool
    last_data_ns: int
    """0: none yet."""
    state: str


class Sight(Protocol):
    def prices(self, symbol: str) -> Prices: ...

    def score(self, symbol: str) -> float | None: ...

    def opportunities(self) -> Sequence[Chance]:
        """That came up since the last look."""

    def day_pnl(self) -> float | None: ...

    def drawdown_pct(self) -> float | None: ...

    def unrealized(self, symbol: str) -> float | None:
        """None: no position."""

    def feeds(self) -> Sequence[FeedSight]:
        """Those whose silence means something."""
