"""Alpha158: 158 features of a symbol's newest bar, from its last 61 bars.

The definition is qlib's Alpha158 (microsoft/qlib, ``Alpha158DL`` with lag-0 prices, no VOLUME0, windows
5, 10, 20, 30 and 60, raw values without processors). Each window is evaluated directly, mean first and
deviations second: qlib's own running sums drift with the place where a series happens to start.

Training, backtest and live call the same compiled function on the same 61 bars, so they agree bit for bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import FeaturesConfig
from engine.features.alpha158_columns import HISTORY, NAMES, WIDTH
from engine.features.alpha158_scratch import SCRATCH
from engine.features.alpha158_windows import newest
from engine.features.memory import bars_of, desk_at, rows_of
from engine.features.state import BARS_KEPT, new_desk
from engine.kernels import kernel, warm

__all__ = [
    "HISTORY",
    "NAMES",
    "SCHEMA_HASH",
    "WIDTH",
    "alpha158",
    "alpha158_block",
    "alpha158_live",
    "alpha158_rings",
    "alpha158_series",
    "compile_kernels",
    "schema_hash",
]

Floats = npt.NDArray[np.float64]

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


def alpha158_live(indices: npt.NDArray[np.int64], address: int) -> Floats:
    """Features of the newest bar of the symbols ``indices``, out of the bars that a FeatureEngine keeps.

    ``address``: of that engine. Each symbol has at least 61 closed bars. Equal to ``alpha158`` of those.
    """
    out = np.empty((len(indices), WIDTH))
    _live(indices, address, out)
    return out


def alpha158_rings(rings: Floats, rows: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> Floats:
    """Features of the newest bar of each of ``rows``: shape (rows, 158).

    ``rings`` (symbols, slots, 6), slots a power of two >= 61: bar number ``n`` of a symbol is in slot ``n``
    mod slots. ``counts``: how many bars each of ``rows`` had so far, >= 61. Equal to ``alpha158`` of those.
    """
    slots = rings.shape[1]
    if slots < HISTORY or slots & (slots - 1):
        raise ValueError(f"rings of {slots} bars: it must be a power of two, and 61 at least")
    if len(rows) and (rows.min() < 0 or rows.max() >= len(rings) or counts.min() < HISTORY):
        raise ValueError("rows must be those of rings, and each must have 61 bars")
    out = np.empty((len(rows), WIDTH))
    _rings(rings, rows, counts, out)
    return out


def alpha158_series(bars: npt.NDArray[Any]) -> Floats:
    """Features of every bar of one symbol's ``bars`` (n, 6): shape (n, 158)."""
    rows = _rows(bars, 2)
    out = np.empty((len(rows), WIDTH))
    _series(rows, out)
    return out


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the live kernel ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        _block(np.ones((1, 1, 6)), np.ones(1, np.int64), np.empty((1, WIDTH)))
        none = np.zeros(0, np.int64)
        _rings(np.ones((1, 64, 6)), none, none, np.empty((0, WIDTH)))
        _live(none, int(new_desk(FeaturesConfig(), 1.0).ctypes.data), np.empty((0, WIDTH)))

    warm(exercise, "alpha158", report)


def _rows(bars: npt.NDArray[Any], dimensions: int) -> Floats:
    if bars.ndim != dimensions or bars.shape[-1] != 6 or bars.shape[-2] < 1:
        raise ValueError(f"bars of shape {bars.shape}: rows must be open, high, low, close, volume, vwap")
    return np.ascontiguousarray(bars, np.float64)


# --- compiled ------------------------------------------------------------------------------------


@kernel
def _one(bars: Any, out: Any) -> None:
    newest(bars, bars.shape[0], np.empty((SCRATCH, HISTORY)), out)


@kernel
def _block(bars: Any, counts: Any, out: Any) -> None:
    scratch = np.empty((SCRATCH, HISTORY))
    n = bars.shape[1]
    for s in range(bars.shape[0]):
        if counts[s] == 0:
            out[s, :] = np.nan
        else:
            newest(bars[s, n - counts[s] :], counts[s], scratch, out[s])


@kernel
def _live(indices: Any, address: int, out: Any) -> None:
    desk = desk_at(address)
    state, kept = rows_of(desk), bars_of(desk)
    scratch, bars = np.empty((SCRATCH, HISTORY)), np.empty((HISTORY, 6))
    for position in range(len(indices)):
        if indices[position] < 0 or indices[position] >= desk.count:
            raise IndexError("a symbol that was not added")
        ring, first = kept[indices[position]], state[indices[position]].bar_count - HISTORY
        for n in range(HISTORY):
            bar = ring[(first + n) & (BARS_KEPT - 1)]
            for column in range(6):
                bars[n, column] = bar[column]
        newest(bars, HISTORY, scratch, out[position])


@kernel
def _rings(rings: Any, rows: Any, counts: Any, out: Any) -> None:
    scratch, bars = np.empty((SCRATCH, HISTORY)), np.empty((HISTORY, 6))
    last = rings.shape[1] - 1
    for position in range(len(rows)):
        ring, first = rings[rows[position]], counts[position] - HISTORY
        for n in range(HISTORY):
            for column in range(6):
                bars[n, column] = ring[(first + n) & last, column]
        newest(bars, HISTORY, scratch, out[position])


@kernel
def _series(bars: Any, out: Any) -> None:
    scratch = np.empty((SCRATCH, HISTORY))
    for t in range(bars.shape[0]):
        newest(bars, t + 1, scratch, out[t])
