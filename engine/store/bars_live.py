"""The desk's own short bars made into the bars that are stored: what live saw, for training to read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.events import NS
from engine.feature_table import COLUMN, FeatureTable
from engine.instruments import venue_of
from engine.store.bar import LIVE_SOURCE, Bar, Provenance

Floats = npt.NDArray[np.float64]

_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _TRADES = (
    COLUMN[name] for name in ("open", "high", "low", "close", "volume", "trade_count")
)
_NO_BAR = -1
_NEVER = (1 << 63) - 1


class LiveBars:
    """Bars of ``interval_s`` from closed bars of ``bar_s`` seconds, of all symbols at once.

    A bar in which the symbol was not watched from its first moment to its last, or in which trades were
    missed, is marked as partial; one without any trade as filled, and left out where the market may be
    closed. Symbols are told apart by their index.
    """

    def __init__(
        self,
        interval_s: int,
        bar_s: float,
        *,
        without: str = "",
        never_closes: Callable[[str], bool] = lambda symbol: True,
    ) -> None:
        """``without``: a venue whose symbols are left out. ``never_closes``: whether a symbol's market is
        open at every hour of the week. Raises ValueError where bars of ``bar_s`` do not make up those of
        ``interval_s``."""
        self._without = without
        self._never_closes = never_closes
        self._step_ns = round(bar_s * NS)
        self._interval_ns = interval_s * NS
        if self._step_ns <= 0 or self._interval_ns % self._step_ns:
            raise ValueError(f"bars of {bar_s:g} s do not make up bars of {interval_s} s")
        self._interval_s = interval_s
        self._start_ns = _NO_BAR
        """Where the bars that are being made begin."""
        self._names: list[str] = []
        self._fills: list[bool] = []
        self._known_ns = np.zeros(0, np.int64)
        """Since when each symbol is watched without a gap."""
        self._down: set[str] = set()
        self._values = np.zeros((0, 7))
        """open, high, low, close, volume, volume x vwap, trades."""
        self._vwaps = np.zeros(0)
        """Of those that one short bar alone has filled, its very vwap; NaN: more than one has a volume."""
        self._count = np.zeros(0, np.int64)
        """Short bars taken."""

    def take(self, table: FeatureTable, vwaps: Floats) -> list[Bar]:
        """The symbols' bars that closed at ``table.ns``; ``vwaps`` in the same order. Returns the long ones
        that are complete by it."""
        start_ns = table.ns - self._step_ns
        done = self.due(start_ns)
        if self._start_ns == _NO_BAR:
            self._start_ns = start_ns // self._interval_ns * self._interval_ns
        if len(table):
            self._grow(table, start_ns)
            self._merge(table.indices, table.values, vwaps)
        return done + self.due(table.ns)

    def due(self, now_ns: int) -> list[Bar]:
        """The bars that ended at or before ``now_ns``: called by the clock too, since nothing may trade."""
        if self._start_ns == _NO_BAR or now_ns < self._start_ns + self._interval_ns:
            return []
        bars = [
            self._bar(index, now_ns)
            for index in self._count.nonzero()[0].tolist()
            if venue_of(self._names[index]) != self._without and self._is_kept(index)
        ]
        self._count[:] = 0
        self._start_ns = _NO_BAR
        return bars

    def on_gap(self, symbol: str, ns: int) -> None:
        """Trades of ``symbol`` were missed, up to ``ns``."""
        if symbol in self._names:
            index = self._names.index(symbol)
            self._known_ns[index] = max(self._known_ns[index], ns)

    def on_feed(self, venue: str, ns: int, *, up: bool) -> None:
        """Since ``ns`` all trades of ``venue`` come, or do not."""
        (self._down.discard if up else self._down.add)(venue)
        for index, name in enumerate(self._names):
            if venue_of(name) == venue:
                self._known_ns[index] = ns if up else _NEVER

    def _grow(self, table: FeatureTable, start_ns: int) -> None:
        highest = int(table.indices.max()) + 1
        more = highest - len(self._names)
        if more > 0:
            self._names += [""] * more
            self._fills += [True] * more
            self._vwaps = np.append(self._vwaps, np.zeros(more))
            self._known_ns = np.append(self._known_ns, np.zeros(more, np.int64))
            self._values = np.concatenate((self._values, np.zeros((more, 7))))
            self._count = np.append(self._count, np.zeros(more, np.int64))
        for position, index in enumerate(table.indices.tolist()):
            if not self._names[index]:
                self._names[index] = table.symbol(position)
                self._fills[index] = self._never_closes(self._names[index])
                # Its first trade came somewhere in this bar: what came before it is not known.
                down = venue_of(self._names[index]) in self._down
                self._known_ns[index] = _NEVER if down else start_ns + 1

    def _merge(self, indices: npt.NDArray[np.int64], told: Floats, vwaps: Floats) -> None:
        kept = self._values[indices]
        traded, volume = told[:, _TRADES] > 0.0, told[:, _VOLUME]
        # As venues do: a bar opens with its first trade, and where nothing trades no price is made.
        first = (self._count[indices] == 0) | (traded & (kept[:, 6] == 0.0))
        goes_on = ~first & (traded | (kept[:, 6] == 0.0))
        kept[first, :4] = told[first][:, (_OPEN, _HIGH, _LOW, _CLOSE)]
        kept[first, 4:] = 0.0
        kept[goes_on, 1] = np.maximum(kept[goes_on, 1], told[goes_on, _HIGH])
        kept[goes_on, 2] = np.minimum(kept[goes_on, 2], told[goes_on, _LOW])
        kept[goes_on, 3] = told[goes_on, _CLOSE]
        alone = (volume > 0.0) & (kept[:, 4] == 0.0)
        self._vwaps[indices] = np.where(alone, vwaps, np.where(volume > 0.0, np.nan, self._vwaps[indices]))
        kept[:, 4] += volume
        kept[:, 5] += np.where(volume > 0.0, vwaps * volume, 0.0)
        kept[:, 6] += told[:, _TRADES]
        self._values[indices] = kept
        self._count[indices] += 1

    def _is_kept(self, index: int) -> bool:
        return self._fills[index] or self._values[index, 6] > 0 or self._values[index, 4] > 0.0

    def _vwap(self, index: int) -> float:
        """As the features saw it, where one short bar makes the long one."""
        close, volume, value = self._values[index, 3:6].tolist()
        if volume <= 0.0:
            return float(close)
        vwap = float(self._vwaps[index])
        return vwap if vwap == vwap else float(value / volume)

    def _bar(self, index: int, now_ns: int) -> Bar:
        opened, high, low, close, volume, _, trades = self._values[index].tolist()
        provenance = Provenance.LIVE if self._known_ns[index] <= self._start_ns else Provenance.PARTIAL
        if trades == 0 and volume == 0.0:
            provenance = Provenance.FILLED
        return Bar(
            self._names[index],
            self._interval_s,
            self._start_ns,
            opened,
            high,
            low,
            close,
            volume,
            self._vwap(index),
            int(trades),
            LIVE_SOURCE,
            provenance,
            now_ns,
        )
