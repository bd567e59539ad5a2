"""Performance: what an equity curve comes to.

Returns are simple ones between the points of an even grid. The formulas are those of empyrical (Sharpe,
Sortino, maximum drawdown), annualised for a market that never closes. What cannot be told is None.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.events import NS

Series = NDArray[np.float64]
Times = NDArray[np.int64]

YEAR_NS = 365 * 86_400 * NS
LEAST_RETURNS = 2
"""Fewer tell nothing of a spread."""


class Ratios(msgspec.Struct, frozen=True):
    """Of one curve. Percent where it says so."""

    return_pct: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown_pct: float | None
    """Largest fall below an earlier high, as a positive number."""


def returns(curve: Series) -> Series:
    """Simple returns between neighbours. A curve at or below zero has none."""
    if len(curve) < 2 or not (curve > 0).all():
        return np.zeros(0)
    return curve[1:] / curve[:-1] - 1.0


def sharpe(per_step: Series, step_ns: int) -> float | None:
    """Mean over standard deviation (n - 1) of the returns, annualised; no risk-free rate.

    None with fewer than two returns, or when they are all alike.
    """
    if len(per_step) < LEAST_RETURNS:
        return None
    spread = float(np.std(per_step, ddof=1))
    if _vanishes(spread, per_step):
        return None
    return float(np.mean(per_step)) / spread * math.sqrt(YEAR_NS / step_ns)


def sortino(per_step: Series, step_ns: int) -> float | None:
    """Mean over the root mean square of the losses (gains count as zero), annualised.

    None with fewer than two returns, or without a loss.
    """
    if len(per_step) < LEAST_RETURNS:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(per_step, 0.0) ** 2)))
    if _vanishes(downside, per_step):
        return None
    return float(np.mean(per_step)) / downside * math.sqrt(YEAR_NS / step_ns)


def drawdowns_pct(curve: Series) -> Series:
    """How far each point is below the highest before it, percent (0 at the top)."""
    if not len(curve):
        return np.zeros(0)
    peaks = np.maximum.accumulate(curve)
    return np.asarray(np.where(peaks > 0, (peaks - curve) / np.where(peaks > 0, peaks, 1.0), 0.0) * 100.0)


def _vanishes(spread: float, per_step: Series) -> bool:
    """Nothing but rounding is left of it."""
    return spread <= 1e-15 * max(1.0, float(np.abs(per_step).max()))
