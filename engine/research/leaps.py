"""A split that nobody told of: prices that go to a half or to ten times between two bars, and stay there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.research.bar_ticks import CLOSE, OPEN, Series

_RATIOS = np.log([1.5, *range(2, 11), 12, 15, 16, 20, 25, 30, 40, 50, 100])
"""Usual ones, as logarithms; a new share for several old ones is the same the other way."""
_NEAR = 0.04
"""How far from one the market may move beside it: the night between."""
_STAYS, _BARS = 0.15, 5
"""How near to that the typical close of so many bars after it is to that before it."""
_UNUSUAL = 8.0
"""Times the typical move between two bars: a coin that halves each week tells nothing by it."""


class Leap(NamedTuple):
    ns: int
    """When the first bar after it begins."""
    ratio: float
    """New prices in old ones."""


def leap(series: Series) -> Leap | None:
    """The first that looks like a split."""
    opens, closes = series.values[:, OPEN], series.values[:, CLOSE]
    if len(closes) < 2 * _BARS:
        return None
    between = np.log(opens[1:]) - np.log(closes[:-1])
    far = np.flatnonzero(np.abs(between) >= _RATIOS[0] - _NEAR)
    near = np.abs(np.abs(between[far])[:, np.newaxis] - _RATIOS).min(axis=1) <= _NEAR
    for at in far[near].tolist():
        before, after = closes[max(0, at + 1 - _BARS) : at + 1], closes[at + 1 : at + 1 + _BARS]
        stays = abs(float(np.log(np.median(after) / np.median(before))) - float(between[at])) <= _STAYS
        usual = float(np.median(np.abs(np.diff(np.log(closes)))))
        if stays and abs(float(between[at])) > _UNUSUAL * usual:
            return Leap(int(series.begin_ns[at + 1]), float(np.exp(between[at])))
    return None
