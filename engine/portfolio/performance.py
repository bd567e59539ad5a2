"""Performance: what an equity curve comes to.

Returns are simple ones of equity sampled on an even grid, the last value carried. The formulas are those of
empyrical (Sharpe, Sortino, maximum drawdown), annualised for a market that never closes. What cannot be told
from what there is, is None.
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


def resample(times: Times, values: Series, step_ns: int) -> Series:
    """``values`` on an even grid from the first time on, the last value carried; one for each whole step.

    ``times`` rise. The newest time is on the grid's last point or less than a step after it.
    """
    if not len(times):
        return np.zeros(0)
    grid = np.arange(times[0], times[-1] + 1, step_ns)
    return np.asarray(values[np.searchsorted(times, grid, side="right") - 1], np.float64)


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


def ratios(times: Times, curve: Series, step_ns: int) -> Ratios:
    """Of an equity curve sampled at ``times``; ratios from its returns over steps of ``step_ns``."""
    if len(curve) < 2 or not curve[0] > 0:
        return Ratios(None, None, None, None)
    per_step = returns(resample(times, curve, step_ns))
    return Ratios(
        return_pct=float(curve[-1] / curve[0] - 1.0) * 100.0,
        sharpe=sharpe(per_step, step_ns),
        sortino=sortino(per_step, step_ns),
        max_drawdown_pct=float(drawdowns_pct(curve).max()),
    )


def _vanishes(spread: float, per_step: Series) -> bool:
    """Nothing but rounding is left of it."""
    return spread <= 1e-15 * max(1.0, float(np.abs(per_step).max()))
