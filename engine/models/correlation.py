"""Correlation of two sets of values, and of their ranks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def correlation(x: Floats, y: Floats) -> float:
    """Pearson's; NaN where one of them does not vary."""
    dx, dy = x - x.sum() / len(x), y - y.sum() / len(y)
    # not by a dot product: BLAS adds up in an order of each processor's own
    sx, sy = float((dx * dx).sum()), float((dy * dy).sum())
    # rounding leaves a trace of dispersion in equal values
    if not (sx > 1e-24 * float((x * x).sum()) and sy > 1e-24 * float((y * y).sum())):
        return math.nan
    return float((dx * dy).sum()) / math.sqrt(sx * sy)


def rank_correlation(x: Floats, y: Floats) -> float:
    """Spearman's; NaN where one of them does not vary."""
    return correlation(ranks(x), ranks(y))


def ranks(values: Floats) -> Floats:
    """Ranks from 0; ties share their average."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: Floats = (np.cumsum(counts) - (counts + 1) / 2.0)[group]
    return found
