"""How likely a Sharpe ratio is more than luck, also when it is the best of many that were tried.

Bailey & López de Prado: "The Sharpe Ratio Efficient Frontier" (2012; the probabilistic Sharpe ratio) and "The
Deflated Sharpe Ratio" (2014). Every ratio here is of one step, not annualised.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec
import numpy as np

from engine.portfolio.performance import Series

_NORMAL = NormalDist()
EULER_GAMMA = 0.5772156649015329


class Moments(msgspec.Struct, frozen=True):
    """Of a series of returns."""

    count: int
    sharpe: float
    """Mean over standard deviation (n - 1)."""
    skew: float
    kurtosis: float
    """3 for a normal distribution."""


def moments(returns: Series) -> Moments | None:
    """None with fewer than three returns, or when all are alike."""
    if len(returns) < 3:
        return None
    centred = returns - returns.mean()
    second = float(np.mean(centred**2))
    if math.sqrt(second) <= 1e-15 * max(1.0, float(np.abs(returns).max())):
        return None
    return Moments(
        len(returns),
        float(returns.mean() / returns.std(ddof=1)),
        float(np.mean(centred**3)) / second**1.5,
        float(np.mean(centred**4)) / second**2,
    )


def probabilistic(of: Moments, beyond: float = 0.0) -> float | None:
    """Probability that the true Sharpe ratio is above ``beyond``. None where its variance is not positive."""
    variance = 1.0 - of.skew * of.sharpe + (of.kurtosis - 1.0) / 4.0 * of.sharpe**2
    if not variance > 0 or of.count < 2:
        return None
    return _NORMAL.cdf((of.sharpe - beyond) * math.sqrt(of.count - 1) / math.sqrt(variance))


def best_of_luck(trials: int, variance: float) -> float:
    """The best Sharpe ratio to be expected of so many independent trials without any skill.

    ``variance`` is that of the trials' Sharpe ratios.
    """
    if trials < 2:
        return 0.0
    high = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    higher = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - EULER_GAMMA) * high + EULER_GAMMA * higher)


def deflated(of: Moments, trials: int, variance: float) -> float | None:
    """Probability that the true Sharpe ratio of the best of ``trials`` is above what luck alone brings."""
    return probabilistic(of, best_of_luck(trials, variance))
