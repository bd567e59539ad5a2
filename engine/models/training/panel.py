"""The panel: feature rows of many symbols with their labels, aligned by time.

A row's features are those of its symbol's own last 61 bars, as on a live desk: filled bars count as bars, and
where bars are missing the windows reach further back. Symbols may lack any bars: a row is there where its 61
bars and its label are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from engine.errors import ModelError
from engine.features.alpha158 import HISTORY, WIDTH, alpha158_block
from engine.models.training.label import Floats, Series, Times, forward, moments, normalised

Progress = Callable[[float, str], None]
"""Gets a share in [0, 1] and what is being done."""

ROW_BYTES = WIDTH * (8 + 2) + 64
"""Of a row while it is trained on: its features, LightGBM's bins of them, its label."""
_LIBRARIES_BYTES = 200 << 20
_SAMPLE_ROWS, _SAMPLE_BYTES = 200_000, WIDTH * 16
"""Of which LightGBM makes its bins, and whose spread is kept for drift; its default."""
_BAR_BYTES = 80
_CHUNK = 4096
"""Windows that are copied at a time."""


class Panel(msgspec.Struct, frozen=True):
    """Rows in the order of time, then symbol. A step is an index of ``axis``."""

    symbols: tuple[str, ...]
    """Sorted."""
    axis: Times
    """Open times (ns) of all bars of all symbols, rising; of bars of a day or more, the first of each day."""
    interval_s: float
    horizon: int
    """Bars."""
    every: int
    """Only every so many steps have rows."""
    step: Times
    """(n,), rising."""
    symbol: Times
    """(n,): index of ``symbols``."""
    features: Floats
    """(n, 158)"""
    labels: Floats
    """(n,), none of them NaN"""
    returns: Floats
    """(n,): what the labels were made of"""
    end_ns: Times
    """(n,): when the label's last bar ends"""

    def rows(self, first: int, until: int) -> slice:
        """The rows of the steps ``first <= step < until``."""
        low, high = np.searchsorted(self.step, (first, until)).tolist()
        return slice(low, high)


def fixed_bytes(bars: int) -> int:
    """What is taken whatever ``every`` is."""
    return _LIBRARIES_BYTES + min(bars, _SAMPLE_ROWS) * _SAMPLE_BYTES + bars * _BAR_BYTES


def thinning(bars: int, memory_bytes: int) -> int:
    """The least ``every`` with which that many bars fit into the memory; 0: none does."""
    left = memory_bytes - fixed_bytes(bars)
    return -(-bars * ROW_BYTES // left) if left > 0 else 0


def build(
    bars: Mapping[str, Series], *, interval_s: float, horizon: int, every: int = 1, progress: Progress
) -> Panel:
    """The panel of ``bars`` by symbol. ``every``: rows of every so many time steps only; the windows and
    labels of these rest on all bars.

    Raises ModelError for fewer than two symbols, a horizon below 1, and bars without a single label.
    """
    if horizon < 1:
        raise ModelError("the horizon must be at least 1 bar")
    if every < 1:
        raise ModelError("every must be at least 1: one row of so many steps")
    symbols = tuple(sorted(bars))
    if len(symbols) < 2:
        raise ModelError("training ranks symbols against each other: give at least 2")
    axis = np.unique(np.concatenate([bars[symbol].open_ns for symbol in symbols]))
    axis = axis[np.unique(moments(axis, interval_s), return_index=True)[1]]
    step, symbol, at, returns, end_ns = _rows(symbols, bars, axis, interval_s, horizon, every)
    labels = normalised(returns, step)
    known = np.isfinite(labels)
    if not known.any():
        _refuse(bars, horizon)
    step, symbol, at = step[known], symbol[known], at[known]
    features = np.empty((len(step), WIDTH))
    for index, name in enumerate(symbols):
        progress(index / len(symbols), "computing features")
        rows = np.flatnonzero(symbol == index)
        _features(bars[name].values, at[rows], rows, features)
    progress(1.0, "computing features")
    return Panel(
        symbols, axis, interval_s, horizon, every, step, symbol, features,
        labels[known], returns[known], end_ns[known],
    )  # fmt: skip


def _rows(
    symbols: tuple[str, ...],
    bars: Mapping[str, Series],
    axis: Times,
    interval_s: float,
    horizon: int,
    every: int,
) -> tuple[Times, Times, Times, Floats, Times]:
    """Step, symbol, position among its bars, return and label's end of all rows that have a return."""
    parts: list[tuple[npt.NDArray[np.int64], ...]] = []
    gains = []
    for index, name in enumerate(symbols):
        series = bars[name]
        later = forward(series, axis, interval_s, horizon)
        steps = np.searchsorted(moments(axis, interval_s), moments(series.open_ns, interval_s))
        use = np.isfinite(later.returns) & (steps % every == 0)
        use[: HISTORY - 1] = False
        use[:-1] &= steps[1:] != steps[:-1]  # of two bars of one day the later one
        at = np.flatnonzero(use)
        parts.append((steps[at], np.full(len(at), index, np.int64), at, later.end_ns[at]))
        gains.append(later.returns[at])
    step, symbol, at, end_ns = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((symbol, step))
    return step[order], symbol[order], at[order], np.concatenate(gains)[order], end_ns[order]


def _features(values: Floats, at: Times, rows: Times, out: Floats) -> None:
    """Features of the bars ``at`` (each with 60 before it) of one symbol, into ``rows`` of ``out``."""
    if not len(at):
        return
    windows = sliding_window_view(values, HISTORY, axis=0).transpose(0, 2, 1)
    for start in range(0, len(at), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        out[rows[chunk]] = alpha158_block(windows[at[chunk] - (HISTORY - 1)])


def _refuse(bars: Mapping[str, Series], horizon: int) -> None:
    longest = max(len(series.open_ns) for series in bars.values())
    if longest < HISTORY + horizon:
        raise ModelError(
            f"too little data: {longest} bars at most, a first label needs {HISTORY + horizon}; "
            "train on a longer time"
        )
    raise ModelError(
        "the bars do not move against each other at the same times: there is nothing to learn; "
        "take other symbols or longer bars"
    )
