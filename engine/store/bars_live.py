"""The desk's own short bars made into the bars that are stored: what live saw, for training to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.bar_merge import BarMerge, Floats, Merged, Provenance
from engine.feature_table import FeatureTable
from engine.store.bar import LIVE_SOURCE, Bar


class LiveBars:
    """``BarMerge`` as bars to store."""

    def __init__(
        self,
        interval_s: int,
        bar_s: float,
        *,
        without: str = "",
        never_closes: Callable[[str], bool] = lambda symbol: True,
    ) -> None:
        """As ``BarMerge``. Raises ValueError where bars of ``bar_s`` do not make up those of
        ``interval_s``."""
        self._merge = BarMerge(interval_s, bar_s, without=without, never_closes=never_closes)
        self._interval_s = interval_s
        self.on_gap = self._merge.on_gap
        self.on_feed = self._merge.on_feed

    def take(self, table: FeatureTable, vwaps: Floats) -> list[Bar]:
        """The symbols' bars that closed at ``table.ns``; ``vwaps`` in the same order. Returns the long ones
        that are complete by it."""
        return self._bars(self._merge.take(table, vwaps), table.ns)

    def due(self, now_ns: int) -> list[Bar]:
        """The bars that ended at or before ``now_ns``: called by the clock too, since nothing may trade."""
        return self._bars(self._merge.due(now_ns), now_ns)

    def _bars(self, merged: Iterable[Merged], now_ns: int) -> list[Bar]:
        return [bar for one in merged for bar in self._made(one, now_ns)]

    def _made(self, merged: Merged, now_ns: int) -> Iterable[Bar]:
        trades, kinds = merged.trades.tolist(), merged.provenance.tolist()
        for position, (index, bar) in enumerate(
            zip(merged.indices.tolist(), merged.values.tolist(), strict=True)
        ):
            opened, high, low, close, volume, vwap = bar
            yield Bar(
                self._merge.names[index],
                self._interval_s,
                merged.start_ns,
                opened,
                high,
                low,
                close,
                volume,
                vwap,
                trades[position],
                LIVE_SOURCE,
                Provenance(kinds[position]),
                now_ns,
            )
