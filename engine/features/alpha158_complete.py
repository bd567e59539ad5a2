"""Alpha158's windows over 61 bars none of whose values is missing: the usual case (compiled).

What ``alpha158_windows`` computes one sum after another runs side by side here, without a look for gaps. Each
sum adds the same numbers in the same order, so the results are the same to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.features.alpha158_columns import AT, HISTORY, WINDOWS
from engine.features.alpha158_scratch import CALM, EPS, LOG_DV, LOG_V, MOVE, RETURN, C, H, L, V

_D = np.array(WINDOWS, np.int64)
_MA, _STD, _BETA, _RSQR, _RESI, _MAX, _MIN, _RSV = (
    AT[name] for name in ("MA", "STD", "BETA", "RSQR", "RESI", "MAX", "MIN", "RSV")
)
_IMAX, _IMIN, _IMXD, _CORR, _CORD, _CNTP, _CNTN, _CNTD = (
    AT[name] for name in ("IMAX", "IMIN", "IMXD", "CORR", "CORD", "CNTP", "CNTN", "CNTD")
)
_SUMP, _SUMN, _SUMD, _VMA, _VSTD, _WVMA, _VSUMP, _VSUMN, _VSUMD = (
    AT[name] for name in ("SUMP", "SUMN", "SUMD", "VMA", "VSTD", "WVMA", "VSUMP", "VSUMN", "VSUMD")
)


@njit(error_model="numpy")
def complete_windows(a, out):  # type: ignore[no-untyped-def]
    """All groups but ROC and the order statistics, for each window."""
    _extremes_and_counts(a[C], a[H], a[L], out)
    for k in range(len(_D)):
        _moments(a, HISTORY - _D[k], float(_D[k]), k, out)
        _paths(a[C], a[V], HISTORY - _D[k], k, out)


@njit(error_model="numpy")
def _moments(a, first, count, k, out):  # type: ignore[no-untyped-def]
    """Means and deviations, relative to each window's first value, and what rests on them."""
    c, v, m, g, r, q = a[C], a[V], a[MOVE], a[LOG_V], a[RETURN], a[LOG_DV]
    c0, v0, m0, g0, r0, q0 = c[first], v[first], m[first], g[first], r[first], q[first]
    sum_x = sum_c = sum_v = sum_m = sum_g = sum_r = sum_q = 0.0
    for i in range(first, HISTORY):
        sum_x += i
        sum_c += c[i] - c0
        sum_v += v[i] - v0
        sum_m += m[i] - m0
        sum_g += g[i] - g0
        sum_r += r[i] - r0
        sum_q += q[i] - q0
    mean_x, mean_c, mean_v, mean_m = sum_x / count, sum_c / count, sum_v / count, sum_m / count
    mean_g, mean_r, mean_q = sum_g / count, sum_r / count, sum_q / count
    xx = cc = vv = mm = gg = rr = qq = xc = cg = rq = 0.0
    for i in range(first, HISTORY):
        dx, dc = i - mean_x, (c[i] - c0) - mean_c
        dv, dm = (v[i] - v0) - mean_v, (m[i] - m0) - mean_m
        dg, dr, dq = (g[i] - g0) - mean_g, (r[i] - r0) - mean_r, (q[i] - q0) - mean_q
        xx += dx * dx
        cc += dc * dc
        vv += dv * dv
        mm += dm * dm
        gg += dg * dg
        rr += dr * dr
        qq += dq * dq
        xc += dx * dc
        cg += dc * dg
        rq += dr * dq
    last, volume = c[HISTORY - 1], v[HISTORY - 1]
    std_c = np.sqrt(cc / (count - 1.0))
    out[_MA + k] = (c0 + mean_c) / last
    out[_STD + k] = std_c / last
    out[_VMA + k] = (v0 + mean_v) / (volume + EPS)
    out[_VSTD + k] = np.sqrt(vv / (count - 1.0)) / (volume + EPS)
    out[_WVMA + k] = np.sqrt(mm / (count - 1.0)) / ((m0 + mean_m) + EPS)
    slope = xc / xx
    out[_BETA + k] = slope / last
    out[_RSQR + k] = np.nan if std_c <= CALM else xc / xx * (xc / cc)
    out[_RESI + k] = (((last - c0) - mean_c) - slope * (HISTORY - 1 - mean_x)) / last
    calm_c = std_c <= CALM or np.sqrt(gg / (count - 1.0)) <= CALM
    out[_CORR + k] = np.nan if calm_c else cg / (np.sqrt(cc) * np.sqrt(gg))
    calm_r = np.sqrt(rr / (count - 1.0)) <= CALM or np.sqrt(qq / (count - 1.0)) <= CALM
    out[_CORD + k] = np.nan if calm_r else rq / (np.sqrt(rr) * np.sqrt(qq))


@njit(error_model="numpy")
def _paths(c, v, first, k, out):  # type: ignore[no-untyped-def]
    """Shares of the upward and downward path in the whole path, of closes and of volumes."""
    up_c = down_c = path_c = up_v = down_v = path_v = 0.0
    for i in range(first, HISTORY):
        dc, dv = c[i] - c[i - 1], v[i] - v[i - 1]
        up_c += max(dc, 0.0)
        down_c += max(-dc, 0.0)
        path_c += abs(dc)
        up_v += max(dv, 0.0)
        down_v += max(-dv, 0.0)
        path_v += abs(dv)
    out[_SUMP + k] = up_c / (path_c + EPS)
    out[_SUMN + k] = down_c / (path_c + EPS)
    out[_SUMD + k] = (up_c - down_c) / (path_c + EPS)
    out[_VSUMP + k] = up_v / (path_v + EPS)
    out[_VSUMN + k] = down_v / (path_v + EPS)
    out[_VSUMD + k] = (up_v - down_v) / (path_v + EPS)


@njit(error_model="numpy")
def _extremes_and_counts(c, h, lo, out):  # type: ignore[no-untyped-def]
    """The windows are nested: one walk back from the newest bar. Of equal extremes the oldest counts."""
    last = c[HISTORY - 1]
    high, low = h[HISTORY - 1], lo[HISTORY - 1]
    high_at = low_at = HISTORY - 1
    up = down = 0
    i = HISTORY - 1
    for k in range(len(_D)):
        d = _D[k]
        first = HISTORY - d
        while i >= first:
            if h[i] >= high:
                high, high_at = h[i], i
            if lo[i] <= low:
                low, low_at = lo[i], i
            up += c[i] > c[i - 1]
            down += c[i] < c[i - 1]
            i -= 1
        out[_MAX + k] = high / last
        out[_MIN + k] = low / last
        out[_RSV + k] = (last - low) / (high - low + EPS)
        imax, imin = float(high_at - first + 1), float(low_at - first + 1)
        out[_IMAX + k] = imax / d
        out[_IMIN + k] = imin / d
        out[_IMXD + k] = (imax - imin) / d
        out[_CNTP + k] = up / d
        out[_CNTN + k] = down / d
        out[_CNTD + k] = out[_CNTP + k] - out[_CNTN + k]
