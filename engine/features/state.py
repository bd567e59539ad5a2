"""The compiled stage's memory: a structured row per symbol, a ring of trades, a few global numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import FeaturesConfig
from engine.events import NS
from engine.feature_table import FLOAT_FIELDS

Array = npt.NDArray[Any]

ROW_FIELDS = FLOAT_FIELDS
"""Contiguous in STATE, so that a row is one ``tolist``."""

BARS_KEPT = 512
"""Closed bars in the ring of each symbol; a power of two above the longest period."""
OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP, RETURN = range(7)
"""Columns of the bar ring; RETURN is the log return from the bar before."""

CLOSES, CLOSES_FAST, CLOSES_SLOW, VOLUMES, RETURNS, RETURNS_LONG = range(6)
"""Rows of ``moments``: sliding mean and variance over the Bollinger, SMA, volume and return windows."""
BASE, SUM, SQUARES, PEAK, AGE = range(5)
"""Columns of ``moments``: offset, sum and squares of (x - offset), largest SQUARES, bars since exact."""

RETURN_BARS = 20
RETURN_BARS_LONG = 120
RING_START = 256
"""Trades that a symbol's window holds before it grows."""
NEVER = np.iinfo(np.int64).max

NOW, BOUNDARY, CLOSED, BAR_NS, WINDOW_NS, COUNT, PENDING, PENDING_SYMBOL, QUOTE_MAX_AGE_NS = range(9)
"""Places in the clock array: clock, end of the open interval, end of the last closed one, interval, window
(ns), symbols, triggers still to be returned (bits) and whose they are, age of an outdated quote (ns)."""

STATE = np.dtype(
    [
        *((name, "<f8") for name in ROW_FIELDS),
        # what came when
        ("updates", "<i8"),
        ("recv_ns", "<i8"),
        ("quotes", "<i8"),
        ("quote_ns", "<i8"),
        ("trade_ns", "<i8"),
        ("last_size", "<f8"),
        ("traded", "u1"),
        ("started", "u1"),
        # the window: entries head..tail of this symbol's part of the ring; sums are offset by window_base
        ("offset", "<i8"),
        ("capacity", "<i8"),
        ("head", "<i8"),
        ("tail", "<i8"),
        ("high_head", "<i8"),
        ("high_tail", "<i8"),
        ("low_head", "<i8"),
        ("low_tail", "<i8"),
        ("inexact", "<i8"),  # trades since the sums were last exact
        ("window_base", "<f8"),
        ("size_sum", "<f8"),
        ("bought_sum", "<f8"),
        ("value_sum", "<f8"),
        # the open bar; bar_value is offset by bar_open
        ("bar_live", "u1"),
        ("bar_open", "<f8"),
        ("bar_high", "<f8"),
        ("bar_low", "<f8"),
        ("bar_close", "<f8"),
        ("bar_volume", "<f8"),
        ("bar_value", "<f8"),
        ("bar_trades", "<f8"),
        # closed bars
        ("bar_count", "<i8"),
        ("bar_end_ns", "<i8"),
        ("fills", "<i4"),
        ("max_fills", "<i4"),
        ("bars", "<f8", (BARS_KEPT, 7)),
        # indicators
        ("moments", "<f8", (6, 5)),
        ("gain", "<f8"),
        ("loss", "<f8"),
        ("macd_fast", "<f8"),
        ("macd_value", "<f8"),
        ("macd_seed", "<f8"),
        ("range_sum", "<f8"),
        ("session_base", "<f8"),
        ("session_value", "<f8"),
        ("session_volume", "<f8"),
        ("bb_width", "<f8"),
        ("rsi_period", "<i4"),
        ("ema_fast_period", "<i4"),
        ("ema_slow_period", "<i4"),
        ("signal_period", "<i4"),
        ("bb_period", "<i4"),
        ("atr_period", "<i4"),
        ("volume_period", "<i4"),
        ("momentum_period", "<i4"),
        ("sma_fast_period", "<i4"),
        ("sma_slow_period", "<i4"),
        # triggers
        ("rise_change", "<f8"),
        ("rise_volume", "<f8"),
        ("rise_armed", "u1"),
        ("exit_side", "i1"),
        ("exit_stop", "<f8"),
        ("exit_target", "<f8"),
        ("wake_ns", "<i8"),
    ]
)

ENTRY = np.dtype(
    [
        ("ns", "<i8"),
        ("price", "<f8"),
        ("size", "<f8"),
        ("bought", "<f8"),
        ("high", "<i8"),  # queue of falling maxima: positions of trades, not of this entry
        ("low", "<i8"),
    ]
)
"""A trade in a window. Positions only grow; position ``p`` lives at ``offset + (p & (capacity - 1))``."""


def new_state(rows: int) -> Array:
    return np.zeros(rows, STATE)


def new_clock(config: FeaturesConfig, quote_max_age_s: float) -> Array:
    clock = np.zeros(9, np.int64)
    clock[BAR_NS] = max(1, round(config.bar_s * NS))
    clock[WINDOW_NS] = max(1, round(config.window_s * NS))
    clock[QUOTE_MAX_AGE_NS] = round(quote_max_age_s * NS)
    return clock


def start_row(row: Array, config: FeaturesConfig, offset: int) -> None:
    """Prepare one symbol's row (a 1-element slice): everything unknown, nothing watched."""
    for name in ROW_FIELDS:
        row[name] = np.nan
    row["window_volume"] = row["window_buy_volume"] = row["window_count"] = 0.0
    row["offset"], row["capacity"] = offset, RING_START
    row["rise_change"] = row["rise_volume"] = row["exit_stop"] = row["exit_target"] = np.nan
    row["wake_ns"] = NEVER
    row["max_fills"] = config.max_fill_bars
    row["bb_width"] = config.bb_width
    row["rsi_period"] = config.rsi_period
    row["ema_fast_period"], row["ema_slow_period"] = config.ema_fast, config.ema_slow
    row["signal_period"] = config.macd_signal
    row["bb_period"] = config.bb_period
    row["atr_period"] = config.atr_period
    row["volume_period"] = config.volume_ma_period
    row["momentum_period"] = config.momentum_period
    row["sma_fast_period"], row["sma_slow_period"] = config.sma_fast, config.sma_slow


def row_view(state: Array) -> Array:
    """The float fields of all rows as a (rows, fields) float64 array over the same memory."""
    return np.ndarray(
        (len(state), len(ROW_FIELDS)),
        np.float64,
        buffer=state.view(np.uint8).data,
        strides=(STATE.itemsize, 8),
    )
