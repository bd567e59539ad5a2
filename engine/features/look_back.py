"""What the compiled stage still holds of one symbol's past: trades, closed bars with what was shown at their
close, and the open bar as it would close now. Only reads: nothing is added to what a tick costs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.features.consume import close_first
from engine.features.engine import FeatureEngine
from engine.features.state import (
    BAR_NUMBER,
    BARS_KEPT,
    DESK,
    SHOWN,
    VWAP,
    Array,
    new_bars,
    new_marks,
    new_ring,
    new_state,
    point,
    zeros,
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_BAR = slice(0, VWAP + 1)
_MARK = slice(0, len(SHOWN))


class Trades(NamedTuple):
    """Prints, oldest first; arrays of one length."""

    ns: Integers
    """The desk's clock when they were consumed."""
    price: Floats
    size: Floats
    side: npt.NDArray[np.int8]
    """The taker's: +1 bought, -1 sold, 0 unknown."""


class Bars(NamedTuple):
    """Bars, oldest first; arrays of one length."""

    open_ns: Integers
    values: Floats
    """(n, 6): open, high, low, close, volume, vwap."""
    shown: Floats
    """(n, 7): ``SHOWN`` at their close."""


class LookBack:
    """Reads of one engine, on its thread."""

    def __init__(self, features: FeatureEngine) -> None:
        self._features = features
        self._desk, self._state = zeros(1, DESK), new_state(1)
        self._bars, self._marks, self._ring = new_bars(1), new_marks(1), new_ring(1)

    def trade_count(self, index: int) -> int:
        """Trades consumed so far."""
        return self._features.last_trade(index)[0]

    def trades(self, index: int, after: int, most: int) -> Trades:
        """The newest trades, at most ``most``, of those after the first ``after``. As many are held as the
        window had at once, at least 256.

        Where a venue ever left a side out, who did not buy is unknown: the window tells buyers only.
        """
        held = self._features.held(index)
        tail, capacity = int(held.state["tail"][0]), int(held.state["capacity"][0])
        positions = np.arange(max(after, tail - min(most, capacity), 0), tail)
        entries = held.ring[int(held.state["offset"][0]) + (positions & (capacity - 1))]
        # A place that was made when the window grew may hold nothing yet.
        empty = (entries["ns"] == 0).nonzero()[0]
        if len(empty):
            entries = entries[empty[-1] + 1 :]
        other = 0 if held.state["untold"][0] else -1
        size = entries["size"]
        side = np.where(size > 0.0, 1, other).astype(np.int8)
        return Trades(entries["ns"], entries["price"], np.abs(size), side)

    def bar_count(self, index: int) -> int:
        """Bars closed so far."""
        return int(self._features.held(index).state["bar_count"][0])

    def bars(self, index: int, most: int) -> Bars:
        """The last closed bars, at most ``most`` and at most 512; copies."""
        held = self._features.held(index)
        done = int(held.state["bar_count"][0])
        slots = np.arange(done - min(most, done, BARS_KEPT), done) & (BARS_KEPT - 1)
        return self._taken(held.bars[slots], held.marks[slots], int(held.desk["bar_ns"][0]))

    def open_bar(self, index: int) -> Bars | None:
        """The open bar, with what would be shown if it closed now; None while it has neither trade nor
        quote."""
        held = self._features.held(index)
        if not held.state["bar_live"][0]:
            return None
        for own, theirs in ((self._desk, held.desk), (self._state, held.state)):
            own.view(np.uint8)[:] = theirs.view(np.uint8)  # field by field takes many times as long
        self._bars[0], self._marks[0] = held.bars, held.marks
        point(self._desk, self._state, self._bars, self._marks, self._ring)
        close_first(int(self._desk.ctypes.data))
        slot = (int(self._state["bar_count"][0]) - 1) & (BARS_KEPT - 1)
        slots = slice(slot, slot + 1)
        return self._taken(
            self._bars[0, slots].copy(), self._marks[0, slots].copy(), int(held.desk["bar_ns"][0])
        )

    def _taken(self, bars: Array, marks: Array, bar_ns: int) -> Bars:
        numbers: Integers = marks[:, BAR_NUMBER].astype(np.int64)
        return Bars(numbers * bar_ns, bars[:, _BAR], marks[:, _MARK])
