"""The feature engine: batches of packed ticks in, triggers and feature rows out.

    engine = FeatureEngine(config.features)
    while (outcome := engine.feed(ticks, position, stop))[0] != NONE:
        code, position, index = outcome
        ...  # react, then go on at ``position``, even when it equals ``stop``

However ticks are cut into batches, states, rows and triggers are the same to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np

from engine.config import FeaturesConfig
from engine.events import NS, FeatureRow
from engine.feature_table import FeatureTable
from engine.features.consume import BARS, EXIT, GROW, NONE, RISE, WAKE, consume, pass_time, refresh
from engine.features.state import (
    BAR_NS,
    BARS_KEPT,
    CLOSE,
    CLOSED,
    COUNT,
    ENTRY,
    NEVER,
    NOW,
    PENDING,
    PENDING_SYMBOL,
    QUOTE_MAX_AGE_NS,
    RING_START,
    ROW_FIELDS,
    Array,
    new_clock,
    new_state,
    row_view,
    start_row,
)
from engine.features.triggers import RISE_BIT, WAKE_BIT, outdated
from engine.kernels import warm
from engine.ticks import TICK

__all__ = ["BARS", "EXIT", "NONE", "RISE", "WAKE", "FeatureEngine", "compile_kernels"]


_QUOTE = slice(ROW_FIELDS.index("bid"), ROW_FIELDS.index("last") + 1)


class FeatureEngine:
    """Windows, bars, indicators and triggers of all symbols.

    ``quote_max_age_s``: from this age on, a quote older than the last trade is not believed.
    """

    def __init__(self, config: FeaturesConfig, *, quote_max_age_s: float = 3.0, capacity: int = 64) -> None:
        _load_kernels()
        self._config = config
        self._symbols: list[str] = []
        self._clock = new_clock(config, quote_max_age_s)
        self._view(new_state(max(1, capacity)))
        self._ring = np.zeros(max(1, capacity) * RING_START, ENTRY)
        self._ring_used = 0

    def __len__(self) -> int:
        return len(self._symbols)

    def add_symbol(self, symbol: str) -> int:
        """The symbol's index: dense, from 0, in the order of the calls."""
        index = len(self._symbols)
        if index == len(self._state):
            state = new_state(2 * index)
            state[:index] = self._state
            self._view(state)
        start_row(self._state[index : index + 1], self._config, self._take_ring(RING_START))
        self._symbols.append(symbol)
        self._clock[COUNT] = index + 1
        return index

    # --- time ------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The desk's clock: the latest ``recv_ns`` consumed, or time passed by ``advance``; never goes back.

        While a BARS trigger is handled it stands at the boundary.
        """
        return int(self._clock[NOW])

    @property
    def boundary_ns(self) -> int:
        """End of the bar interval that the last BARS closed; 0 before the first."""
        return int(self._clock[CLOSED])

    def advance(self, now_ns: int) -> int:
        """Move the clock without a tick: BARS once per boundary passed (call again), else NONE."""
        return int(pass_time(now_ns, self._state, self._clock, self._ring))

    # --- ticks -----------------------------------------------------------------------------------

    def feed(self, ticks: Array, start: int, stop: int) -> tuple[int, int, int]:
        """Consume ``ticks[start:stop]`` (TICK rows) up to the first trigger.

        Returns (code, next position, symbol index or -1). Call again from ``next position`` until the code is
        NONE, even when nothing is left: one tick can cause several triggers. Raises IndexError for a tick of
        a symbol that was not added.
        """
        while True:
            code, position, index = consume(ticks, start, stop, self._state, self._clock, self._ring)
            if code != GROW:
                return code, position, index
            self._grow(index)
            start = position

    def closed(self) -> Array:
        """Indices of the symbols whose bar (real or filled) closed at the last BARS, rising."""
        if not self._clock[CLOSED]:
            return np.zeros(0, np.int64)
        found: Array = (self._bar_ends[: len(self._symbols)] == self._clock[CLOSED]).nonzero()[0]
        return found

    @property
    def updates(self) -> Array:
        """Ticks consumed so far, by symbol index. A view: copy it to compare later."""
        view: Array = self._state["updates"][: len(self._symbols)]
        return view

    def last_recv_ns(self, index: int) -> int:
        """Clock at the symbol's last consumed tick; 0 before the first."""
        return int(self._state["recv_ns"][index])

    def recv_times(self) -> Array:
        """``last_recv_ns`` of all symbols, as a view."""
        view: Array = self._state["recv_ns"][: len(self._symbols)]
        return view

    # --- what is known ---------------------------------------------------------------------------

    def row(self, index: int) -> FeatureRow:
        """What is known of the symbol as of ``now_ns``."""
        return self.rows((index,))[0]

    def rows(self, indices: Iterable[int] | Array) -> list[FeatureRow]:
        """``row`` for each of ``indices``, in their order."""
        table = self.table(indices)
        return [table.row(position) for position in range(len(table))]

    def table(self, indices: Iterable[int] | Array) -> FeatureTable:
        """What is known of the symbols as of ``now_ns``, in the order of ``indices``; a copy."""
        wanted = indices if isinstance(indices, np.ndarray) else np.fromiter(indices, np.int64)
        refresh(wanted, self._state, self._clock, self._ring)
        bars = self._bar_counts[wanted]
        starts = np.where(bars != 0, self._bar_ends[wanted] - self._clock[BAR_NS], 0)
        return FeatureTable(self._symbols, wanted, int(self._clock[NOW]), starts, bars, self._rows[wanted])

    def bars(self, index: int, count: int) -> Array:
        """The last closed bars, oldest first: (<= ``count``, 6) of open, high, low, close, volume, vwap.

        At most 512 are kept.
        """
        return self._last_bars(index, count)[:, :6]

    def closes(self, index: int, count: int) -> list[float]:
        """The last closes, oldest first, at most ``count``."""
        closes: list[float] = self._last_bars(index, count)[:, CLOSE].tolist()
        return closes

    def _last_bars(self, index: int, count: int) -> Array:
        done = int(self._state["bar_count"][index])
        positions = np.arange(max(0, done - min(count, BARS_KEPT)), done) & (BARS_KEPT - 1)
        bars: Array = self._state["bars"][index][positions]
        return bars

    def quote(self, index: int) -> tuple[float, float, float, float, float]:
        """(bid, bid size, ask, ask size, last trade); NaN where unknown."""
        bid, ask, bid_size, ask_size, last = self._rows[index, _QUOTE].tolist()
        return bid, bid_size, ask, ask_size, last

    def live_quote(self, index: int) -> tuple[float, float, float, float, float]:
        """``quote`` for marks, exits and risk: its first four are NaN while the quote is outdated.

        That is: older than ``quote_max_age_s`` now, with a trade since. When nothing is newer, the quote
        stands, and only its age tells that it is old.
        """
        row = self._state[index]
        now, max_age = int(self._clock[NOW]), int(self._clock[QUOTE_MAX_AGE_NS])
        if outdated(int(row["quote_ns"]), int(row["trade_ns"]), now, max_age):
            return math.nan, math.nan, math.nan, math.nan, float(row["last"])
        return self.quote(index)

    def quote_count(self, index: int) -> int:
        """Quotes consumed so far: another number means that the venue published anew."""
        return int(self._state["quotes"][index])

    def quote_ns(self, index: int) -> int:
        """Clock at the last quote consumed; 0 before the first."""
        return int(self._state["quote_ns"][index])

    def last_size(self, index: int) -> float:
        """Size of the last trade; NaN before the first."""
        return float(self._state["last_size"][index])

    # --- triggers --------------------------------------------------------------------------------

    def watch_rise(self, index: int, min_change_pct: float, min_volume: float) -> None:
        """RISE when the window's change and volume reach these (percent, base units); change 0 or NaN: never.

        It fires once, then again only after the change has been below half of ``min_change_pct``.
        """
        row = self._state[index]
        if not min_change_pct > 0.0:
            row["rise_change"] = math.nan
            self._forget(index, RISE_BIT)
        elif (row["rise_change"], row["rise_volume"]) != (min_change_pct, min_volume):
            row["rise_change"], row["rise_volume"], row["rise_armed"] = min_change_pct, min_volume, 1

    def watch_exit(self, index: int, side_sign: int, stop: float, target: float) -> None:
        """EXIT once, when a position (+1 long, -1 short) can be left at a level: ``stop`` or worse,
        ``target`` or better. A level of NaN is none. Judged at ``live_quote``.
        """
        row = self._state[index]
        row["exit_side"], row["exit_stop"], row["exit_target"] = side_sign, stop, target

    def clear_exit(self, index: int) -> None:
        self._state[index]["exit_side"] = 0

    def wake_at(self, index: int, ns: int) -> None:
        """WAKE after each tick of the symbol from clock ``ns`` on, until cleared."""
        self._state[index]["wake_ns"] = ns
        if ns > self._clock[NOW]:
            self._forget(index, WAKE_BIT)

    def clear_wake(self, index: int) -> None:
        self.wake_at(index, NEVER)

    def _forget(self, index: int, bit: int) -> None:
        if self._clock[PENDING_SYMBOL] == index:
            self._clock[PENDING] &= ~bit

    # --- room ------------------------------------------------------------------------------------

    def _view(self, state: Array) -> None:
        """Keep the columns read at each bar: to select a field costs more than to read it."""
        self._state = state
        self._rows = row_view(state)
        self._bar_ends, self._bar_counts = state["bar_end_ns"], state["bar_count"]

    def _take_ring(self, capacity: int) -> int:
        offset = self._ring_used
        self._ring_used += capacity
        if self._ring_used > len(self._ring):
            ring = np.zeros(max(2 * len(self._ring), self._ring_used), ENTRY)
            ring[:offset] = self._ring[:offset]
            self._ring = ring
        return offset

    def _grow(self, index: int) -> None:
        """Move a symbol's window into a ring twice as large. The places left behind add up to less."""
        row = self._state[index]
        old, capacity = int(row["offset"]), int(row["capacity"])
        new = self._take_ring(2 * capacity)
        for first, end, names in (
            ("head", "tail", ["ns", "price", "size", "bought"]),
            ("high_head", "high_tail", ["high"]),
            ("low_head", "low_tail", ["low"]),
        ):
            positions = np.arange(row[first], row[end])
            source, target = old + (positions & (capacity - 1)), new + (positions & (2 * capacity - 1))
            for name in names:
                self._ring[name][target] = self._ring[name][source]
        row["offset"], row["capacity"] = new, 2 * capacity


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernels ready: load them, or compile them at the first start (``report`` gets a line)."""
    _compile(report)


@cache
def _load_kernels() -> None:
    _compile(None)


def _compile(report: Callable[[str], None] | None) -> None:
    warm(_exercise, "consume", report)


def _exercise() -> None:
    state, clock = new_state(1), new_clock(FeaturesConfig(), 1.0)
    ring, ticks = np.zeros(RING_START, ENTRY), np.zeros(1, TICK)
    consume(ticks, 0, 0, state, clock, ring)
    pass_time(NS, state, clock, ring)
    refresh(np.zeros(0, np.int64), state, clock, ring)
