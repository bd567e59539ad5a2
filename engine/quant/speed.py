"""Speed: how fast the price moves over several horizons, in units of its own volatility."""

from __future__ import annotations

import math

from engine.events import NS, Family, FeatureRow, Signal

HORIZONS = (1, 5, 15, 60)
"""Bars."""
WEIGHTS = (0.1, 0.3, 0.3, 0.3)
SQUASH = 1.5
"""A weighted move of this many standard deviations scores tanh(1) = 0.76."""
TTL_NS = 5 * NS

_RING = 64
_MASK = _RING - 1


class _Closes:
    """The newest 64 closes of a symbol, of bars without a hole between them."""

    __slots__ = ("count", "ring", "start_ns")

    def __init__(self) -> None:
        self.ring = [0.0] * _RING
        self.count = 0
        self.start_ns = 0


class Speed:
    """score = tanh(z / 1.5), z = weighted mean of r_h / (std x sqrt(h)) over the horizons h that are warm.

    r_h is the return over h bars, std the standard deviation of 1-bar returns (the long one when it is warm,
    else the short one). confidence = the share of horizon weight that is warm x |mean| / mean of |z_h|: 1
    when all horizons point one way, near 0 when they cancel. Absent without volatility or before 5 bars.
    """

    name = "speed"

    def __init__(self) -> None:
        self._closes: dict[str, _Closes] = {}
        self._bar_ns = 0
        self._terms = tuple((h, w, w / math.sqrt(h)) for h, w in zip(HORIZONS, WEIGHTS, strict=True))

    def on_bar(self, row: FeatureRow) -> Signal | None:
        closes = self._closes.get(row.symbol)
        if closes is None:
            closes = self._closes[row.symbol] = _Closes()
        self._follow(closes, row.bar_start_ns)
        close = row.close
        count = closes.count
        ring = closes.ring
        ring[count & _MASK] = close
        closes.count = count + 1
        if count < 5 or row.filled == 1.0:
            return None
        std = row.return_std_long
        if not std > 0.0:
            std = row.return_std
        if not (0.0 < std < math.inf and 0.0 < close < math.inf):
            return None
        total = size = warm = 0.0
        for horizon, weight, scale in self._terms:
            if horizon > count:
                break
            z = (close / ring[(count - horizon) & _MASK] - 1.0) * scale
            total += z
            size += abs(z)
            warm += weight
        if not size < math.inf:
            return None
        confidence = warm * abs(total) / size if size > 0.0 else 0.0
        score = math.tanh(total / (std * warm * SQUASH))
        return Signal(row.symbol, "speed", Family.SPEED, score, min(confidence, 1.0), row.ns, TTL_NS, "")

    def _follow(self, closes: _Closes, start_ns: int) -> None:
        """Start over after a hole: "5 bars ago" must mean 5 bar lengths ago."""
        step = start_ns - closes.start_ns
        if closes.start_ns and step != self._bar_ns:
            if not self._bar_ns or 0 < step < self._bar_ns:
                self._bar_ns = step
            else:
                closes.count = 0
        closes.start_ns = start_ns
