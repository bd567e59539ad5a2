"""95 % intervals of figures over time steps whose labels overlap: a moving-block bootstrap.

Blocks of consecutive steps are drawn with replacement (Künsch 1989), so that what depends on its neighbours
stays beside them. Blocks are three horizons long where there is data for it, and one at least. Two known
biases are taken out: blocks cut dependence at their edges (for labels that overlap by ``h`` steps the
correlation falls off linearly, so how much is cut is known), and few blocks say little (Student's quantile in
place of the normal one). A third is that of the ratio: values that overlap lie closer to their own mean than
to the true one, which makes the deviation too small.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from engine.models.artefact import Estimate
from engine.models.overlap import NORMAL, alike, student

Floats = npt.NDArray[np.float64]

RESAMPLES = 2000
_BLOCKS = 5
"""Blocks are not made longer than leaves so many."""


def block_length(count: int, horizon: int) -> int:
    """Steps in a block, for ``count`` steps with labels of ``horizon`` steps: never below the horizon, while
    two blocks fit."""
    wanted = max(3 * horizon, round(math.cbrt(count)))
    length = max(horizon, min(wanted, count // _BLOCKS))
    return max(1, min(length, count // 2))


def mean_and_ratio(values: Floats, horizon: int, seed: int) -> tuple[Estimate, Estimate]:
    """The mean of ``values`` (one per step, in order), and mean over deviation, each with its 95 % interval.
    The deviation is that of values which do not overlap.

    ``horizon``: steps over which two labels overlap, 1 or more. All 0 for fewer than two values; the ratio is
    0 where nothing varies. The same arguments give the same intervals.
    """
    n = len(values)
    if n < 2:
        return Estimate(0.0, 0.0, 0.0), Estimate(0.0, 0.0, 0.0)
    mean, std = float(values.mean()), float(values.std(ddof=1))
    if not std > 1e-12 * abs(mean):
        return Estimate(mean, mean, mean), Estimate(0.0, 0.0, 0.0)
    length = block_length(n, horizon)
    sums, squares = _resample((values - mean) / std, length, seed)
    widening = _widening(n, length, horizon)
    # in units of the deviation, about the mean; the ratio of each resample is its own
    spread = np.sqrt(np.maximum(squares - sums * sums, 1e-12))
    narrow = math.sqrt(max(1.0, n - alike(n, horizon)) / (n - 1))
    ratio = mean / std
    resampled = narrow * (ratio + sums) / spread
    return _around(mean, std * sums, widening), _around(narrow * ratio, resampled, widening)


def _resample(values: Floats, length: int, seed: int) -> tuple[Floats, Floats]:
    """(means, mean squares) of ``RESAMPLES`` draws of blocks."""
    totals = np.concatenate(([0.0], np.cumsum(values)))
    totals_squared = np.concatenate(([0.0], np.cumsum(values * values)))
    sums = totals[length:] - totals[:-length]
    squares = totals_squared[length:] - totals_squared[:-length]
    blocks = -(-len(values) // length)
    starts = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLES, blocks))
    return sums[starts].sum(axis=1) / (blocks * length), squares[starts].sum(axis=1) / (blocks * length)


def _widening(n: int, length: int, horizon: int) -> float:
    """What the resamples' spread is to be multiplied by."""
    real, kept = alike(n, horizon), alike(length, horizon)
    blocks = n / length
    drawn = math.ceil(blocks) * length / n
    freedom = max(1.0, blocks - 1.0)
    # of the blocks' means about their own mean, instead of about the true one
    own_mean = blocks / freedom
    return math.sqrt(real / kept * drawn * own_mean) * student(freedom) / NORMAL


def _around(value: float, resampled: Floats, widening: float) -> Estimate:
    low, high = np.quantile(resampled, (0.025, 0.975)) - resampled.mean()
    return Estimate(value, value + widening * float(low), value + widening * float(high))
