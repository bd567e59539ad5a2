"""A split that nobody told of: prices that go to a half or to ten times between two bars, and stay there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.research.bar_ticks import CLOSE, OPEN, Series

_RATIOS = np.log([1.5, *range(2, 11), 12, 15, 16, 20, 25, 30, 40, 50, 100])
"""Usual ones, as logarithms; a new share for several old ones is the same the other way."""
_NEAR = 0.04
"""How far from one the market may move beside it: the night between."""
_STAYS, _BARS = 0.15, 5
"""How near to that the typical close of so many bars after it is to that before it."""
_KNOWN = 3
"""Bars at least on each side."""
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
    size, usual = np.abs(between), float(np.median(np.abs(np.diff(np.log(closes)))))
    far = np.flatnonzero((size >= _RATIOS[0] - _NEAR) & (size > _UNUSUAL * usual))
    # A wild bar at either end would be all that tells where prices stay.
    far = far[(far + 1 >= _KNOWN) & (far + 1 <= len(closes) - _KNOWN)]
    far = far[np.abs(size[far, np.newaxis] - _RATIOS).min(axis=1) <= _NEAR]
    if not len(far):
        return None
    beyond = np.full(_BARS, np.nan)
    spans = sliding_window_view(np.concatenate((beyond, closes, beyond)), _BARS)
    before, after = (np.nanmedian(spans[far + 1 + shift], axis=1) for shift in (0, _BARS))
    stays = far[np.abs(np.log(after / before) - between[far]) <= _STAYS]
    if not len(stays):
        return None
    at = int(stays[0])
    return Leap(int(series.begin_ns[at + 1]), float(np.exp(between[at])))
