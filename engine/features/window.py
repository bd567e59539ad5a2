"""The exact rolling window over trades: reference price, volume, VWAP, high and low (compiled).

A trade is inside while it is younger than the window: exactly ``window`` old is out. Its age counts from the
engine's clock when it was consumed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.features.state import RUN, RUN_BITS
from engine.kernels import part

_EXACT_AFTER = 1024
"""Sums are made exact after this many trades, or a window's worth where that is more: O(1) a trade. Counted
in trades, so that neither the ring's size nor the batch plays a part."""


@part
def outlived(s: Any, ring: Any, oldest: int) -> tuple[int, float, float, float]:
    """(head, size sum, bought sum, value sum) without the trades at or before ``oldest``; changes nothing."""
    mask = s.capacity - 1
    head = s.head
    size, bought, value = s.size_sum, s.bought_sum, s.value_sum
    while head < s.tail:
        entry = ring[s.offset + (head & mask)]
        if entry.ns > oldest:
            break
        traded = abs(entry.size)
        size -= traded
        bought -= max(entry.size, 0.0)
        value -= (entry.price - s.window_base) * traded
        head += 1
    if head == s.tail:
        return head, 0.0, 0.0, 0.0
    return head, size, bought, value


@part
def expire(s: Any, ring: Any, oldest: int) -> None:
    """Drop the trades at or before ``oldest``."""
    mask = s.capacity - 1
    if s.head == s.tail or ring[s.offset + (s.head & mask)].ns > oldest:
        return
    s.head, s.size_sum, s.bought_sum, s.value_sum = outlived(s, ring, oldest)


@part
def push(s: Any, ring: Any, runs: Any, ns: int, price: float, size: float, bought: bool) -> None:
    """Add a trade; the caller has expired and made sure that there is room."""
    position = s.tail
    if s.head == position:
        s.window_base = price
        s.size_sum = s.bought_sum = s.value_sum = 0.0
        s.inexact = 0
    entry = ring[s.offset + (position & (s.capacity - 1))]
    entry.ns = ns
    entry.price = price
    entry.size = size if bought else -size
    extend_run(s, runs, position, price)
    s.tail = position + 1
    s.size_sum += size
    if bought:
        s.bought_sum += size
    s.value_sum += (price - s.window_base) * size
    s.inexact += 1
    if s.inexact >= _EXACT_AFTER and s.inexact >= s.tail - s.head:
        _resum(s, ring)


@part
def _place(s: Any, run: int) -> int:
    """Where the extremes of a run are, as ``state.EXTREMES`` says."""
    return int(s.offset + s.capacity + (run & (max(1, s.capacity >> RUN_BITS) - 1)))


@part
def extend_run(s: Any, runs: Any, position: int, price: float) -> None:
    """Bring the extremes of a trade's run up to it. Of the window's first run they may be anything."""
    extremes = runs[_place(s, position >> RUN_BITS)]
    if position & (RUN - 1) == 0:
        extremes.high = extremes.low = price
        return
    extremes.high = max(extremes.high, price)
    extremes.low = min(extremes.low, price)


@part
def _resum(s: Any, ring: Any) -> None:
    mask = s.capacity - 1
    base = ring[s.offset + (s.head & mask)].price
    size = bought = value = 0.0
    for position in range(s.head, s.tail):
        entry = ring[s.offset + (position & mask)]
        traded = abs(entry.size)
        size += traded
        bought += max(entry.size, 0.0)
        value += (entry.price - base) * traded
    s.window_base, s.size_sum, s.bought_sum, s.value_sum = base, size, bought, value
    s.inexact = 0


@part
def change_pct(s: Any, ring: Any) -> float:
    """Last trade against the oldest inside, percent; right after a push, so that there is one."""
    reference: float = ring[s.offset + (s.head & (s.capacity - 1))].price
    return float((s.last / reference - 1.0) * 100.0)


@part
def _extremes(s: Any, ring: Any, runs: Any, head: int) -> tuple[float, float]:
    """(high, low) of the trades from ``head`` on, of which there are some; of its own run one by one."""
    mask = s.capacity - 1
    next_run = (head >> RUN_BITS) + 1
    high = low = ring[s.offset + (head & mask)].price
    for position in range(head + 1, min(next_run << RUN_BITS, s.tail)):
        price = ring[s.offset + (position & mask)].price
        high, low = max(high, price), min(low, price)
    for run in range(next_run, ((s.tail - 1) >> RUN_BITS) + 1):
        extremes = runs[_place(s, run)]
        high, low = max(high, extremes.high), min(low, extremes.low)
    return high, low


@part
def measure(s: Any, ring: Any, runs: Any, oldest: int) -> None:
    """Write the row's window fields as of now. Touches no sum: reading rows changes nothing that follows."""
    mask = s.capacity - 1
    head, size, bought, value = outlived(s, ring, oldest)
    s.window_volume = max(size, 0.0)
    s.window_buy_volume = min(max(bought, 0.0), s.window_volume)
    if s.untold_ns > max(oldest, 0):  # who took is not known of all that is inside
        s.window_buy_volume = np.nan
    s.window_count = s.tail - head
    s.window_gapped = 1.0 if s.gap_ns > oldest else 0.0
    if head == s.tail:
        s.window_change_pct = s.window_vwap = s.window_high = s.window_low = np.nan
        return
    s.window_change_pct = (s.last / ring[s.offset + (head & mask)].price - 1.0) * 100.0
    s.window_high, s.window_low = _extremes(s, ring, runs, head)
    s.window_vwap = s.window_base + value / size if size > 0.0 else s.last
