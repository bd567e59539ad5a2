"""What the API needs to tell of one symbol's market: the wiring implements it, a test fakes it.

Whoever asks says how much it knows already, by numbers that it was told with what it knows.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from engine.api.market_protocol import CandleRow, FillRow, LatencyDetail, TradeRow
from engine.slices import Work

Levels = tuple[tuple[float, float], ...]


class Book(NamedTuple):
    """As the fields of a ``MarketFrame``."""

    bids: Levels
    asks: Levels
    depth: bool
    age_ms: float | None
    fault: str
    tick_size: str
    known: bool
    """Whether the desk has the symbol."""


class Bars(NamedTuple):
    interval_s: int
    indicators: tuple[str, ...]
    generation: int
    """Another one than before: bars that were told are no more, and all are to be told anew."""
    revision: int
    """Of the newest change among the bars."""
    rows: tuple[CandleRow, ...]


class MarketPort(Protocol):
    """Of symbols that the desk does not have there is nothing: no fault."""

    def now_ns(self) -> int:
        """The desk's clock."""
        ...

    def book(self, symbol: str) -> Book: ...

    def trades(self, symbol: str, after: int) -> tuple[int, tuple[TradeRow, ...]]:
        """How many trades there were, and the newest of those after the first ``after``, at most
        ``MOST_TRADES``."""
        ...

    def bars(self, symbol: str, interval_s: int, generation: int, after: int) -> Work[Bars]:
        """Bars changed after revision ``after``, at most ``MOST_BARS``; all where the generation is another.
        The desk's own interval for one that it cannot make."""
        ...

    async def recall(self, symbol: str) -> None:
        """Have the fills of the past at hand."""
        ...

    def fills(self, symbol: str, after: int) -> tuple[int, tuple[FillRow, ...]]:
        """How many fills there were since the recall, those of the past among them, and the newest of those
        after the first ``after``, at most ``MOST_FILLS``."""
        ...

    async def latency(self) -> LatencyDetail: ...

    def framed(self, ns: int) -> None:
        """A market frame took so long to make."""
        ...

    def sent(self, ns: int) -> None:
        """A frame took so long to be encoded and taken by a client's socket."""
        ...
