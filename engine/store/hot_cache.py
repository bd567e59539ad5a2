"""The newest bars of each symbol, in memory, ready to be read without a copy."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.store.bar import Bar
from engine.store.bars_read import Bars

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_FIRST = 256
"""Bars that a symbol has room for at first."""


class _Part(NamedTuple):
    opens: Integers
    values: Floats
    provenance: npt.NDArray[np.int8]

    def after(self, first: int) -> _Part:
        return _Part(self.opens[first:], self.values[first:], self.provenance[first:])


class _Series:
    """One symbol's bars, oldest first, in arrays that are replaced when they are full: views of old ones stay
    as they were."""

    __slots__ = ("end", "opens", "provenance", "start", "values")

    def __init__(self, parts: Sequence[_Part], room: int) -> None:
        """Holds what ``parts`` hold, in their order."""
        count = sum(len(part.opens) for part in parts)
        self.opens = np.empty(max(room, count), np.int64)
        self.values = np.empty((max(room, count), 6))
        self.provenance = np.empty(max(room, count), np.int8)
        self.start = self.end = 0
        for part in parts:
            rows = slice(self.end, self.end + len(part.opens))
            self.opens[rows], self.values[rows], self.provenance[rows] = part
            self.end = rows.stop

    def part(self, first: int) -> _Part:
        rows = slice(first, self.end)
        return _Part(self.opens[rows], self.values[rows], self.provenance[rows])

    def find(self, open_ns: int) -> int:
        """Where the first bar is that begins then or later."""
        return self.start + int(np.searchsorted(self.opens[self.start : self.end], open_ns))


class HotCache:
    """The last ``capacity`` bars of each symbol, all of ``interval_s``.

    One thread puts; any thread may read. What is read are views that cannot be written: bars that come later
    do not change them, a correction of a bar that is in them does.
    """

    def __init__(self, capacity: int, interval_s: int) -> None:
        self.capacity = capacity
        self.interval_s = interval_s
        self._series: dict[str, _Series] = {}
        self._changed: dict[str, int] = {}
        """By symbol, from which open on something is new since ``changes`` was asked."""
        self._lock = threading.Lock()
        self._track = False

    @property
    def symbols(self) -> list[str]:
        with self._lock:
            return sorted(self._series)

    def fill(self, bars: Bars) -> None:
        """Take the newest of ``bars`` in the place of all that is held of their symbol."""
        if bars.interval_s != self.interval_s:
            raise ValueError(f"bars of {bars.interval_s} s do not go with those of {self.interval_s} s")
        with self._lock:
            held = self._series.get(bars.symbol)
            parts = [_Part(bars.open_ns, bars.values, bars.provenance)]
            if held is not None and held.end > held.start:
                # What came while they were read is newer than they are.
                parts.append(held.part(held.find(int(bars.open_ns[-1]) + 1) if len(bars) else held.start))
            more = sum(len(part.opens) for part in parts) - self.capacity
            parts[0] = parts[0].after(max(0, more))
            count = sum(len(part.opens) for part in parts)
            if count:
                made = self._series[bars.symbol] = _Series(parts, self._room(count))
                self._note(bars.symbol, int(made.opens[0]))

    def put(self, bars: Iterable[Bar]) -> None:
        """Add bars, or correct those that are held by what is no worse (see ``BarStore``). One that is older
        than the last and is not held is left out: it comes with the next ``fill``."""
        with self._lock:
            for bar in bars:
                if bar.interval_s == self.interval_s:
                    self._put(bar)

    def bars(self, symbol: str, count: int) -> tuple[Integers, Floats]:
        """When the last bars begin, and (n, 6) of open, high, low, close, volume, vwap; oldest first."""
        with self._lock:
            held = self._series.get(symbol)
            if held is None or count <= 0:
                return np.empty(0, np.int64), np.empty((0, 6))
            first = max(held.start, held.end - count)
            opens, values = held.opens[first : held.end], held.values[first : held.end]
        opens.flags.writeable = values.flags.writeable = False
        return opens, values

    # --- for who keeps a copy elsewhere ---

    def track(self) -> None:
        """From now on note what changes, and begin with everything."""
        with self._lock:
            self._track = True
            for symbol, held in self._series.items():
                self._changed[symbol] = int(held.opens[held.start])

    def changes(self) -> dict[str, tuple[Integers, Floats]]:
        """Copies of what is new or corrected since the last call, by symbol."""
        with self._lock:
            changed, self._changed = self._changed, {}
            found = {}
            for symbol, since_ns in changed.items():
                held = self._series[symbol]
                part = held.part(held.find(since_ns))
                found[symbol] = part.opens.copy(), part.values.copy()
            return found

    # --- inside ---

    def _put(self, bar: Bar) -> None:
        held = self._series.get(bar.symbol)
        if held is None:
            held = self._series[bar.symbol] = _Series((), self._room(0))
        elif held.end > held.start and bar.open_ns <= held.opens[held.end - 1]:
            at = held.find(bar.open_ns)
            if held.opens[at] == bar.open_ns and held.provenance[at] <= bar.provenance:
                self._set(held, at, bar)
            return
        if held.end == len(held.opens):
            kept = held.part(max(held.start, held.end - self.capacity + 1))
            held = self._series[bar.symbol] = _Series((kept,), self._room(len(kept.opens)))
        held.opens[held.end] = bar.open_ns
        self._set(held, held.end, bar)
        held.end += 1
        held.start = max(held.start, held.end - self.capacity)

    def _set(self, held: _Series, at: int, bar: Bar) -> None:
        held.values[at] = bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap
        held.provenance[at] = bar.provenance
        self._note(bar.symbol, bar.open_ns)

    def _room(self, count: int) -> int:
        """Twice what there is, up to a quarter more than is kept: so seldom are bars moved."""
        return max(count + 1, min(max(_FIRST, 2 * count), self.capacity + self.capacity // 4 + 1))

    def _note(self, symbol: str, open_ns: int) -> None:
        if self._track:
            self._changed[symbol] = min(self._changed.get(symbol, open_ns), open_ns)
