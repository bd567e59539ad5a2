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
_EVENING_NS = 3 * 3600 * NS
"""Days that begin from 21:00 UTC on are the next day's: of currencies (17:00 in New York), of Sydney."""


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


def moments(open_ns: Times, interval_s: int | float) -> Times:
    """What bars of one time step share: when they begin; bars of a day or more, the day. Two markets' days
    begin at different times, and so may one's by two sources."""
    return open_ns if interval_s < DAY_S else (open_ns + _EVENING_NS) // (DAY_S * NS)


def forward(series: Series, axis: Times, interval_s: int | float, horizon: int) -> Forward:
    """The forward returns of every bar of ``series``. ``axis``: the open times of all symbols' bars, rising.

    The later bar must be there at its exact time: ``horizon`` intervals on by the clock; for bars of a day or
    more, ``horizon`` trading days (of any symbol) on. A label neither begins nor ends at a filled bar: nobody
    traded at its price, and that it catches up with the market later is no skill.
    """
    interval_ns = round(interval_s * NS)
    own = moments(series.open_ns, interval_s)
    if interval_s < DAY_S:
        wanted = own + horizon * interval_ns
    else:
        steps = np.unique(moments(axis, interval_s))
        at = np.searchsorted(steps, own) + horizon
        wanted = np.where(at < len(steps), steps[np.minimum(at, len(steps) - 1)], -1)
    # of two bars of one day the later one
    later = np.maximum(np.searchsorted(own, wanted, side="right") - 1, 0)
    there = (own[later] == wanted) & ~series.filled & ~series.filled[later]
    close = series.values[:, _CLOSE]
    known = there & (close > 0.0) & (close[later] > 0.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        returns = np.where(known, close[later] / close - 1.0, np.nan)
    returns[~np.isfinite(returns)] = np.nan
    return Forward(returns, (wanted if interval_s < DAY_S else series.open_ns[later]) + interval_ns)


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
