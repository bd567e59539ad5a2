"""Indicators on closed bars, O(1) a bar, by TA-Lib's definitions (compiled).

Wilder's averages start with a plain mean of the first ``period`` changes; exponential ones with the mean of
the first ``period`` values; MACD starts both averages at the slow period and shows once its signal is warm.
Bollinger bands use the population deviation, return_std the sample one. What is not warm is NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.features.state import (
    AGE,
    BARS_KEPT,
    BASE,
    CLOSE,
    CLOSES,
    CLOSES_FAST,
    CLOSES_SLOW,
    PEAK,
    RETURN,
    RETURN_BARS,
    RETURN_BARS_LONG,
    RETURNS,
    RETURNS_LONG,
    SQUARES,
    SUM,
    VOLUME,
    VOLUMES,
)
from engine.kernels import part

_CANCELLED = 1e-5
"""When the variance falls this far below the sums it is a difference of, they are made exact again."""
_EXACT_AFTER = 64


@part
def back(s: Any, ring: Any, bars: int, column: int) -> float:
    """The value ``bars`` closed bars before the last one."""
    value: float = ring[(s.bar_count - 1 - bars) & (BARS_KEPT - 1), column]
    return value


@part
def mean_of_last(s: Any, ring: Any, period: int, column: int) -> float:
    base = back(s, ring, 0, column)
    total = 0.0
    for bar in range(period - 1, -1, -1):
        total += back(s, ring, bar, column) - base
    return base + total / period


@part
def _resum(s: Any, ring: Any, which: int, column: int, period: int) -> None:
    base = mean_of_last(s, ring, period, column)
    total = squares = 0.0
    for bar in range(period - 1, -1, -1):
        difference = back(s, ring, bar, column) - base
        total += difference
        squares += difference * difference
    s.moments[which, BASE] = base
    s.moments[which, SUM] = total
    s.moments[which, SQUARES] = squares
    s.moments[which, PEAK] = squares
    s.moments[which, AGE] = 0.0


@part
def slide(s: Any, ring: Any, which: int, column: int, period: int, available: int) -> tuple[float, float]:
    """(mean, sum of squared deviations) of the last ``period`` values; NaN while fewer are ``available``."""
    if available < period:
        return np.nan, np.nan
    if available == period:
        _resum(s, ring, which, column, period)
    else:
        base = s.moments[which, BASE]
        new = back(s, ring, 0, column) - base
        old = back(s, ring, period, column) - base
        total = s.moments[which, SUM] + (new - old)
        squares = s.moments[which, SQUARES] + (new * new - old * old)
        age = s.moments[which, AGE] + 1.0
        peak = max(s.moments[which, PEAK], squares)
        s.moments[which, SUM] = total
        s.moments[which, SQUARES] = squares
        s.moments[which, AGE] = age
        s.moments[which, PEAK] = peak
        cancelled = squares - total * total / period < _CANCELLED * peak
        if cancelled or age >= max(_EXACT_AFTER, period):
            _resum(s, ring, which, column, period)
    total = s.moments[which, SUM]
    deviation = s.moments[which, SQUARES] - total * total / period
    return s.moments[which, BASE] + total / period, max(deviation, 0.0)


@part
def _ema(s: Any, ring: Any, value: float, previous: float, period: int, available: int) -> float:
    if available < period:
        return np.nan
    if available == period:
        return mean_of_last(s, ring, period, CLOSE)
    return previous + (value - previous) * (2.0 / (period + 1.0))


@part
def _rsi(s: Any, period: int, change: float, changes: int) -> None:
    gain, loss = max(change, 0.0), max(-change, 0.0)
    if changes <= period:
        s.gain += gain
        s.loss += loss
        if changes < period:
            return
        s.gain /= period
        s.loss /= period
    else:
        s.gain = (s.gain * (period - 1) + gain) / period
        s.loss = (s.loss * (period - 1) + loss) / period
    moved = s.gain + s.loss
    # However little is left of the last moves of a market that stands still: it is not oversold by that.
    s.rsi = 100.0 * s.gain / moved if moved > 0.0 else 0.0


@part
def _atr(s: Any, period: int, previous_close: float, changes: int) -> None:
    reach = max(s.high - s.low, abs(s.high - previous_close), abs(s.low - previous_close))
    if changes <= period:
        s.range_sum += reach
        if changes == period:
            s.atr = s.range_sum / period
    else:
        s.atr = (s.atr * (period - 1) + reach) / period


@part
def _macd(s: Any, desk: Any, ring: Any, bars: int) -> None:
    slow, period, fast = desk.ema_slow_period, desk.signal_period, desk.ema_fast_period
    if bars < slow:
        return
    if bars == slow:
        s.macd_fast = mean_of_last(s, ring, fast, CLOSE)
    else:
        s.macd_fast += (s.close - s.macd_fast) * (2.0 / (fast + 1.0))
    value = s.macd_fast - s.ema_slow
    values = bars - slow + 1
    if values < period:
        s.macd_seed += value
        return
    if values == period:
        s.macd_signal = (s.macd_seed + value) / period
    else:
        s.macd_signal += (value - s.macd_signal) * (2.0 / (period + 1.0))
    s.macd = value
    s.macd_hist = value - s.macd_signal


@part
def _session(s: Any, value: float) -> None:
    """``value`` is the bar's sum of (price - open) x size."""
    if s.volume <= 0.0:
        return
    if s.session_volume == 0.0:
        s.session_base = s.open
    s.session_value += value + (s.open - s.session_base) * s.volume
    s.session_volume += s.volume
    s.vwap = s.session_base + s.session_value / s.session_volume


@part
def update(s: Any, desk: Any, ring: Any, value: float) -> None:
    """Bring every indicator up to the bar just put into the ``ring`` of bars; ``value`` as in the VWAP."""
    bars = s.bar_count
    changes = bars - 1
    _session(s, value)
    s.ema_fast = _ema(s, ring, s.close, s.ema_fast, desk.ema_fast_period, bars)
    s.ema_slow = _ema(s, ring, s.close, s.ema_slow, desk.ema_slow_period, bars)
    _macd(s, desk, ring, bars)
    if changes > 0:
        previous = back(s, ring, 1, CLOSE)
        ring[changes & (BARS_KEPT - 1), RETURN] = math.log(s.close / previous)
        _rsi(s, desk.rsi_period, s.close - previous, changes)
        _atr(s, desk.atr_period, previous, changes)
    if changes >= desk.momentum_period:
        s.momentum = s.close - back(s, ring, desk.momentum_period, CLOSE)
    s.bb_middle, spread = slide(s, ring, CLOSES, CLOSE, desk.bb_period, bars)
    deviation = desk.bb_width * math.sqrt(spread / desk.bb_period)
    s.bb_upper = s.bb_middle + deviation
    s.bb_lower = s.bb_middle - deviation
    s.sma_fast_prev, s.sma_slow_prev = s.sma_fast, s.sma_slow
    s.sma_fast, _ = slide(s, ring, CLOSES_FAST, CLOSE, desk.sma_fast_period, bars)
    s.sma_slow, _ = slide(s, ring, CLOSES_SLOW, CLOSE, desk.sma_slow_period, bars)
    s.volume_ma, _ = slide(s, ring, VOLUMES, VOLUME, desk.volume_period, bars)
    _, spread = slide(s, ring, RETURNS, RETURN, RETURN_BARS, changes)
    s.return_std = math.sqrt(spread / (RETURN_BARS - 1))
    _, spread = slide(s, ring, RETURNS_LONG, RETURN, RETURN_BARS_LONG, changes)
    s.return_std_long = math.sqrt(spread / (RETURN_BARS_LONG - 1))
