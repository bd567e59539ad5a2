"""Speed: how fast the price moves over several horizons, in units of its own volatility (compiled).

score = tanh(z / 1.5), z = weighted mean of r_h / (std x sqrt(h)) over the horizons h that are warm.

r_h is the return over h bars, std the standard deviation of 1-bar returns (the long one when it is warm, else
the short one). confidence = the share of horizon weight that is warm x |mean| / mean of |z_h|: 1 when all
horizons point one way, near 0 when they cancel. Absent without volatility or before 5 bars. Bars on the far
side of a hole do not count: "5 bars ago" means 5 bar lengths ago.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.events import NS, Family
from engine.feature_table import COLUMN
from engine.kernels import part

NAME = "speed"
FAMILY = Family.SPEED
TTL_NS = 5 * NS

HORIZONS = (1, 5, 15, 60)
"""Bars."""
WEIGHTS = (0.1, 0.3, 0.3, 0.3)
SQUASH = 1.5
"""A weighted move of this many standard deviations scores tanh(1) = 0.76."""
LEAST_BARS = 5

_RING = 64
_MASK = _RING - 1
CLOSES = np.dtype([("count", "<i8"), ("start_ns", "<i8"), ("ring", "<f8", _RING)])
"""By symbol: how many closes without a hole, the start of the newest bar, and the newest 64 of them."""

_SCALES = tuple(weight / math.sqrt(horizon) for horizon, weight in zip(HORIZONS, WEIGHTS, strict=True))
_CLOSE, _FILLED = COLUMN["close"], COLUMN["filled"]
_STD, _STD_LONG = COLUMN["return_std"], COLUMN["return_std_long"]


@part
def speed(row: Any, closes: Any, start_ns: int, bar_ns: int) -> tuple[float, float]:
    """(score, confidence), NaN when absent, at the close of the bar from ``start_ns``. ``bar_ns`` 0: a hole
    is none.

    ``row``: a feature row's floats; ``closes`` takes its close in. Every bar has to be shown, filled
    ones too.
    """
    if bar_ns != 0 and start_ns - closes.start_ns != bar_ns:
        closes.count = 0
    closes.start_ns = start_ns
    count = closes.count
    close = row[_CLOSE]
    closes.ring[count & _MASK] = close
    closes.count = count + 1
    std = row[_STD_LONG] if row[_STD_LONG] > 0.0 else row[_STD]
    known = 0.0 < std < math.inf and 0.0 < close < math.inf
    if count < LEAST_BARS or row[_FILLED] == 1.0 or not known:
        return math.nan, math.nan
    total = size = warm = 0.0
    for horizon, weight, scale in zip(HORIZONS, WEIGHTS, _SCALES):  # noqa: B905 - compiled: no keywords
        before = closes.ring[(count - horizon) & _MASK]
        if horizon > count:
            break
        if not before > 0.0:
            return math.nan, math.nan
        z = (close / before - 1.0) * scale
        total += z
        size += abs(z)
        warm += weight
    if not size < math.inf:
        return math.nan, math.nan
    confidence = warm * abs(total) / size if size > 0.0 else 0.0
    return math.tanh(total / (std * warm * SQUASH)), min(confidence, 1.0)
