"""The label: a symbol's forward return over the horizon, normalised across the symbols of its time step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.events import NS

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

DAY_S = 86_400
_CLOSE = 3


class Series(NamedTuple):
    """One symbol's bars, oldest first."""

    open_ns: Times
    """Rising."""
    values: Floats
    """(n, 6): open, high, low, close, volume, vwap; NaN where not told."""
    filled: npt.NDArray[np.bool_]
    """Made flat because nothing was traded."""


class Forward(NamedTuple):
    """What became of each bar of one symbol."""

    returns: Floats
    """Relative change from its close to that of the bar ``horizon`` later; NaN where there is none."""
    end_ns: Times
    """When that later bar ends: from then on the label is known."""


def forward(series: Series, axis: Times, interval_s: int | float, horizon: int) -> Forward:
    """The forward returns of every bar of ``series``. ``axis``: the open times of all symbols' bars, rising.

    The later bar must be there at its exact time: ``horizon`` intervals on by the clock; for bars of a day or
    more, ``horizon`` trading days (steps of ``axis``) on. A label neither begins nor ends at a filled bar:
    nobody traded at its price, and that it catches up with the market later is no skill.
    """
    interval_ns = round(interval_s * NS)
    if interval_s < DAY_S:
        wanted = series.open_ns + horizon * interval_ns
    else:
        at = np.searchsorted(axis, series.open_ns) + horizon
        wanted = np.where(at < len(axis), axis[np.minimum(at, len(axis) - 1)], -1)
    later = np.minimum(np.searchsorted(series.open_ns, wanted), len(series.open_ns) - 1)
    there = (series.open_ns[later] == wanted) & ~series.filled & ~series.filled[later]
    close = series.values[:, _CLOSE]
    known = there & (close > 0.0) & (close[later] > 0.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        returns = np.where(known, close[later] / close - 1.0, np.nan)
    returns[~np.isfinite(returns)] = np.nan
    return Forward(returns, wanted + interval_ns)


def normalised(returns: Floats, steps: Times) -> Floats:
    """Each time step's returns brought to mean 0 and deviation 1; NaN where it has fewer than two symbols, or
    no dispersion. ``steps`` (n,), rising, says which rows are of one step."""
    if not len(returns):
        return np.empty(0)
    starts = np.flatnonzero(np.r_[True, np.diff(steps) != 0])
    counts = np.diff(np.r_[starts, len(steps)])
    centred = returns - np.repeat(np.add.reduceat(returns, starts) / counts, counts)
    std = np.sqrt(np.add.reduceat(centred * centred, starts) / counts)
    # rounding leaves a trace of dispersion in equal returns
    trace = 1e-12 * np.maximum.reduceat(np.abs(returns), starts)
    std[(counts < 2) | ~(std > trace)] = np.nan
    labels: Floats = centred / np.repeat(std, counts)
    return labels
