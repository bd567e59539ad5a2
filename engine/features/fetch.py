"""What is about to be touched, asked of the memory early (compiled): the cache keeps little of many symbols.

Nothing is read or written for it but where things are, so results do not depend on it.
"""

from __future__ import annotations

from typing import Any

from engine.features.state import (
    BAR_SLOTS,
    BAR_WIDTH,
    BARS_KEPT,
    ENTRY,
    LINE,
    RETURN_BARS,
    RETURN_BARS_LONG,
    STATE,
)
from engine.kernels import part, prefetch

MANY = 32
"""Above so many symbols their rows outgrow the nearest cache."""
_AHEAD = 8
"""Ticks."""
_ROW, _ENTRY, _BAR = STATE.itemsize, ENTRY.itemsize, BAR_WIDTH * 8
_NEWEST = BARS_KEPT - 1
assert STATE.fields is not None
_QUOTE = STATE.fields["bid"][1]
_OF_BARS = 3 * LINE, _ROW // LINE * LINE
"""What a close touches of a row: from here to there."""


@part
def fetch_row_ahead(rows: int, ticks: Any, position: int, stop: int) -> None:
    """Of the tick some places on: what ticks touch of its symbol's row. ``rows``: the address of all."""
    row = rows + ticks[min(position + _AHEAD, stop - 1)].symbol * _ROW
    prefetch(row)
    prefetch(row + LINE)
    prefetch(row + 2 * LINE)
    prefetch(row + _QUOTE)


@part
def fetch_next_trades(s: Any, desk: Any) -> None:
    """Where the symbol's next trade goes, and the one that leaves the window next."""
    mask = s.capacity - 1
    ring = desk.ring + s.offset * _ENTRY
    prefetch(ring + ((s.tail + 1) & mask) * _ENTRY)
    prefetch(ring + ((s.head + 1) & mask) * _ENTRY)


@part
def fetch_bars(s: Any, index: int, desk: Any) -> None:
    """Of a symbol whose bar closes next: its row, the bar's place, and the bars that leave averages."""
    bars = desk.bars + index * BAR_SLOTS * _BAR
    count = s.bar_count
    prefetch(desk.marks + (index * BAR_SLOTS + (count & _NEWEST)) * _BAR)
    prefetch(bars + (count & _NEWEST) * _BAR)
    prefetch(bars + ((count - desk.momentum_period) & _NEWEST) * _BAR)
    prefetch(bars + ((count - desk.bb_period) & _NEWEST) * _BAR)
    prefetch(bars + ((count - desk.volume_period) & _NEWEST) * _BAR)
    prefetch(bars + ((count - desk.sma_fast_period) & _NEWEST) * _BAR)
    prefetch(bars + ((count - desk.sma_slow_period) & _NEWEST) * _BAR)
    prefetch(bars + ((count - RETURN_BARS) & _NEWEST) * _BAR)
    prefetch(bars + ((count - RETURN_BARS_LONG) & _NEWEST) * _BAR)
    for line in range(_OF_BARS[0], _OF_BARS[1], LINE):
        prefetch(desk.state + index * _ROW + line)
