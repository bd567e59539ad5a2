"""The exact rolling window over trades: reference price, volume, VWAP, high and low (compiled).

A trade is inside while it is younger than the window: exactly ``window`` old is out. Its age counts from the
engine's clock when it was consumed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.kernels import part

_EXACT_AFTER = 1024
"""Sums are made exact after this many trades, or a window's worth where that is more: O(1) a trade. Counted
in trades, so that neither the ring's size nor the batch plays a part."""
_HALF = 2**32 - 1


@part
def _at(s: Any, half: int) -> int:
    """The position of a trade inside the window, of which a queue keeps the low half."""
    position: int = s.tail - ((s.tail - half) & _HALF)
    return position


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
    head, s.size_sum, s.bought_sum, s.value_sum = outlived(s, ring, oldest)
    s.head = head
    while s.high_head < s.high_tail and _at(s, ring[s.offset + (s.high_head & mask)].high_at) < head:
        s.high_head += 1
    while s.low_head < s.low_tail and _at(s, ring[s.offset + (s.low_head & mask)].low_at) < head:
        s.low_head += 1


@part
def push(s: Any, ring: Any, ns: int, price: float, size: float, bought: bool) -> None:
    """Add a trade; the caller has expired and made sure that there is room."""
    mask = s.capacity - 1
    position = s.tail
    if s.head == position:
        s.window_base = price
        s.size_sum = s.bought_sum = s.value_sum = 0.0
        s.inexact = 0
    entry = ring[s.offset + (position & mask)]
    entry.ns = ns
    entry.price = price
    entry.size = size if bought else -size
    s.tail = position + 1
    s.size_sum += size
    if bought:
        s.bought_sum += size
    s.value_sum += (price - s.window_base) * size
    s.inexact += 1
    while s.high_tail > s.high_head and ring[s.offset + ((s.high_tail - 1) & mask)].high <= price:
        s.high_tail -= 1
    entry = ring[s.offset + (s.high_tail & mask)]
    entry.high = price
    entry.high_at = position
    s.high_tail += 1
    while s.low_tail > s.low_head and ring[s.offset + ((s.low_tail - 1) & mask)].low >= price:
        s.low_tail -= 1
    entry = ring[s.offset + (s.low_tail & mask)]
    entry.low = price
    entry.low_at = position
    s.low_tail += 1
    if s.inexact >= _EXACT_AFTER and s.inexact >= s.tail - s.head:
        _resum(s, ring)


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
def measure(s: Any, ring: Any, oldest: int) -> None:
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
    high = s.high_head
    while _at(s, ring[s.offset + (high & mask)].high_at) < head:
        high += 1
    low = s.low_head
    while _at(s, ring[s.offset + (low & mask)].low_at) < head:
        low += 1
    s.window_high = ring[s.offset + (high & mask)].high
    s.window_low = ring[s.offset + (low & mask)].low
    s.window_vwap = s.window_base + value / size if size > 0.0 else s.last
