"""Prices as rows of a chart, and the round prices that stand beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

STRETCH = 0.35
"""So much of its own span, a chart makes room for above and below to show a price of ours."""
_PADDING = 0.02


class Scale(NamedTuple):
    """``low`` to ``high`` over ``rows``; all finite, whatever the prices are (they may be negative)."""

    low: float
    high: float
    rows: int

    def place(self, price: float, parts: int) -> int:
        """Of ``parts`` in each row, which one from the top; clamped to the chart."""
        # Halves, so that the distance of two huge prices of either sign is no infinity.
        share = (self.high / 2 - price / 2) / (self.high / 2 - self.low / 2)
        return min(max(int(share * self.rows * parts), 0), self.rows * parts - 1)

    def row(self, price: float) -> int:
        return self.place(price, 1)

    def holds(self, price: float) -> bool:
        return self.low <= price <= self.high

    def round_prices(self, every: int) -> list[float]:
        """Round prices at least ``every`` rows apart, lowest first."""
        step = _round_up((self.high / 2 - self.low / 2) * 2 / max(self.rows, 1) * every)
        if not (math.isfinite(step) and step > 0):
            return []
        first = math.ceil(self.low / step)
        if abs(first) > 1e15:  # finer than a float can count
            return []
        count = min(int((self.high - self.low) / step) + 1, self.rows)
        return [price for n in range(count) if self.holds(price := (first + n) * step)]


def _round_up(step: float) -> float:
    """The least 1, 2 or 5 times a power of ten that is not below ``step``."""
    if not (math.isfinite(step) and step > 0):
        return math.nan
    try:
        power = 10.0 ** math.floor(math.log10(step))
    except OverflowError:
        return math.nan
    return next((power * times for times in (1, 2, 5) if power * times >= step * 0.999), power * 10)


def scale_of(prices: Iterable[float], ours: Iterable[float], rows: int) -> Scale:
    """Over all finite ``prices``, and over those of ``ours`` that are not far away."""
    known = [price for price in prices if math.isfinite(price)] or [0.0]
    low, high = min(known), max(known)
    room = (high / 2 - low / 2) * 2 * STRETCH
    if math.isfinite(room):
        near = [price for price in ours if math.isfinite(price) and low - room <= price <= high + room]
        low, high = min((low, *near)), max((high, *near))
    span = high - low
    margin = span * _PADDING if span > 0 else max(abs(high) * 1e-4, 1e-9)
    if math.isfinite(low - margin) and math.isfinite(high + margin):
        low, high = low - margin, high + margin
    if high <= low or not high / 2 - low / 2 > 0:  # closer together than floats are
        low, high = math.nextafter(low, -math.inf) - 1.0, math.nextafter(high, math.inf) + 1.0
    return Scale(low, high, max(rows, 1))
