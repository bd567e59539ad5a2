"""A stored bar, what it rests on, and what goes with it."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from engine.bar_merge import Provenance as Provenance
from engine.events import NS, Candle

LIVE_SOURCE = "desk"
"""Who told a bar that the desk made itself."""
FILE_SOURCE = "file:"
"""How the names of sources begin that are files: what they told cannot be loaded again."""


class Bar(msgspec.Struct, frozen=True, gc=False):
    """A closed bar. Prices and volume as told; see the table ``bars``."""

    symbol: str
    interval_s: int
    open_ns: int
    """A multiple of a second."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    """NaN: not told."""
    vwap: float
    """NaN: not told."""
    trades: int
    """-1: not told."""
    source: str
    provenance: Provenance
    told_ns: int

    def candle(self) -> Candle:
        """As an event, closed."""
        return Candle(
            symbol=self.symbol,
            interval_s=self.interval_s,
            open_ns=self.open_ns,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
            closed=True,
            event_ns=self.open_ns + self.interval_s * NS,
            recv_ns=self.told_ns,
            trades=self.trades,
            source=self.source,
            filled=self.provenance is Provenance.FILLED,
        )


def bar_of(candle: Candle) -> Bar:
    """The bar to store of what a venue or a service told. Raises ValueError for one that is not closed."""
    if not candle.closed:
        raise ValueError(f"the bar of {candle.symbol} is not closed: it is not final")
    venue = candle.symbol.partition(":")[0]
    source = candle.source or venue
    provenance = Provenance.VENUE if source == venue else Provenance.SERVICE
    return Bar(
        candle.symbol,
        candle.interval_s,
        candle.open_ns,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        math.nan,
        candle.trades,
        source,
        Provenance.FILLED if candle.filled else provenance,
        candle.recv_ns,
    )


class Span(NamedTuple):
    """``from_ns <= open < to_ns`` of one series."""

    symbol: str
    interval_s: int
    from_ns: int
    to_ns: int


class StoredAction(msgspec.Struct, frozen=True):
    """A corporate action of one symbol."""

    ex_ns: int
    """When the first session without it begins, or the midnight of its day."""
    kind: str
    """split or dividend."""
    value: float
    """New shares for an old one; or per share, in the quote currency."""
    source: str
    split_adjusted: bool
    """A dividend's value is in the shares of when it was told, not of its own day."""
    told_ns: int
