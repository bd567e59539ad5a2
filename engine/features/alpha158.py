"""Alpha158: 158 features of a symbol's newest bar, from its last 61 bars.

The definition is qlib's Alpha158 (microsoft/qlib, ``Alpha158DL`` with lag-0 prices, no VOLUME0, windows
5, 10, 20, 30 and 60, raw values without processors). Each window is evaluated directly, mean first and
deviations second: qlib's own running sums drift with the place where a series happens to start.

Training, backtest and live call the same compiled function on the same 61 bars, so they agree bit for bit.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.kernels import kernel

Floats = npt.NDArray[np.float64]

OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP = range(6)
"""Columns of a bar."""

WINDOWS = (5, 10, 20, 30, 60)
HISTORY = 61
"""Bars that the newest bar's features depend on: the longest window and one bar before it."""

_KBAR = ("KMID", "KLEN", "KMID2", "KUP", "KUP2", "KLOW", "KLOW2", "KSFT", "KSFT2")
_PRICES = ("OPEN0", "HIGH0", "LOW0", "VWAP0")
_GROUPS = (
    *("ROC", "MA", "STD", "BETA", "RSQR", "RESI", "MAX", "MIN", "QTLU", "QTLD", "RANK", "RSV"),
    *("IMAX", "IMIN", "IMXD", "CORR", "CORD", "CNTP", "CNTN", "CNTD", "SUMP", "SUMN", "SUMD"),
    *("VMA", "VSTD", "WVMA", "VSUMP", "VSUMN", "VSUMD"),
)

NAMES: tuple[str, ...] = (*_KBAR, *_PRICES, *(f"{group}{d}" for group in _GROUPS for d in WINDOWS))
"""The columns, in order."""

WIDTH = len(NAMES)

CODE_VERSION = 1
"""Raise it whenever a feature's value changes: models trained before are then refused."""


def schema_hash(bar_interval_s: float) -> str:
    """SHA-256 (hex) of what a model must agree with: names, order, bar interval (s) and code version."""
    schema = {"names": NAMES, "bar_interval_s": float(bar_interval_s), "code_version": CODE_VERSION}
    return hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()


SCHEMA_HASH = schema_hash(1.0)
"""The schema of the desk's one-second bars."""


def alpha158(bars: npt.NDArray[Any]) -> Floats:
    """Features of the newest of ``bars`` (n >= 1, 6), oldest first: shape (158,).

    Only the last 61 bars count. With fewer, windows are short and lags are NaN, as at a series' start.
    """
    rows = _rows(bars, 2)
    out = np.empty(WIDTH)
    _one(rows, out)
    return out


def alpha158_block(bars: npt.NDArray[Any], counts: npt.NDArray[np.int64] | None = None) -> Floats:
    """Features of the newest bar of each symbol: ``bars`` (symbols, n >= 1, 6) to (symbols, 158).

    ``counts`` (symbols,) says how many of a symbol's last rows are bars, where a history is still shorter
    than n; 0 gives a row of NaN. Equal to one call of ``alpha158`` per symbol, bit for bit.
    """
    rows = _rows(bars, 3)
    if counts is None:
        counts = np.full(len(rows), rows.shape[1], np.int64)
    elif len(counts) != len(rows) or (len(counts) and (counts.min() < 0 or counts.max() > rows.shape[1])):
        raise ValueError(f"counts must be one number in 0..{rows.shape[1]} per symbol")
    out = np.empty((len(rows), WIDTH))
    _block(rows, np.ascontiguousarray(counts, np.int64), out)
    return out


def alpha158_series(bars: npt.NDArray[Any]) -> Floats:
    """Features of every bar of one symbol's ``bars`` (n, 6): shape (n, 158)."""
    rows = _rows(bars, 2)
    out = np.empty((len(rows), WIDTH))
    _series(rows, out)
    return out


def _rows(bars: npt.NDArray[Any], dimensions: int) -> Floats:
    if bars.ndim != dimensions or bars.shape[-1] != 6 or bars.shape[-2] < 1:
        raise ValueError(f"bars of shape {bars.shape}: rows must be open, high, low, close, volume, vwap")
    return np.ascontiguousarray(bars, np.float64)


# --- compiled ------------------------------------------------------------------------------------

_EPS = 1e-12
_CALM = 2e-5
"""At or below this standard deviation qlib gives no correlation (in price units for RSQR and CORR)."""

# Rows of the scratch array. "finite": infinities replaced by NaN, as pandas' rolling operators do.
_C, _C_FINITE, _H, _L, _V, _V_FINITE, _LOG_V, _RETURN, _LOG_DV, _MOVE, _SORTED = range(11)
_SCRATCH = 11

_D = np.array(WINDOWS, np.int64)
_AT = {name: len(_KBAR) + len(_PRICES) + 5 * i for i, name in enumerate(_GROUPS)}
_ROC, _MA, _STD, _BETA, _RSQR, _RESI, _MAX, _MIN, _QTLU, _QTLD, _RANK, _RSV = (
    _AT[name] for name in _GROUPS[:12]
)
_IMAX, _IMIN, _IMXD, _CORR, _CORD, _CNTP, _CNTN, _CNTD, _SUMP, _SUMN, _SUMD = (
    _AT[name] for name in _GROUPS[12:23]
)
_VMA, _VSTD, _WVMA, _VSUMP, _VSUMN, _VSUMD = (_AT[name] for name in _GROUPS[23:])


@kernel
def _one(bars: Any, out: Any) -> None:
    _newest(bars, bars.shape[0], np.empty((_SCRATCH, HISTORY)), out)


@kernel
def _block(bars: Any, counts: Any, out: Any) -> None:
    scratch = np.empty((_SCRATCH, HISTORY))
    n = bars.shape[1]
    for s in range(bars.shape[0]):
        if counts[s] == 0:
            out[s, :] = np.nan
        else:
            _newest(bars[s, n - counts[s] :], counts[s], scratch, out[s])


@kernel
def _series(bars: Any, out: Any) -> None:
    scratch = np.empty((_SCRATCH, HISTORY))
    for t in range(bars.shape[0]):
        _newest(bars, t + 1, scratch, out[t])


@njit(error_model="numpy")
def _newest(bars: Any, stop: int, a: Any, out: Any) -> None:
    """Fill ``out`` with the features of bar ``stop - 1``; ``a`` is scratch."""
    start = max(0, stop - HISTORY)
    n = stop - start
    _prepare(bars, start, n, a)
    _newest_bar(bars[stop - 1], out)
    c, v = a[_C, n - 1], a[_V, n - 1]
    for k in range(len(_D)):
        d = _D[k]
        first = max(0, n - d)
        _levels(a, first, n, c, v, k, out)
        _trend(a, first, n, c, k, out)
        _extremes(a, first, n, c, d, k, out)
        _correlations(a, first, n, k, out)
        _counts(a[_C], first, n, k, out)
        _sums(a[_C], first, n, _SUMP + k, _SUMN + k, _SUMD + k, out)
        _sums(a[_V], first, n, _VSUMP + k, _VSUMN + k, _VSUMD + k, out)
        out[_ROC + k] = a[_C, n - 1 - d] / c if n > d else np.nan
    _order_statistics(a[_C_FINITE], n, c, a[_SORTED], out)


@njit(error_model="numpy")
def _finite(x):  # type: ignore[no-untyped-def]
    return x if np.isfinite(x) else np.nan


@njit(error_model="numpy")
def _prepare(bars, start, n, a):  # type: ignore[no-untyped-def]
    for i in range(n):
        c, v = bars[start + i, CLOSE], bars[start + i, VOLUME]
        a[_C, i], a[_V, i] = c, v
        a[_C_FINITE, i], a[_V_FINITE, i] = _finite(c), _finite(v)
        a[_H, i], a[_L, i] = _finite(bars[start + i, HIGH]), _finite(bars[start + i, LOW])
        a[_LOG_V, i] = _finite(np.log(v + 1.0))
        if i == 0:
            a[_RETURN, i] = a[_LOG_DV, i] = a[_MOVE, i] = np.nan
        else:
            r = c / a[_C, i - 1]
            a[_RETURN, i] = _finite(r)
            a[_LOG_DV, i] = _finite(np.log(v / a[_V, i - 1] + 1.0))
            a[_MOVE, i] = _finite(abs(r - 1.0) * v)


@njit(error_model="numpy")
def _newest_bar(bar, out):  # type: ignore[no-untyped-def]
    """The nine candle shapes and four price ratios."""
    o, h, lo, c, w = bar[OPEN], bar[HIGH], bar[LOW], bar[CLOSE], bar[VWAP]
    top = np.nan if np.isnan(o) or np.isnan(c) else max(o, c)
    bottom = np.nan if np.isnan(o) or np.isnan(c) else min(o, c)
    span = h - lo + _EPS
    out[0] = (c - o) / o
    out[1] = (h - lo) / o
    out[2] = (c - o) / span
    out[3] = (h - top) / o
    out[4] = (h - top) / span
    out[5] = (bottom - lo) / o
    out[6] = (bottom - lo) / span
    out[7] = (2.0 * c - h - lo) / o
    out[8] = (2.0 * c - h - lo) / span
    out[9] = o / c
    out[10] = h / c
    out[11] = lo / c
    out[12] = w / c


@njit(error_model="numpy")
def _moments(x, first, n):  # type: ignore[no-untyped-def]
    """Mean and sample deviation of the valid values of x[first:n]; NaN for too few."""
    count, pivot, total = 0, 0.0, 0.0
    for i in range(first, n):
        if x[i] == x[i]:
            if count == 0:
                pivot = x[i]  # values relative to it: a constant window deviates by exactly 0
            count += 1
            total += x[i] - pivot
    if count == 0:
        return np.nan, np.nan
    shift = total / count
    squares = 0.0
    for i in range(first, n):
        if x[i] == x[i]:
            dev = (x[i] - pivot) - shift
            squares += dev * dev
    return pivot + shift, (np.sqrt(squares / (count - 1)) if count > 1 else np.nan)


@njit(error_model="numpy")
def _levels(a, first, n, c, v, k, out):  # type: ignore[no-untyped-def]
    mean, std = _moments(a[_C_FINITE], first, n)
    out[_MA + k] = mean / c
    out[_STD + k] = std / c
    mean, std = _moments(a[_V_FINITE], first, n)
    out[_VMA + k] = mean / (v + _EPS)
    out[_VSTD + k] = std / (v + _EPS)
    mean, std = _moments(a[_MOVE], first, n)
    out[_WVMA + k] = std / (mean + _EPS)


@njit(error_model="numpy")
def _trend(a, first, n, c, k, out):  # type: ignore[no-untyped-def]
    """Least squares of the close on the bar's position: BETA, RSQR, RESI."""
    y = a[_C]
    count, pivot, sum_x, sum_y = 0, 0.0, 0.0, 0.0
    for i in range(first, n):
        if y[i] == y[i]:
            if count == 0:
                pivot = y[i]
            count += 1
            sum_x += i
            sum_y += y[i] - pivot
    slope = rsquare = resi = np.nan
    if count >= 2:
        mean_x, mean_y = sum_x / count, sum_y / count
        xx = xy = yy = 0.0
        for i in range(first, n):
            if y[i] == y[i]:
                dx, dy = i - mean_x, (y[i] - pivot) - mean_y
                xx += dx * dx
                xy += dx * dy
                yy += dy * dy
        slope = xy / xx
        resi = ((c - pivot) - mean_y) - slope * (n - 1 - mean_x)
        _, std = _moments(a[_C_FINITE], first, n)
        if not std <= _CALM:
            rsquare = xy / xx * (xy / yy)
    out[_BETA + k] = slope / c
    out[_RSQR + k] = rsquare
    out[_RESI + k] = resi / c


@njit(error_model="numpy")
def _extremes(a, first, n, c, d, k, out):  # type: ignore[no-untyped-def]
    h, lo = a[_H], a[_L]
    high, low = np.nan, np.nan
    high_at = low_at = high_gap = low_gap = -1
    for i in range(first, n):
        if h[i] != h[i]:
            high_gap = i if high_gap < 0 else high_gap
        elif high_at < 0 or h[i] > high:
            high, high_at = h[i], i
        if lo[i] != lo[i]:
            low_gap = i if low_gap < 0 else low_gap
        elif low_at < 0 or lo[i] < low:
            low, low_at = lo[i], i
    # numpy's argmax, which qlib uses here, stops at the first NaN
    imax = np.nan if high_at < 0 else float((high_gap if high_gap >= 0 else high_at) - first + 1)
    imin = np.nan if low_at < 0 else float((low_gap if low_gap >= 0 else low_at) - first + 1)
    out[_MAX + k] = high / c
    out[_MIN + k] = low / c
    out[_RSV + k] = (c - low) / (high - low + _EPS)
    out[_IMAX + k] = imax / d
    out[_IMIN + k] = imin / d
    out[_IMXD + k] = (imax - imin) / d


@njit(error_model="numpy")
def _order_statistics(x, n, c, ordered, out):  # type: ignore[no-untyped-def]
    """QTLU, QTLD and RANK: the windows are nested, so one insertion sort from the newest back serves all."""
    newest = x[n - 1]
    count, smaller, equal = 0, 0, 0
    i = n - 1
    for k in range(len(_D)):
        first = max(0, n - _D[k])
        while i >= first:
            value = x[i]
            if value == value:
                j = count
                while j > 0 and ordered[j - 1] > value:
                    ordered[j] = ordered[j - 1]
                    j -= 1
                ordered[j] = value
                count += 1
                smaller += value < newest
                equal += value == newest
            i -= 1
        out[_QTLU + k] = _quantile(ordered, count, 0.8) / c
        out[_QTLD + k] = _quantile(ordered, count, 0.2) / c
        out[_RANK + k] = (smaller + (equal + 1) / 2.0) / count if newest == newest else np.nan


@njit(error_model="numpy")
def _quantile(ordered, count, p):  # type: ignore[no-untyped-def]
    if count == 0:
        return np.nan
    at = p * (count - 1)
    i = int(at)
    if i + 1 >= count:
        return ordered[count - 1]
    return ordered[i] + (ordered[i + 1] - ordered[i]) * (at - i)


@njit(error_model="numpy")
def _correlations(a, first, n, k, out):  # type: ignore[no-untyped-def]
    out[_CORR + k] = _correlation(a[_C_FINITE], a[_LOG_V], first, n)
    out[_CORD + k] = _correlation(a[_RETURN], a[_LOG_DV], first, n)


@njit(error_model="numpy")
def _correlation(x, y, first, n):  # type: ignore[no-untyped-def]
    _, std_x = _moments(x, first, n)
    _, std_y = _moments(y, first, n)
    if std_x <= _CALM or std_y <= _CALM:
        return np.nan
    count, pivot_x, pivot_y, sum_x, sum_y = 0, 0.0, 0.0, 0.0, 0.0
    for i in range(first, n):
        if x[i] == x[i] and y[i] == y[i]:
            if count == 0:
                pivot_x, pivot_y = x[i], y[i]
            count += 1
            sum_x += x[i] - pivot_x
            sum_y += y[i] - pivot_y
    if count < 2:
        return np.nan
    mean_x, mean_y = sum_x / count, sum_y / count
    xx = xy = yy = 0.0
    for i in range(first, n):
        if x[i] == x[i] and y[i] == y[i]:
            dx, dy = (x[i] - pivot_x) - mean_x, (y[i] - pivot_y) - mean_y
            xx += dx * dx
            xy += dx * dy
            yy += dy * dy
    return xy / (np.sqrt(xx) * np.sqrt(yy))


@njit(error_model="numpy")
def _counts(c, first, n, k, out):  # type: ignore[no-untyped-def]
    """Shares of rising and falling closes. A bar without a known change counts as neither."""
    up = down = 0
    for i in range(max(first, 1), n):
        up += c[i] > c[i - 1]
        down += c[i] < c[i - 1]
    out[_CNTP + k] = up / (n - first)
    out[_CNTN + k] = down / (n - first)
    out[_CNTD + k] = out[_CNTP + k] - out[_CNTN + k]


@njit(error_model="numpy")
def _sums(x, first, n, at_up, at_down, at_both, out):  # type: ignore[no-untyped-def]
    """Shares of the upward and downward path in the whole path."""
    ups = downs = moves = 0
    up = down = path = 0.0
    for i in range(max(first, 1), n):
        diff = x[i] - x[i - 1]
        if diff != diff:
            continue
        # an infinite change is missing where it would be summed, and a 0 in the other direction
        if diff < np.inf:
            up += max(diff, 0.0)
            ups += 1
        if diff > -np.inf:
            down += max(-diff, 0.0)
            downs += 1
        if abs(diff) < np.inf:
            path += abs(diff)
            moves += 1
    up = up if ups else np.nan
    down = down if downs else np.nan
    path = path if moves else np.nan
    out[at_up] = up / (path + _EPS)
    out[at_down] = down / (path + _EPS)
    out[at_both] = (up - down) / (path + _EPS)
