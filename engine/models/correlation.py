"""Correlation of two sets of values, and of their ranks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_sum = np.add.reduce
"""``ndarray.sum`` without the half of its time that is Python."""


def correlation(x: Floats, y: Floats) -> float:
    """Pearson's; NaN where one of them does not vary."""
    dx, dy = x - _sum(x) / len(x), y - _sum(y) / len(y)
    # not by a dot product: BLAS adds up in an order of each processor's own
    sx, sy = float(_sum(dx * dx)), float(_sum(dy * dy))
    # rounding leaves a trace of dispersion in equal values
    if not (sx > 1e-24 * float(_sum(x * x)) and sy > 1e-24 * float(_sum(y * y))):
        return math.nan
    return float(_sum(dx * dy)) / math.sqrt(sx * sy)


def rank_correlation(x: Floats, y: Floats) -> float:
    """Spearman's; NaN where one of them does not vary."""
    return correlation(ranks(x), ranks(y))


def ranks(values: Floats) -> Floats:
    """Ranks from 0; ties share their average."""
    order = values.argsort()
    rising = values[order]
    if np.count_nonzero(rising[1:] > rising[:-1]) == len(values) - 1:
        found = np.empty(len(values))
        found[order] = np.arange(len(values))
        return found
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared: Floats = (np.cumsum(counts) - (counts + 1) / 2.0)[group]
    return shared
