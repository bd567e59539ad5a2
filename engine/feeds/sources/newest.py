"""What of a source's answer is news: nothing is told twice, and nothing older than what was told."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import NS, Candle
from engine.feeds.candles import of_future


class Newest:
    """Remembers the newest bar of each symbol and interval, whichever source told it.

    A bar that still forms is told again when it has changed, a bar that is closed once. When its successor
    has begun, the bar before it may still be told as closed, should that come late or from another source;
    older ones are dropped.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], Candle] = {}
        self._closed_ns: dict[tuple[str, int], int] = {}

    def news(self, bars: Sequence[Candle]) -> list[Candle]:
        """Those of ``bars``, which are in order, that are to be told."""
        return [bar for bar in bars if self._is_news(bar)]

    def _is_news(self, bar: Candle) -> bool:
        if of_future(bar):
            return True  # who judges bars will set it aside
        key = bar.symbol, bar.interval_s
        last = self._last.get(key)
        if bar.closed and bar.open_ns <= self._closed_ns.get(key, -1):
            return False
        if last is not None and not self._follows(bar, last):
            return False
        if bar.closed:
            self._closed_ns[key] = bar.open_ns
        if last is None or bar.open_ns >= last.open_ns:
            self._last[key] = bar
        return True

    @staticmethod
    def _follows(bar: Candle, last: Candle) -> bool:
        if bar.open_ns < last.open_ns:
            return bar.closed and bar.open_ns >= last.open_ns - bar.interval_s * NS
        if bar.open_ns > last.open_ns or bar.closed:
            return True
        younger = bar.source == last.source or bar.event_ns >= last.event_ns
        return not last.closed and younger and not _same(bar, last)


def _same(bar: Candle, other: Candle) -> bool:
    """Whether both tell the same prices, and the same volume, NaN being like NaN."""
    return (bar.open, bar.high, bar.low, bar.close, repr(bar.volume)) == (
        *(other.open, other.high, other.low, other.close),
        repr(other.volume),
    )
