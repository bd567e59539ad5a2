"""Alpha158 of a symbol's newest bar, whatever is missing (compiled): each window evaluated by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from engine.features.alpha158_columns import AT, CLOSE, HIGH, HISTORY, LOW, OPEN, VOLUME, VWAP, WINDOWS
from engine.features.alpha158_complete import complete_windows
from engine.features.alpha158_scratch import (
    C_FINITE,
    CALM,
    EPS,
    LOG_DV,
    LOG_V,
    MOVE,
    RETURN,
    SORTED,
    V_FINITE,
    C,
    H,
    L,
    V,
)  # fmt: skip

_D = np.array(WINDOWS, np.int64)
_ROC, _MA, _STD, _BETA, _RSQR, _RESI, _MAX, _MIN, _RSV = (
    AT[name] for name in ("ROC", "MA", "STD", "BETA", "RSQR", "RESI", "MAX", "MIN", "RSV")
)
_QTLU, _QTLD, _RANK, _IMAX, _IMIN, _IMXD, _CORR, _CORD = (
    AT[name] for name in ("QTLU", "QTLD", "RANK", "IMAX", "IMIN", "IMXD", "CORR", "CORD")
)
_CNTP, _CNTN, _CNTD, _SUMP, _SUMN, _SUMD = (
    AT[name] for name in ("CNTP", "CNTN", "CNTD", "SUMP", "SUMN", "SUMD")
)
_VMA, _VSTD, _WVMA, _VSUMP, _VSUMN, _VSUMD = (
    AT[name] for name in ("VMA", "VSTD", "WVMA", "VSUMP", "VSUMN", "VSUMD")
)


@njit(error_model="numpy")
def newest(bars: Any, stop: int, a: Any, out: Any) -> None:
    """Fill ``out`` with the features of bar ``stop - 1``; ``a`` is scratch."""
    start = max(0, stop - HISTORY)
    n = stop - start
    complete = _prepare(bars, start, n, a)
    _newest_bar(bars[stop - 1], out)
    c, v = a[C, n - 1], a[V, n - 1]
    for k in range(len(_D)):
        d = _D[k]
        out[_ROC + k] = a[C, n - 1 - d] / c if n > d else np.nan
    _order_statistics(a[C_FINITE], n, c, a[SORTED], out)
    if complete:
        complete_windows(a, out)
        return
    for k in range(len(_D)):
        d = _D[k]
        first = max(0, n - d)
        _levels(a, first, n, c, v, k, out)
        _trend(a, first, n, c, k, out)
        _extremes(a, first, n, c, d, k, out)
        _correlations(a, first, n, k, out)
        _counts(a[C], first, n, k, out)
        _sums(a[C], first, n, _SUMP + k, _SUMN + k, _SUMD + k, out)
        _sums(a[V], first, n, _VSUMP + k, _VSUMN + k, _VSUMD + k, out)


@njit(error_model="numpy")
def _finite(x):  # type: ignore[no-untyped-def]
    return x if np.isfinite(x) else np.nan


@njit(error_model="numpy")
def _prepare(bars, start, n, a):  # type: ignore[no-untyped-def]
    """Fill the scratch rows; True when all 61 bars are there and no window meets a missing value."""
    sound = 0.0  # 0 x a missing or infinite value is not 0
    for i in range(n):
        c, v = bars[start + i, CLOSE], bars[start + i, VOLUME]
        a[C, i], a[V, i] = c, v
        a[C_FINITE, i], a[V_FINITE, i] = _finite(c), _finite(v)
        a[H, i], a[L, i] = _finite(bars[start + i, HIGH]), _finite(bars[start + i, LOW])
        a[LOG_V, i] = _finite(np.log(v + 1.0))
        if i == 0:
            a[RETURN, i] = a[LOG_DV, i] = a[MOVE, i] = np.nan
        else:
            r = c / a[C, i - 1]
            a[RETURN, i] = _finite(r)
            a[LOG_DV, i] = _finite(np.log(v / a[V, i - 1] + 1.0))
            a[MOVE, i] = _finite(abs(r - 1.0) * v)
            sound += 0.0 * (a[RETURN, i] + a[LOG_DV, i] + a[MOVE, i])
        sound += 0.0 * (a[H, i] + a[L, i] + a[LOG_V, i] + c + v)
    return n == HISTORY and sound == 0.0


@njit(error_model="numpy")
def _newest_bar(bar, out):  # type: ignore[no-untyped-def]
    """The nine candle shapes and four price ratios."""
    o, h, lo, c, w = bar[OPEN], bar[HIGH], bar[LOW], bar[CLOSE], bar[VWAP]
    top = np.nan if np.isnan(o) or np.isnan(c) else max(o, c)
    bottom = np.nan if np.isnan(o) or np.isnan(c) else min(o, c)
    span = h - lo + EPS
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
    mean, std = _moments(a[C_FINITE], first, n)
    out[_MA + k] = mean / c
    out[_STD + k] = std / c
    mean, std = _moments(a[V_FINITE], first, n)
    out[_VMA + k] = mean / (v + EPS)
    out[_VSTD + k] = std / (v + EPS)
    mean, std = _moments(a[MOVE], first, n)
    out[_WVMA + k] = std / (mean + EPS)


@njit(error_model="numpy")
def _trend(a, first, n, c, k, out):  # type: ignore[no-untyped-def]
    """Least squares of the close on the bar's position: BETA, RSQR, RESI."""
    y = a[C]
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
        _, std = _moments(a[C_FINITE], first, n)
        if not std <= CALM:
            rsquare = xy / xx * (xy / yy)
    out[_BETA + k] = slope / c
    out[_RSQR + k] = rsquare
    out[_RESI + k] = resi / c


@njit(error_model="numpy")
def _extremes(a, first, n, c, d, k, out):  # type: ignore[no-untyped-def]
    h, lo = a[H], a[L]
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
    out[_RSV + k] = (c - low) / (high - low + EPS)
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
    out[_CORR + k] = _correlation(a[C_FINITE], a[LOG_V], first, n)
    out[_CORD + k] = _correlation(a[RETURN], a[LOG_DV], first, n)


@njit(error_model="numpy")
def _correlation(x, y, first, n):  # type: ignore[no-untyped-def]
    _, std_x = _moments(x, first, n)
    _, std_y = _moments(y, first, n)
    if std_x <= CALM or std_y <= CALM:
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
    out[at_up] = up / (path + EPS)
    out[at_down] = down / (path + EPS)
    out[at_both] = (up - down) / (path + EPS)
