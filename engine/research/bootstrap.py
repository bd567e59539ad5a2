"""How sure a figure of a series of returns is: the stationary bootstrap.

Blocks of random length keep what neighbouring returns have to do with each other (Politis & Romano 1994, "The
Stationary Bootstrap"); their mean length is chosen from the series (Politis & White 2004, "Automatic
Block-Length Selection for the Dependent Bootstrap", as corrected by Patton, Politis & White 2009). Seeded:
the same series and seed give the same intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.portfolio.performance import Series

LEAST = 10
"""Returns that are not nothing, as they are while nothing is held; fewer tell nothing of their own spread."""
CHUNK = 2_000_000
"""Numbers in one array: bounds the memory that resampling takes."""
_BAND = 2.0
"""Standard errors within which a correlation counts as none, as Politis & White recommend."""


_STREAM = 0x5B
"""Sets these draws apart from data that was made with the same seed."""


class Interval(msgspec.Struct, frozen=True):
    low: float
    high: float


class Intervals(msgspec.Struct, frozen=True):
    """Of one series, per step: nothing here is annualised."""

    block: float
    """Mean length of the blocks, returns."""
    sharpe: Interval | None
    """None when every return is the same."""
    mean: Interval
    growth: Interval
    """Of the mean logarithm of 1 + return."""
    drawdown_pct: Interval
    """Of the largest fall, a positive number: what other orders of the same returns would have shown."""


def intervals(returns: Series, *, samples: int, seed: int, level: float = 0.95) -> Intervals | None:
    """Two-sided at ``level``. None with fewer than ``LEAST`` returns, or of those that are not nothing, or
    without ``samples``.

    Sharpe and mean are studentised (each resample is measured in its own standard error), which covers what
    it says for short and skewed series, where plain percentiles of resamples fall short; growth and drawdown
    are percentiles. Returns must be above -1.
    """
    count = len(returns)
    if count < LEAST or samples < 1:
        return None
    mean, spread = float(returns.mean()), float(returns.std(ddof=1))
    moving = spread > 1e-15 * max(1.0, float(np.abs(returns).max()))
    if moving and np.count_nonzero(returns) < LEAST:
        return None
    block = block_length(_influence(returns) if moving else returns)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if not moving:
        point = Interval(mean, mean)
        fall = max(0.0, (1.0 - (1.0 + mean) ** count) * 100.0)
        grown = math.log1p(mean)
        return Intervals(block, None, point, Interval(grown, grown), Interval(fall, fall))
    sharpe, error = _sharpe_and_error(returns[np.newaxis, :])
    t_mean, t_sharpe = np.empty(samples), np.empty(samples)
    growth, falls = np.empty(samples), np.empty(samples)
    logs = np.log1p(returns)
    done = 0
    for rows in _resamples(count, samples, block, seed):
        part = slice(done, done + len(rows))
        done += len(rows)
        drawn = returns[rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio, ratio_error = _sharpe_and_error(drawn)
            t_sharpe[part] = (ratio - sharpe[0]) / ratio_error
            t_mean[part] = (drawn.mean(axis=1) - mean) / drawn.std(axis=1, ddof=1)
        paths = np.cumsum(logs[rows], axis=1)
        growth[part] = paths[:, -1] / count
        peaks = np.maximum(np.maximum.accumulate(paths, axis=1), 0.0)
        falls[part] = -np.expm1((paths - peaks).min(axis=1)) * 100.0
    return Intervals(
        block,
        _studentised(t_sharpe, float(sharpe[0]), float(error[0]), tails),
        _studentised(t_mean, mean, spread, tails),
        Interval(*np.quantile(growth, tails).tolist()),
        Interval(*np.quantile(falls, tails).tolist()),
    )


def _studentised(t: Series, value: float, error: float, tails: Series) -> Interval:
    """Resamples without a spread (all of the same return) tell nothing and are left out."""
    known = t[np.isfinite(t)]
    if not len(known):
        return Interval(value, value)
    low, high = np.quantile(known, tails).tolist()
    return Interval(value - high * error, value - low * error)


def _sharpe_and_error(rows: Series) -> tuple[Series, Series]:
    """Of each row: mean over standard deviation, and its standard error but for a factor of all rows.

    The error is that of Mertens (2002), which counts skew and fat tails; for returns that depend on each
    other it is off by a factor which is the resamples' as well, so it cancels.
    """
    count = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    squares = centred * centred
    second = squares.mean(axis=1)
    third, fourth = (squares * centred).mean(axis=1), (squares * squares).mean(axis=1)
    sharpe = rows.mean(axis=1) / np.sqrt(second * count / (count - 1))
    skew, kurtosis = third / second**1.5, fourth / second**2
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return sharpe, np.sqrt(np.maximum(variance, 1e-12))


def _influence(returns: Series) -> Series:
    """What each return adds to the Sharpe ratio, to first order: its blocks must be long enough for that."""
    scaled = (returns - returns.mean()) / returns.std()
    sharpe = returns.mean() / returns.std()
    return np.asarray(scaled - sharpe / 2.0 * (scaled * scaled - 1.0))


def _resamples(count: int, samples: int, block: float, seed: int) -> Iterator[NDArray[np.int64]]:
    """Rows of positions, each a resample: a block goes on with probability 1 - 1/``block``, and wraps."""
    random = np.random.default_rng((seed, _STREAM))
    most = max(1, CHUNK // count)
    steps = np.arange(count)
    for begun in range(0, samples, most):
        shape = (min(most, samples - begun), count)
        new = random.random(shape) < 1.0 / block
        new[:, 0] = True
        starts = random.integers(0, count, shape)
        began = np.maximum.accumulate(np.where(new, steps, 0), axis=1)
        yield (np.take_along_axis(starts, began, axis=1) + steps - began) % count


def block_length(series: Series) -> float:
    """Best mean length of the stationary bootstrap's blocks for the mean of ``series``; at least 1."""
    count = len(series)
    if count < LEAST:
        return 1.0
    most = math.ceil(min(3 * math.sqrt(count), count / 3))
    run = max(5, math.ceil(math.log10(count)))
    lags = min(math.ceil(math.sqrt(count)) + run, count - 1)
    covariance = _covariances(series, lags)
    if covariance[0] <= 0.0:
        return 1.0
    outside = np.abs(covariance[1:] / covariance[0]) >= _BAND * math.sqrt(math.log10(count) / count)
    window = min(2 * max(1, _last_before_quiet(outside, run)), lags)
    k = np.arange(1, window + 1)
    weights = np.minimum(1.0, 2.0 * (1.0 - k / window)) * covariance[1 : window + 1]
    slope = 2.0 * float(np.sum(weights * k))
    level = float(covariance[0] + 2.0 * np.sum(weights))
    if level == 0.0:
        return float(most)
    best = math.pow(abs(slope / level), 2 / 3) * math.pow(count, 1 / 3)
    return min(max(best, 1.0), float(most))


def _last_before_quiet(outside: NDArray[np.bool_], run: int) -> int:
    """The lag after which ``run`` lags in a row are inside the band; else the last outside."""
    quiet = 0
    for lag, loud in enumerate(outside.tolist(), start=1):
        quiet = 0 if loud else quiet + 1
        if quiet == run:
            return lag - run
    found = np.flatnonzero(outside)
    return int(found[-1]) + 1 if len(found) else 1


def _covariances(series: Series, lags: int) -> Series:
    """At lags 0 to ``lags``, each divided by the series' length."""
    centred = series - series.mean()
    size = 1 << (2 * len(centred) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    products = np.fft.irfft(spectrum * np.conj(spectrum), size)
    return np.asarray(products[: lags + 1] / len(centred))
