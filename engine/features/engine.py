"""The feature engine: batches of packed ticks in, triggers and feature rows out.

    engine = FeatureEngine(config.features)
    while (outcome := engine.feed(ticks, position, stop))[0] != NONE:
        code, position, index = outcome
        ...  # react, then go on at ``position``, even when it equals ``stop``

However ticks are cut into batches, states, rows and triggers are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.consume import (
    BARS,
    EXIT,
    GROW,
    NONE,
    RISE,
    WAKE,
    close_first,
    consume,
    find_mids,
    note_missing,
    pass_time,
    refresh,
    refresh_one,
    take_closed,
    take_vwaps,
)
from engine.features.desk_memory import ROW_WORDS, DeskMemory
from engine.features.readings import Readings
from engine.features.state import DESK, ROW_FIELDS, STATE, Array, word_of
from engine.features.watches import Watches
from engine.kernels import warm
from engine.ticks import TICK

__all__ = ["BARS", "EXIT", "NONE", "RISE", "WAKE", "FeatureEngine", "compile_kernels"]

_QUOTE_NS = word_of(STATE, "quote_ns")
_NOW, _CLOSED, _BAR_NS, _POSITION, _SYMBOL = (
    word_of(DESK, name) for name in ("now_ns", "closed_ns", "bar_ns", "position", "symbol")
)


class FeatureEngine(Readings, Watches):
    """Windows, bars, indicators and triggers of all symbols.

    ``quote_max_age_s``: from this age on, a quote older than the last trade is not believed.
    """

    def __init__(self, config: FeaturesConfig, *, quote_max_age_s: float = 3.0, capacity: int = 64) -> None:
        _load_kernels()
        super().__init__(config, quote_max_age_s, capacity)
        self._take_ticks(np.zeros(0, TICK))

    # --- time ------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The desk's clock: the latest ``recv_ns`` consumed, or time passed by ``advance``; never goes back.

        While a BARS trigger is handled it stands at the boundary.
        """
        return self._desk_words[_NOW]

    @property
    def boundary_ns(self) -> int:
        """End of the bar interval that the last BARS closed; 0 before the first."""
        return self._desk_words[_CLOSED]

    def advance(self, now_ns: int) -> int:
        """Move the clock without a tick: BARS once per boundary passed (call again), else NONE."""
        return pass_time(now_ns, self.address)

    # --- ticks -----------------------------------------------------------------------------------

    def feed(self, ticks: Array, start: int, stop: int) -> tuple[int, int, int]:
        """Consume ``ticks[start:stop]`` (TICK rows) up to the first trigger.

        Returns (code, next position, symbol index or -1). Call again from ``next position`` until the code is
        NONE, even when nothing is left: one tick can cause several triggers. Raises IndexError for a tick of
        a symbol that was not added, ValueError for what are no ticks.
        """
        if ticks is not self._ticks:
            self._take_ticks(ticks)
        if not 0 <= start <= stop <= self._ticks_count:
            raise IndexError(f"ticks {start}:{stop} of {self._ticks_count}")
        return self._outcome(consume(self._ticks_address, start, stop, self.address), stop)

    def go_on(self, code: int, ticks: Array, stop: int) -> tuple[int, int, int]:
        """What ``feed`` would have returned, where ``consume_ticks`` was called elsewhere: its ``code``."""
        if ticks is not self._ticks:
            self._take_ticks(ticks)
        return self._outcome(code, stop)

    def _outcome(self, code: int, stop: int) -> tuple[int, int, int]:
        while code != NONE:
            position, index = self._desk_words[_POSITION], self._desk_words[_SYMBOL]
            if code != GROW:
                return code, position, index
            self.grow(index)
            code = consume(self._ticks_address, position, stop, self.address)
        return NONE, stop, -1

    @property
    def stopped_at(self) -> tuple[int, int]:
        """(position to go on at, symbol or -1) as the kernel left them."""
        return self._desk_words[_POSITION], self._desk_words[_SYMBOL]

    def _take_ticks(self, ticks: Array) -> None:
        """Remember where ``ticks`` are: to ask takes longer than to consume one."""
        if ticks.dtype != TICK or ticks.ndim != 1 or not ticks.flags.c_contiguous:
            raise ValueError("ticks must be one contiguous array of TICK rows")
        self._ticks, self._ticks_count, self._ticks_address = ticks, len(ticks), int(ticks.ctypes.data)

    def miss_trades(self, index: int, now_ns: int) -> None:
        """Trades were missed, which is known at ``now_ns``: rows say so until window and bars are past it."""
        note_missing(index, now_ns, self.address)

    def doubt_quote(self, index: int) -> None:
        """The quote is wrong: it has no age from now on, and any trade says more, until a new one comes."""
        self._words[index * ROW_WORDS + _QUOTE_NS] = 0

    def closed(self) -> Array:
        """Indices of the symbols whose bar (real or filled) closed at the last BARS, rising."""
        closed = self._desk_words[_CLOSED]
        if not closed:
            return np.zeros(0, np.int64)
        start = closed - self._desk_words[_BAR_NS]
        found: Array = (self._bar_starts[: len(self._symbols)] == start).nonzero()[0]
        return found


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernels ready: load them, or compile them at the first start (``report`` gets a line)."""
    _compile(report)


@cache
def _load_kernels() -> None:
    _compile(None)


def _compile(report: Callable[[str], None] | None) -> None:
    warm(_exercise, "consume", report)


def _exercise() -> None:
    memory, ticks = DeskMemory(FeaturesConfig(), 1.0, capacity=1), np.zeros(1, TICK)
    address = memory.address
    consume(ticks.ctypes.data, 0, 0, address)
    pass_time(NS, address)
    refresh(np.zeros(0, np.int64), address)
    refresh_one(0, address)
    close_first(address)
    note_missing(0, 0, address)
    find_mids(np.zeros(0, np.int64), np.zeros(0), address)
    none = np.zeros(0, np.int64)
    take_closed(none, none, none, np.zeros((0, len(ROW_FIELDS))), address)
    take_vwaps(none, np.zeros(0), address)
