"""The feature engine: batches of packed ticks in, triggers and feature rows out.

    engine = FeatureEngine(config.features)
    while (outcome := engine.feed(ticks, position, stop))[0] != NONE:
        code, position, index = outcome
        ...  # react, then go on at ``position``, even when it equals ``stop``

However ticks are cut into batches, states, rows and triggers are the same to the bit.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from engine.config import FeaturesConfig
from engine.events import NS, FeatureRow
from engine.feature_table import FeatureTable
from engine.features.consume import (
    ASK_SIZE,
    BARS,
    BID,
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
from engine.features.state import (
    BARS_KEPT,
    CLOSE,
    DESK,
    NEVER,
    RING_START,
    ROW_FIELDS,
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
from engine.features.triggers import RISE_BIT, WAKE_BIT
from engine.kernels import warm
from engine.ticks import TICK

__all__ = ["BARS", "EXIT", "NONE", "RISE", "WAKE", "FeatureEngine", "compile_kernels"]


def _byte(dtype: np.dtype[Any], name: str) -> int:
    """Where a field lies in its row."""
    assert dtype.fields is not None
    return int(dtype.fields[name][1])


def _word(dtype: np.dtype[Any], name: str) -> int:
    """The same in words of eight bytes."""
    return _byte(dtype, name) // 8


# Single values are read through memoryviews: several times as fast as through a structured array.
_ROW_BYTES, _ROW_WORDS = STATE.itemsize, STATE.itemsize // 8
_ROW_AT = _byte(STATE, "bar_start_ns")
_read_row = struct.Struct(f"<qq{len(ROW_FIELDS)}d").unpack_from
_QUOTE_AT = _byte(STATE, "bid")
_BAR_LIVE = _byte(STATE, "bar_live")
_BAR_COUNT, _BAR_HIGH_AT = _word(STATE, "bar_count"), _byte(STATE, "bar_high")
_read_range = struct.Struct("<2d").unpack_from
_read_quote = struct.Struct("<5d").unpack_from
_DATED_QUOTE_AT = _byte(STATE, "quote_ns")
_read_dated_quote = struct.Struct(f"<qq{_QUOTE_AT - _DATED_QUOTE_AT - 16}x5d").unpack_from
_RECV_NS, _QUOTES, _QUOTE_NS, _TRADE_NS, _WAKE_NS, _LAST_SIZE, _TRADES = (
    _word(STATE, name)
    for name in ("recv_ns", "quotes", "quote_ns", "trade_ns", "wake_ns", "last_size", "tail")
)
_RISE_CHANGE, _RISE_VOLUME, _RISE_NOTIONAL, _RISE_TRADES, _EXIT_STOP, _EXIT_TARGET = (
    _word(STATE, name)
    for name in ("rise_change", "rise_volume", "rise_notional", "rise_trades", "exit_stop", "exit_target")
)
_EXIT_BEST, _EXIT_SHARE, _EXIT_SLACK = (
    _word(STATE, name) for name in ("exit_best", "exit_share", "exit_slack")
)
_EXIT_SIDE, _EXIT_ARMED, _RISE_ARMED, _AGGRESSOR = (
    _byte(STATE, name) for name in ("exit_side", "exit_armed", "rise_armed", "aggressor")
)
_NOW, _CLOSED, _BAR_NS, _MAX_AGE = (
    _word(DESK, name) for name in ("now_ns", "closed_ns", "bar_ns", "quote_max_age_ns")
)
_PENDING, _PENDING_SYMBOL, _POSITION, _SYMBOL = (
    _word(DESK, name) for name in ("pending", "pending_symbol", "position", "symbol")
)
_UNKNOWN = math.nan, math.nan, math.nan, math.nan
_TRACE = 1e-12
"""Of a price: more than the rounding of its products, less than a tick."""


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


class FeatureEngine:
    """Windows, bars, indicators and triggers of all symbols.

    ``quote_max_age_s``: from this age on, a quote older than the last trade is not believed.
    """

    def __init__(self, config: FeaturesConfig, *, quote_max_age_s: float = 3.0, capacity: int = 64) -> None:
        _load_kernels()
        rows = max(1, capacity)
        self._symbols: list[str] = []
        self._desk = new_desk(config, quote_max_age_s)
        self._desk_words = self._desk.view(np.int64).data
        self.address = int(self._desk.ctypes.data)
        """Of the desk's row, for kernels built upon ``consume_ticks``; the same for the engine's life."""
        self._ring = new_ring(rows * ring_size(RING_START))
        self._ring_used = 0
        self._place(new_state(rows), new_bars(rows), new_marks(rows))
        self._take_ticks(np.zeros(0, TICK))

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
        self._words[index * _ROW_WORDS + _QUOTE_NS] = 0

    def closed(self) -> Array:
        """Indices of the symbols whose bar (real or filled) closed at the last BARS, rising."""
        closed = self._desk_words[_CLOSED]
        if not closed:
            return np.zeros(0, np.int64)
        start = closed - self._desk_words[_BAR_NS]
        found: Array = (self._bar_starts[: len(self._symbols)] == start).nonzero()[0]
        return found

    @property
    def updates(self) -> Array:
        """Ticks consumed so far, by symbol index. A view: copy it to compare later."""
        view: Array = self._state["updates"][: len(self._symbols)]
        return view

    def last_recv_ns(self, index: int) -> int:
        """Clock at the symbol's last consumed tick; 0 before the first."""
        return self._words[index * _ROW_WORDS + _RECV_NS]

    def last_times(self, index: int) -> tuple[int, int, int]:
        """``last_recv_ns``, ``quote_ns`` and ``trade_ns`` at once."""
        words, at = self._words, index * _ROW_WORDS
        return words[at + _RECV_NS], words[at + _QUOTE_NS], words[at + _TRADE_NS]

    def recv_times(self) -> Array:
        """``last_recv_ns`` of all symbols, as a view."""
        view: Array = self._state["recv_ns"][: len(self._symbols)]
        return view

    def quote_times(self) -> Array:
        """``quote_ns`` of all symbols, as a view."""
        view: Array = self._state["quote_ns"][: len(self._symbols)]
        return view

    def trade_ns(self, index: int) -> int:
        """Clock at the last trade consumed; 0 before the first."""
        return self._words[index * _ROW_WORDS + _TRADE_NS]

    def trade_times(self) -> Array:
        """``trade_ns`` of all symbols, as a view."""
        view: Array = self._state["trade_ns"][: len(self._symbols)]
        return view

    def gap_times(self) -> Array:
        """Clock when trades of each symbol were last known to be missing, or told too late for its window and
        its bar; 0: never. A view."""
        view: Array = self._state["gap_ns"][: len(self._symbols)]
        return view

    # --- what is known ---------------------------------------------------------------------------

    def row(self, index: int) -> FeatureRow:
        """What is known of the symbol as of ``now_ns``; its quote is that of ``live_quote``."""
        symbol = self._symbols[index]
        refresh_one(index, self.address)
        values = _read_row(self._bytes, index * _ROW_BYTES + _ROW_AT)
        words, at = self._words, index * _ROW_WORDS
        quote_ns, trade_ns = words[at + _QUOTE_NS], words[at + _TRADE_NS]
        now = self._desk_words[_NOW]
        if trade_ns > quote_ns and now - quote_ns > self._desk_words[_MAX_AGE]:  # as by ``outdated``
            values = (*values[: 2 + BID], *_UNKNOWN, *values[3 + ASK_SIZE :])
        return FeatureRow(symbol, now, *values)

    def rows(self, indices: Iterable[int] | Array) -> list[FeatureRow]:
        """``row`` for each of ``indices``, in their order."""
        table = self.table(indices)
        return [table.row(position) for position in range(len(table))]

    def table(self, indices: Iterable[int] | Array) -> FeatureTable:
        """What is known of the symbols as of ``now_ns``, in the order of ``indices``; a copy."""
        wanted = indices if isinstance(indices, np.ndarray) else np.fromiter(indices, np.int64)
        refresh(wanted, self.address)
        now, values = self._desk_words[_NOW], self._rows[wanted]
        quote_ns, trade_ns = self._state["quote_ns"][wanted], self._state["trade_ns"][wanted]
        doubted = (trade_ns > quote_ns) & (now - quote_ns > self._desk_words[_MAX_AGE])
        values[doubted, BID : ASK_SIZE + 1] = math.nan
        return FeatureTable(
            self._symbols, wanted, now, self._bar_starts[wanted], self._bar_counts[wanted], values
        )

    def closed_table(self) -> FeatureTable:
        """``table`` of ``closed``, in one call."""
        symbols = len(self._symbols)
        indices, starts, counts = np.empty((3, symbols), np.int64)
        values = np.empty((symbols, len(ROW_FIELDS)))
        found = take_closed(indices, starts, counts, values, self.address)
        if found < symbols:
            indices, starts, counts, values = indices[:found], starts[:found], counts[:found], values[:found]
        return FeatureTable(self._symbols, indices, self._desk_words[_NOW], starts, counts, values)

    def bars(self, index: int, count: int) -> Array:
        """The last closed bars, oldest first: (<= ``count``, 6) of open, high, low, close, volume, vwap.

        At most 512 are kept.
        """
        return self._last_bars(index, count)[:, :6]

    def open_bar(self, index: int) -> tuple[int, float, float]:
        """(bars closed so far, high, low) of the open bar as it stands; NaN while it has nothing in it."""
        at = index * _ROW_BYTES
        closed = self._words[index * _ROW_WORDS + _BAR_COUNT]
        if not self._bytes[at + _BAR_LIVE]:
            return closed, math.nan, math.nan
        high, low = _read_range(self._bytes, at + _BAR_HIGH_AT)
        return closed, high, low

    def closes(self, index: int, count: int) -> list[float]:
        """The last closes, oldest first, at most ``count``."""
        closes: list[float] = self._last_bars(index, count)[:, CLOSE].tolist()
        return closes

    def last_vwaps(self, indices: Array) -> Array:
        """The vwap of each symbol's last closed bar; of symbols that have one."""
        vwaps = np.empty(len(indices))
        take_vwaps(indices, vwaps, self.address)
        return vwaps

    def _last_bars(self, index: int, count: int) -> Array:
        done = int(self._bar_counts[index])
        kept = min(count, done, BARS_KEPT)
        end = done & (BARS_KEPT - 1)
        bars = self._bars[index]
        if kept <= end:
            found: Array = bars[end - kept : end].copy()
            return found
        return np.concatenate((bars[BARS_KEPT + end - kept : BARS_KEPT], bars[:end]))

    def held(self, index: int) -> Held:
        """For who looks back further than a row does: see ``look_back.py``. It must change nothing."""
        rows = slice(index, index + 1)
        return Held(self._desk, self._state[rows], self._bars[index], self._marks[index], self._ring)

    def quote(self, index: int) -> tuple[float, float, float, float, float]:
        """(bid, bid size, ask, ask size, last trade); NaN where unknown."""
        bid, ask, bid_size, ask_size, last = _read_quote(self._bytes, index * _ROW_BYTES + _QUOTE_AT)
        return bid, bid_size, ask, ask_size, last

    def live_quote(self, index: int) -> tuple[float, float, float, float, float]:
        """``quote`` for marks, exits and risk: its first four are NaN while the quote is outdated.

        That is: older than ``quote_max_age_s`` now, with a trade since. When nothing is newer, the quote
        stands, and only its age tells that it is old.
        """
        quote_ns, trade_ns, bid, ask, bid_size, ask_size, last = _read_dated_quote(
            self._bytes, index * _ROW_BYTES + _DATED_QUOTE_AT
        )
        words = self._desk_words
        if trade_ns > quote_ns and words[_NOW] - quote_ns > words[_MAX_AGE]:  # as by ``outdated``
            return *_UNKNOWN, last
        return bid, bid_size, ask, ask_size, last

    def live_mids(self, indices: Array) -> Array:
        """The mids of ``live_quote``, float64; without a quote to be believed the last trade, NaN without."""
        mids = np.empty(len(indices))
        find_mids(indices, mids, self.address)
        return mids

    def quote_count(self, index: int) -> int:
        """Quotes consumed so far: another number means that the venue published anew."""
        return self._words[index * _ROW_WORDS + _QUOTES]

    def quote_ns(self, index: int) -> int:
        """Clock at the last quote consumed; 0 before the first, and while it is doubted."""
        return self._words[index * _ROW_WORDS + _QUOTE_NS]

    def last_size(self, index: int) -> float:
        """Size of the last trade; 0 before the first."""
        return self._floats[index * _ROW_WORDS + _LAST_SIZE]

    def last_trade(self, index: int) -> tuple[int, float, int, int]:
        """(trades consumed so far, size of the last one, when it was consumed, its taker's side).

        Another count means a new trade; 0 before the first. The side is +1 bought, -1 sold, 0 unknown.
        """
        at = index * _ROW_WORDS
        words = self._words
        side = self._bytes[index * _ROW_BYTES + _AGGRESSOR]
        return words[at + _TRADES], self._floats[at + _LAST_SIZE], words[at + _TRADE_NS], side

    # --- triggers --------------------------------------------------------------------------------

    def watch_rise(
        self,
        index: int,
        min_change_pct: float,
        min_volume: float,
        min_notional: float = 0.0,
        min_trades: int = 1,
    ) -> None:
        """RISE when the window's change, volume, volume x VWAP and trades all reach these (percent, base
        units, quote currency), and none is missing in it; change 0 or NaN: never.

        It fires once, then again only after the change has been below half of ``min_change_pct``.
        """
        row, levels, words = index * _ROW_WORDS, self._floats, self._words
        if not min_change_pct > 0.0:
            levels[row + _RISE_CHANGE] = math.nan
            self._forget(index, RISE_BIT)
            return
        watched = levels[row + _RISE_CHANGE], levels[row + _RISE_VOLUME], levels[row + _RISE_NOTIONAL]
        if (*watched, words[row + _RISE_TRADES]) != (min_change_pct, min_volume, min_notional, min_trades):
            levels[row + _RISE_CHANGE], levels[row + _RISE_VOLUME] = min_change_pct, min_volume
            levels[row + _RISE_NOTIONAL], words[row + _RISE_TRADES] = min_notional, min_trades
            self._bytes[index * _ROW_BYTES + _RISE_ARMED] = 1

    def watch_exit(
        self,
        index: int,
        side_sign: int,
        stop: float,
        target: float,
        *,
        best: float = math.nan,
        trail: float = math.nan,
        slack: float = 0.0,
    ) -> None:
        """EXIT once, when a position (+1 long, -1 short) can be left at a level: ``stop`` or worse,
        ``target`` or better, or the share ``trail`` worse than the best price since. NaN is none. Judged at
        ``live_quote``.

        ``best``: the best price so far, from where on it follows the market, also while nothing is armed; NaN
        follows nothing. ``slack``: how much before the trailing level EXIT comes already (price units), for
        who rounds that level to a grid and judges for himself.
        """
        row = index * _ROW_WORDS
        self._floats[row + _EXIT_STOP], self._floats[row + _EXIT_TARGET] = stop, target
        self._floats[row + _EXIT_BEST], self._floats[row + _EXIT_SLACK] = best, slack
        # A trace nearer than told: rounding must not let the level be missed.
        self._floats[row + _EXIT_SHARE] = (1.0 - side_sign * trail) * (1.0 + side_sign * _TRACE)
        self._bytes[index * _ROW_BYTES + _EXIT_SIDE] = side_sign
        self._bytes[index * _ROW_BYTES + _EXIT_ARMED] = 1

    def best_price(self, index: int) -> float:
        """The best price that the watched position could have been left at; NaN when none is followed."""
        return self._floats[index * _ROW_WORDS + _EXIT_BEST]

    def exit_armed(self, index: int) -> bool:
        """Whether an EXIT may come: ``watch_exit`` was called, and none came since."""
        return self._bytes[index * _ROW_BYTES + _EXIT_ARMED] != 0

    def mute_exit(self, index: int) -> None:
        """No EXIT until ``watch_exit``; the best price is followed on."""
        self._bytes[index * _ROW_BYTES + _EXIT_ARMED] = 0

    def clear_exit(self, index: int) -> None:
        """Nothing is held: no EXIT, and nothing is followed."""
        self._bytes[index * _ROW_BYTES + _EXIT_SIDE] = 0
        self._bytes[index * _ROW_BYTES + _EXIT_ARMED] = 0
        self._floats[index * _ROW_WORDS + _EXIT_BEST] = math.nan

    def wake_at(self, index: int, ns: int) -> None:
        """WAKE after each tick of the symbol from clock ``ns`` on, until cleared."""
        self._words[index * _ROW_WORDS + _WAKE_NS] = ns
        if ns > self._desk_words[_NOW]:
            self._forget(index, WAKE_BIT)

    def clear_wake(self, index: int) -> None:
        self.wake_at(index, NEVER)

    def _forget(self, index: int, bit: int) -> None:
        if self._desk_words[_PENDING_SYMBOL] == index:
            self._desk_words[_PENDING] &= ~bit

    # --- room ------------------------------------------------------------------------------------

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


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernels ready: load them, or compile them at the first start (``report`` gets a line)."""
    _compile(report)


@cache
def _load_kernels() -> None:
    _compile(None)


def _compile(report: Callable[[str], None] | None) -> None:
    warm(_exercise, "consume", report)


def _exercise() -> None:
    desk, state, bars = new_desk(FeaturesConfig(), 1.0), new_state(1), new_bars(1)
    marks, ring, ticks = new_marks(1), new_ring(ring_size(RING_START)), np.zeros(1, TICK)
    point(desk, state, bars, marks, ring)
    address = desk.ctypes.data
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
