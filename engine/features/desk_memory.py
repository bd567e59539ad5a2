"""Where a feature engine keeps what it knows of its symbols: one row of each kind a symbol, and the windows'
trades in one ring of all.

Single values are read through memoryviews: several times as fast as through a structured array.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.config import FeaturesConfig
from engine.features.state import (
    RING_START,
    RUN_BITS,
    STATE,
    Array,
    new_bars,
    new_desk,
    new_marks,
    new_ring,
    new_state,
    point,
    ring_size,
    row_view,
    run_places,
    start_row,
)

ROW_BYTES, ROW_WORDS = STATE.itemsize, STATE.itemsize // 8


class Held(NamedTuple):
    """Where the memory of one symbol is; views, which are right until the engine is given more ticks."""

    desk: Array
    """One row of DESK."""
    state: Array
    """One row of STATE."""
    bars: Array
    marks: Array
    ring: Array
    """Of all symbols."""


class DeskMemory:
    """The rows of all symbols, which are given more room as it is wanted."""

    def __init__(self, config: FeaturesConfig, quote_max_age_s: float, capacity: int) -> None:
        rows = max(1, capacity)
        self._symbols: list[str] = []
        self._desk = new_desk(config, quote_max_age_s)
        self._desk_words = self._desk.view(np.int64).data
        self.address = int(self._desk.ctypes.data)
        """Of the desk's row, for kernels built upon ``consume_ticks``; the same for the engine's life."""
        self._ring = new_ring(rows * ring_size(RING_START))
        self._ring_used = 0
        self._place(new_state(rows), new_bars(rows), new_marks(rows))

    def __len__(self) -> int:
        return len(self._symbols)

    def add_symbol(self, symbol: str) -> int:
        """The symbol's index: dense, from 0, in the order of the calls."""
        index = len(self._symbols)
        if index == len(self._state):
            state, bars, marks = new_state(2 * index), new_bars(2 * index), new_marks(2 * index)
            state[:index], bars[:index], marks[:index] = self._state, self._bars, self._marks
            self._place(state, bars, marks)
        start_row(self._state[index : index + 1], self._take_ring(RING_START), RING_START)
        self._symbols.append(symbol)
        self._desk["count"] = index + 1
        return index

    def held(self, index: int) -> Held:
        """For who looks back further than a row does: see ``look_back.py``. It must change nothing."""
        rows = slice(index, index + 1)
        return Held(self._desk, self._state[rows], self._bars[index], self._marks[index], self._ring)

    def _place(self, state: Array, bars: Array, marks: Array) -> None:
        """Keep the memory and the views through which it is read."""
        self._state, self._bars, self._marks = state, bars, marks
        self._rows = row_view(state)
        self._bar_starts, self._bar_counts = state["bar_start_ns"], state["bar_count"]
        memory = state.view(np.uint8).data.cast("B")
        self._bytes, self._words, self._floats = memory.cast("b"), memory.cast("q"), memory.cast("d")
        point(self._desk, state, bars, marks, self._ring)

    def _take_ring(self, capacity: int) -> int:
        offset = self._ring_used
        self._ring_used += ring_size(capacity)
        if self._ring_used > len(self._ring):
            ring = new_ring(max(2 * len(self._ring), self._ring_used))
            ring[:offset] = self._ring[:offset]
            self._ring = ring
            point(self._desk, self._state, self._bars, self._marks, ring)
        return offset

    def make_room(self, index: int, capacity: int) -> int:
        """Where the symbol's window, which is empty, has room for so many trades; its row must say so."""
        row = self._state[index]
        return int(row["offset"]) if capacity <= row["capacity"] else self._take_ring(capacity)

    def grow(self, index: int) -> None:
        """Move a symbol's window into a ring twice as large. The places left behind add up to less."""
        row = self._state[index]
        old, capacity = int(row["offset"]), int(row["capacity"])
        new = self._take_ring(2 * capacity)
        trades = np.arange(row["head"], row["tail"])
        runs = np.arange(row["head"] >> RUN_BITS, (row["tail"] - 1 >> RUN_BITS) + 1)
        for numbers, source, target, places in (
            (trades, old, new, lambda room: room),
            (runs, old + capacity, new + 2 * capacity, run_places),
        ):
            left = self._ring[source + (numbers & (places(capacity) - 1))]
            self._ring[target + (numbers & (places(2 * capacity) - 1))] = left
        row["offset"], row["capacity"] = new, 2 * capacity
