"""What the compiled stage still holds of one symbol's past: trades, closed bars with what was shown at their
close, and the open bar as it would close now. Only reads: nothing is added to what a tick costs.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.features.consume import close_first
from engine.features.engine import FeatureEngine
from engine.features.state import (
    BAR_NUMBER,
    BARS_KEPT,
    DESK,
    ENTRY,
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


_read_trade = struct.Struct("=qdd").unpack_from
_ENTRY_BYTES = ENTRY.itemsize
assert ENTRY.fields is not None and [ENTRY.fields[name][1] for name in ("ns", "price", "size")] == [0, 8, 16]
assert DESK.fields is not None
_SETTINGS = DESK.fields["rows"][1]
"""Bytes of a desk's row before it says where the memory is."""


class Trade(NamedTuple):
    ns: int
    """The desk's clock when it was consumed."""
    price: float
    size: float
    side: int
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
        point(self._desk, self._state, self._bars, self._marks, self._ring)
        self._address = int(self._desk.ctypes.data)
        self._own = self._desk.view(np.uint8)[:_SETTINGS], self._state.view(np.uint8)

    @property
    def now_ns(self) -> int:
        return self._features.now_ns

    def trade_count(self, index: int) -> int:
        """Trades consumed so far."""
        return self._features.last_trade(index)[0]

    def trades(self, index: int, after: int, most: int) -> list[Trade]:
        """The newest trades, at most ``most``, of those after the first ``after``, oldest first. As many are
        held as the window had at once, at least 256.

        Where a venue ever left a side out, who did not buy is unknown: the window tells buyers only.
        """
        held = self._features.held(index)
        state, ring = held.state[0], held.ring.view(np.uint8).data
        tail, capacity, offset = int(state["tail"]), int(state["capacity"]), int(state["offset"])
        other = 0 if state["untold"] else -1
        found: list[Trade] = []
        for position in range(max(after, tail - min(most, capacity), 0), tail):
            ns, price, size = _read_trade(ring, (offset + (position & (capacity - 1))) * _ENTRY_BYTES)
            if ns:
                found.append(Trade(ns, price, abs(size), 1 if size > 0.0 else other))
            else:  # a place that was made when the window grew may hold nothing yet
                found.clear()
        return found

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
        settings, state = self._own
        settings[:] = held.desk.view(np.uint8)[:_SETTINGS]  # field by field takes many times as long
        state[:] = held.state.view(np.uint8)
        self._bars[0] = held.bars  # of the marks the one is looked at that is made now
        close_first(self._address)
        slot = (int(self._state["bar_count"][0]) - 1) & (BARS_KEPT - 1)
        slots = slice(slot, slot + 1)
        return self._taken(
            self._bars[0, slots].copy(), self._marks[0, slots].copy(), int(held.desk["bar_ns"][0])
        )

    def _taken(self, bars: Array, marks: Array, bar_ns: int) -> Bars:
        numbers: Integers = marks[:, BAR_NUMBER].astype(np.int64)
        return Bars(numbers * bar_ns, bars[:, _BAR], marks[:, _MARK])
