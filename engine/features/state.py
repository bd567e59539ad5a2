"""The compiled stage's memory: a row per symbol, its closed bars, a ring of trades, and the desk's clock.

What a tick touches lies together at a row's start, by cache lines: a thousand symbols then cost per tick what
ten do. Rows, bars and rings are an odd number of lines apart, so that equal places of many symbols do not
compete for the same part of the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import FeaturesConfig
from engine.events import NS
from engine.feature_table import FLOAT_FIELDS

Array = npt.NDArray[Any]

LINE = 64
"""Bytes of a cache line."""
ROW_FIELDS = FLOAT_FIELDS
"""Contiguous in STATE, after ``bar_start_ns`` and ``bar_count``: a FeatureRow is one read."""

BARS_KEPT = 512
"""Closed bars in the ring of each symbol; a power of two above the longest period."""
BAR_SLOTS = BARS_KEPT + 1
"""With one that only keeps neighbours apart."""
OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP, RETURN = range(7)
"""Columns of the bar ring; RETURN is the log return from the bar before."""
BAR_WIDTH = 8
"""A bar fills a line."""
SHOWN = ("ema_fast", "ema_slow", "vwap", "bb_upper", "bb_middle", "bb_lower", "rsi")
"""What is kept of the row at each bar's close, for who looks back: columns of the ring of marks."""
BAR_NUMBER = 7
"""The last column of a mark: the bar's start, counted in bars. Exact: bars are no shorter than 0.1 s."""

CLOSES, CLOSES_FAST, CLOSES_SLOW, VOLUMES, RETURNS, RETURNS_LONG = range(6)
"""Rows of ``moments``: sliding mean and variance over the Bollinger, SMA, volume and return windows."""
BASE, SUM, SQUARES, PEAK, AGE = range(5)
"""Columns of ``moments``: offset, sum and squares of (x - offset), largest SQUARES, bars since exact."""

RETURN_BARS = 20
RETURN_BARS_LONG = 120
RING_START = 256
"""Trades that a symbol's window holds before it grows."""
RING_GAP = 4
"""Entries that lie unused between two symbols' rings: those begin at different places of the cache."""
RUN_BITS = 6
RUN = 1 << RUN_BITS
"""Trades of a run, whose highest and lowest price is kept: who asks for the window's looks at few places."""
NEVER = np.iinfo(np.int64).max

_FIELDS: list[Any] = [
    # line 0: every tick
    ("updates", "<i8"),
    ("recv_ns", "<i8"),
    ("quotes", "<i8"),
    ("quote_ns", "<i8"),
    ("trade_ns", "<i8"),
    ("wake_ns", "<i8"),
    ("rise_change", "<f8"),
    ("traded", "u1"),
    ("started", "u1"),
    ("bar_live", "u1"),
    ("exit_side", "i1"),
    ("exit_armed", "u1"),
    ("rise_armed", "u1"),
    ("aggressor", "i1"),  # of the last trade
    ("untold", "u1"),  # of a trade so far the taker's side was not told
    # line 1: trades. The window: entries head..tail of this symbol's part of the ring; sums are offset by
    # window_base
    ("offset", "<i8"),
    ("head", "<i8"),
    ("tail", "<i8"),
    ("capacity", "<i4"),
    ("inexact", "<i4"),  # trades since the sums were last exact
    ("window_base", "<f8"),
    ("size_sum", "<f8"),
    ("bought_sum", "<f8"),
    ("value_sum", "<f8"),
    # line 2: the open bar; bar_value is offset by bar_open
    ("bar_open", "<f8"),
    ("bar_high", "<f8"),
    ("bar_low", "<f8"),
    ("bar_close", "<f8"),
    ("bar_volume", "<f8"),
    ("bar_value", "<f8"),
    ("bar_trades", "<f8"),
    ("last_size", "<f8"),
    # line 3: while a position is held, or what is seldom
    ("exit_stop", "<f8"),
    ("exit_target", "<f8"),
    ("exit_best", "<f8"),
    ("exit_share", "<f8"),
    ("exit_slack", "<f8"),
    ("untold_ns", "<i8"),  # clock at the last trade whose taker's side was not told; 0: never
    ("gap_ns", "<i8"),  # clock when trades were last known to be missing; 0: never
    # what a FeatureRow shows: the last closed bar, then (line 5) quote and last trade, then the rest
    ("bar_start_ns", "<i8"),
    ("bar_count", "<i8"),
    *((name, "<f8") for name in ROW_FIELDS),
    # touched once a bar
    ("gap_bars", "<i8"),  # closes to come that they are missing in
    ("rise_volume", "<f8"),
    ("rise_notional", "<f8"),
    ("rise_trades", "<i8"),
    ("fills", "<i8"),
    ("gain", "<f8"),
    ("loss", "<f8"),
    ("macd_fast", "<f8"),
    ("macd_seed", "<f8"),
    ("range_sum", "<f8"),
    ("session_base", "<f8"),
    ("session_value", "<f8"),
    ("session_volume", "<f8"),
    ("moments", "<f8", (6, 5)),
]
STATE = np.dtype([*_FIELDS, ("apart", "u1", (LINE - np.dtype(_FIELDS).itemsize) % (2 * LINE))])
assert STATE.itemsize % (2 * LINE) == LINE
assert STATE.fields is not None and STATE.fields["bid"][1] % LINE == 0

ENTRY = np.dtype(
    [
        ("ns", "<i8"),
        ("price", "<f8"),
        ("size", "<f8"),  # negative unless the taker bought
    ]
)
"""A trade in a window. Positions only grow; position ``p`` lives at ``offset + (p & (capacity - 1))``."""
EXTREMES = np.dtype([("high", "<f8"), ("low", "<f8"), ("apart", "<f8")])
"""Of a run of trades, positions ``r * RUN`` on. Those of a symbol follow its entries, ``run_places`` of them:
run ``r`` at ``offset + capacity + (r & (run_places - 1))``. Where two live runs share a place, the older one
is the window's first, of which they are not looked at."""
assert EXTREMES.itemsize == ENTRY.itemsize


def run_places(capacity: int) -> int:
    """Places for the extremes of a window's runs."""
    return max(1, capacity >> RUN_BITS)


def ring_size(capacity: int) -> int:
    """Places of the ring that a symbol's window takes, with those that lie unused behind it."""
    return capacity + run_places(capacity) + RING_GAP


DESK = np.dtype(
    [
        ("now_ns", "<i8"),
        ("boundary_ns", "<i8"),  # end of the open interval
        ("closed_ns", "<i8"),  # end of the last closed one
        ("bar_ns", "<i8"),
        ("window_ns", "<i8"),
        ("quote_max_age_ns", "<i8"),
        ("count", "<i8"),  # symbols
        ("pending", "<i8"),  # triggers still to be returned (bits), and whose they are
        ("pending_symbol", "<i8"),
        ("position", "<i8"),  # where to go on after the trigger just returned, and whose it is (-1: none)
        ("symbol", "<i8"),
        # settings
        ("max_fills", "<i8"),
        ("rsi_period", "<i8"),
        ("ema_fast_period", "<i8"),
        ("ema_slow_period", "<i8"),
        ("signal_period", "<i8"),
        ("bb_period", "<i8"),
        ("atr_period", "<i8"),
        ("volume_period", "<i8"),
        ("momentum_period", "<i8"),
        ("sma_fast_period", "<i8"),
        ("sma_slow_period", "<i8"),
        ("bb_width", "<f8"),
        # where the memory is
        ("rows", "<i8"),
        ("state", "<i8"),
        ("bars", "<i8"),
        ("marks", "<i8"),
        ("entries", "<i8"),
        ("ring", "<i8"),
    ]
)
"""What all symbols share, in one row. Kernels are called with its address and find the rest from there: an
array costs 55 to 100 ns to hand over, an integer 10."""


def zeros(count: int, dtype: np.dtype[Any]) -> Array:
    """``count`` rows of zeros that begin at a cache line."""
    size = count * dtype.itemsize
    room = np.zeros(size + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + size].view(dtype)


def new_state(rows: int) -> Array:
    return zeros(rows, STATE)


def new_bars(rows: int) -> Array:
    """(rows, BAR_SLOTS, BAR_WIDTH) float64."""
    return zeros(rows * BAR_SLOTS * BAR_WIDTH, np.dtype(np.float64)).reshape(rows, BAR_SLOTS, BAR_WIDTH)


def new_marks(rows: int) -> Array:
    """(rows, BAR_SLOTS, BAR_WIDTH): ``SHOWN`` at the close of each bar in the ring, and its number."""
    return new_bars(rows)


def new_ring(entries: int) -> Array:
    """Room for the trades of all windows."""
    return zeros(entries, ENTRY)


def new_desk(config: FeaturesConfig, quote_max_age_s: float) -> Array:
    """One row of DESK with the settings; ``point`` tells it where the rest is."""
    desk = zeros(1, DESK)
    desk["bar_ns"] = max(1, round(config.bar_s * NS))
    desk["window_ns"] = max(1, round(config.window_s * NS))
    desk["quote_max_age_ns"] = round(quote_max_age_s * NS)
    desk["max_fills"] = config.max_fill_bars
    desk["rsi_period"] = config.rsi_period
    desk["ema_fast_period"], desk["ema_slow_period"] = config.ema_fast, config.ema_slow
    desk["signal_period"] = config.macd_signal
    desk["bb_period"], desk["bb_width"] = config.bb_period, config.bb_width
    desk["atr_period"] = config.atr_period
    desk["volume_period"] = config.volume_ma_period
    desk["momentum_period"] = config.momentum_period
    desk["sma_fast_period"], desk["sma_slow_period"] = config.sma_fast, config.sma_slow
    return desk


def point(desk: Array, state: Array, bars: Array, marks: Array, ring: Array) -> None:
    """Write where the memory is. Whoever calls keeps the arrays alive."""
    desk["rows"], desk["state"] = len(state), state.ctypes.data
    desk["bars"], desk["marks"] = bars.ctypes.data, marks.ctypes.data
    desk["entries"], desk["ring"] = len(ring), ring.ctypes.data


def start_row(row: Array, offset: int, capacity: int) -> None:
    """Prepare one symbol's row (a 1-element slice): everything unknown, nothing watched."""
    for name in ROW_FIELDS:
        row[name] = np.nan
    row["window_volume"] = row["window_buy_volume"] = row["window_count"] = 0.0
    row["window_gapped"] = row["volume_gapped"] = 0.0
    row["offset"], row["capacity"] = offset, capacity
    for name in ("rise_change", "rise_volume", "rise_notional"):
        row[name] = np.nan
    for name in ("exit_stop", "exit_target", "exit_best", "exit_share"):
        row[name] = np.nan
    row["wake_ns"] = NEVER


def row_view(state: Array) -> Array:
    """The float fields of all rows as a (rows, fields) float64 array over the same memory."""
    assert STATE.fields is not None
    return np.ndarray(
        (len(state), len(ROW_FIELDS)),
        np.float64,
        buffer=state.view(np.uint8).data,
        offset=STATE.fields[ROW_FIELDS[0]][1],
        strides=(STATE.itemsize, 8),
    )


def byte_of(dtype: np.dtype[Any], name: str) -> int:
    """Where a field lies in its row."""
    assert dtype.fields is not None
    return int(dtype.fields[name][1])


def word_of(dtype: np.dtype[Any], name: str) -> int:
    """The same in words of eight bytes."""
    return byte_of(dtype, name) // 8
