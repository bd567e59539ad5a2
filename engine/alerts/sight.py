"""What the rules look at; the wiring gives it. Nothing known is NaN, or None."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Prices(NamedTuple):
    last: float
    bid: float
    ask: float
    low: float = math.nan
    high: float = math.nan
    """Of what was traded since the last look, as far as it is known: what went by in between."""
    silent: bool = False
    """Nothing of the symbol was heard for too long: it stands where it was last."""


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

    def score(self, symbol: str) -> float | None:
        """The newest blend, -1 to 1; None: nothing is live."""

    def opportunities(self) -> Sequence[Chance]:
        """That came up since the last look."""

    def day_pnl(self) -> float | None:
        """Since midnight UTC, in the account's currency; None: not every position can be valued."""

    def drawdown_pct(self) -> float | None:
        """How far equity is below its highest, percent; None: not every position can be valued."""

    def unrealized(self, symbol: str) -> float | None:
        """In the account's currency; None: no position, or none that can be valued."""

    def feeds(self) -> Sequence[FeedSight]:
        """Those whose silence means something."""
