"""Volatility: is the market waking up, and which way is it going while it does (compiled).

score = expansion x direction, in (-1, 1); 0 while volatility is not above its own long-run level.

With x = max(0, std over 20 bars / std over 120 bars - 1): expansion = x / (0.5 + x), so volatility at 1.5
times its long-run level gives one half. direction = tanh(momentum / (2 ATR)). confidence = 0.5 + 0.5
expansion: that the market is calm is known less firmly than that it moves. Absent until 120 bars, or when
nothing moves.
"""

from __future__ import annotations

import math
from typing import Any

from engine.events import NS, Family
from engine.feature_table import COLUMN
from engine.kernels import part

NAME = "volatility"
FAMILY = Family.VOLATILITY
TTL_NS = 5 * NS

_FILLED, _ATR, _MOMENTUM = COLUMN["filled"], COLUMN["atr"], COLUMN["momentum"]
_STD, _STD_LONG = COLUMN["return_std"], COLUMN["return_std_long"]


@part
def volatility(row: Any) -> tuple[float, float]:
    """(score, confidence), NaN when absent. ``row``: a feature row's floats."""
    atr, long = row[_ATR], row[_STD_LONG]
    if not (long > 0.0 and atr > 0.0) or row[_FILLED] == 1.0:
        return math.nan, math.nan
    x = row[_STD] / long - 1.0
    direction = math.tanh(row[_MOMENTUM] / (2.0 * atr))
    if x != x or direction != direction:
        return math.nan, math.nan
    expansion = x / (0.5 + x) if 0.0 < x < 1e300 else 0.0 if x <= 0.0 else 1.0
    return expansion * direction, 0.5 + 0.5 * expansion
