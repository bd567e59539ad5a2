"""Bars on one grid for all symbols: built from trades, filled when there are none (compiled).

A symbol's bars start with its first trade. While it was only ever quoted, mids make its bars, with no volume;
its first trade begins the open bar again. An interval without news repeats the last close, ``max_fills``
times in a row; then the symbol pauses until its next trade (or quote, if it never traded).
"""

from __future__ import annotations

from typing import Any

from engine.features.indicators import update
from engine.features.state import BAR_NUMBER, BARS_KEPT, CLOSE, HIGH, LOW, OPEN, VOLUME, VWAP
from engine.kernels import part


@part
def miss_trades(s: Any, desk: Any, now_ns: int) -> None:
    """Trades of about now are missing for good in the window, in the open bar and in what rests on it."""
    s.gap_ns = max(s.gap_ns, now_ns)
    s.gap_bars = desk.volume_period
    s.volume_gapped = 1.0


@part
def add_trade(s: Any, price: float, size: float) -> None:
    if s.traded == 0:
        s.traded = 1
        s.bar_live = 0
    _extend(s, price)
    s.bar_volume += size
    s.bar_value += (price - s.bar_open) * size
    s.bar_trades += 1.0
    s.last = price
    s.last_size = size


@part
def add_quote(s: Any, mid: float) -> None:
    if s.traded == 0:
        _extend(s, mid)


@part
def _extend(s: Any, price: float) -> None:
    if s.bar_live == 0:
        s.bar_live = 1
        s.started = 1
        s.bar_open = s.bar_high = s.bar_low = price
        s.bar_volume = s.bar_value = s.bar_trades = 0.0
    if price > s.bar_high:
        s.bar_high = price
    if price < s.bar_low:
        s.bar_low = price
    s.bar_close = price


@part
def close_bar(s: Any, desk: Any, ring: Any, marks: Any, end_ns: int) -> bool:
    """Close the symbol's bar that ends at ``end_ns``; False when it has none (not started, or paused)."""
    if s.bar_live == 1:
        s.open, s.high, s.low, s.close = s.bar_open, s.bar_high, s.bar_low, s.bar_close
        s.volume, s.trade_count, s.filled = s.bar_volume, s.bar_trades, 0.0
        s.bar_live = 0
        s.fills = 0
        value = s.bar_value
    elif s.started == 1 and s.fills < desk.max_fills:
        s.open = s.high = s.low = s.close
        s.volume, s.trade_count, s.filled = 0.0, 0.0, 1.0
        s.fills += 1
        value = 0.0
    else:
        return False
    s.bar_start_ns = end_ns - desk.bar_ns
    if s.gap_bars > 0:
        s.gap_bars -= 1
    else:
        s.volume_gapped = 0.0
    keep_bar(s, desk, ring, value)
    _mark(s, desk, marks[(s.bar_count - 1) & (BARS_KEPT - 1)])
    return True


@part
def _mark(s: Any, desk: Any, mark: Any) -> None:
    """Keep ``SHOWN`` and the number of the bar that closed just now."""
    mark[0], mark[1], mark[2] = s.ema_fast, s.ema_slow, s.vwap
    mark[3], mark[4], mark[5], mark[6] = s.bb_upper, s.bb_middle, s.bb_lower, s.rsi
    mark[BAR_NUMBER] = s.bar_start_ns // desk.bar_ns


@part
def keep_bar(s: Any, desk: Any, ring: Any, value: float) -> None:
    """Put the row's bar into its ``ring`` and bring the indicators up to it.

    ``value`` is the bar's sum of (price - open) x size.
    """
    slot = s.bar_count & (BARS_KEPT - 1)
    ring[slot, OPEN], ring[slot, HIGH] = s.open, s.high
    ring[slot, LOW], ring[slot, CLOSE] = s.low, s.close
    ring[slot, VOLUME] = s.volume
    ring[slot, VWAP] = s.open + value / s.volume if s.volume > 0.0 else s.close
    s.bar_count += 1
    update(s, desk, ring, value)
