"""Drift: how the features' live values differ from those of training, as a population stability index.

For each feature the training's values are cut into ten bins at their deciles; the eleventh bin is of the
missing ones. With the share ``a`` of live rows in a bin and ``e`` of the training's, PSI is the sum of
(a - e) ln(a / e): below 0.1 the two are alike, above 0.25 they are of another distribution.

Of finitely many rows the index is never zero: n live rows against m of training, all independent and of the
same distribution, give about (bins - 1)(1/n + 1/m). Rows of closes that lie nearer together than the widest
window share its bars and say less, so both are counted once per window. What is not clearly beyond that
noise says nothing yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.features.alpha158 import HISTORY, WIDTH
from engine.kernels import kernel, warm

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

EDGES, BINS = 9, 10
SHARES = BINS + 1
"""The last one is of missing values."""
REFERENCE_BYTES = 8 * WIDTH * (EDGES + SHARES)
FLOOR = 1e-4
"""Least share of a bin: an empty one must not make the index infinite."""
MIN_ROWS = 100
"""Live rows below which nothing is said: the index of a few rows is noise."""
CLEAR = 3.0
"""So many times its mean, or deviations, the noise exceeds about once in a thousand (chi-squared, ten degrees
of freedom)."""
WINDOW_BARS = HISTORY - 1
"""The widest of the features' windows."""
_CHUNKS = 50
"""Steps in which the window of live rows moves on."""


def reference(rows: npt.NDArray[Any]) -> bytes:
    """How feature rows (n, 158) are spread, for ``Manifest.reference``; b"" of none.

    (158, 20) little-endian float64: nine inner edges, deciles of the values (NaN left out; all NaN where a
    feature has no value), then the shares of all rows in the ten bins, and of missing ones. A value belongs
    to the first bin whose upper edge is not below it.
    """
    if rows.ndim != 2 or rows.shape[1] != WIDTH:
        raise ValueError(f"rows of shape {rows.shape}: a reference is of (n, {WIDTH})")
    if not len(rows):
        return b""
    spread = np.empty((WIDTH, EDGES + SHARES))
    for feature in range(WIDTH):
        values = np.ascontiguousarray(rows[:, feature], np.float64)
        values = values[~np.isnan(values)]
        # deciles that are values themselves: between two infinite ones nothing can be interpolated
        at = (np.arange(1, BINS) * len(values) + BINS - 1) // BINS - 1
        spread[feature, :EDGES] = np.partition(values, at)[at] if len(values) else np.nan
    spread[:, EDGES:] = histogram(rows, spread[:, :EDGES]) / len(rows)
    return spread.astype("<f8").tobytes()


def histogram(rows: npt.NDArray[Any], edges: Floats) -> Counts:
    """Rows (n, 158) in each bin of each feature: (158, 11), with the nine ``edges`` of each."""
    counts = np.zeros((WIDTH, SHARES), np.int64)
    _count(np.ascontiguousarray(rows, np.float64), np.ascontiguousarray(edges), counts)
    return counts


def read_reference(packed: bytes) -> tuple[Floats, Floats]:
    """(edges (158, 9), shares (158, 11)) of a manifest's ``reference``.

    Raises ModelError for what is none.
    """
    if len(packed) != REFERENCE_BYTES:
        raise ModelError(f"the distribution of the training has {len(packed)} bytes, not {REFERENCE_BYTES}")
    spread = np.frombuffer(packed, "<f8").reshape(WIDTH, EDGES + SHARES).astype(np.float64)
    edges, shares = spread[:, :EDGES], spread[:, EDGES:]
    known = ~np.isnan(edges).any(axis=1)
    if (edges[known, 1:] < edges[known, :-1]).any():
        raise ModelError("the distribution of the training has edges that do not rise")
    if not ((shares >= 0.0) & (shares <= 1.0)).all() or (np.abs(shares.sum(axis=1) - 1.0) > 1e-6).any():
        raise ModelError("the distribution of the training has shares that do not sum to 1")
    return edges, shares


def untold(packed: bytes) -> Counts:
    """The features, by number, that no row of the training had a value of; none for an empty ``reference``.

    Raises ModelError for what is none.
    """
    if not packed:
        return np.empty(0, np.int64)
    _, shares = read_reference(packed)
    return np.flatnonzero(shares[:, -1] == 1.0)


def psi(shares: Floats, counts: Counts) -> Floats:
    """Index of each feature (158,): training's ``shares`` against live ``counts``, both (158, 11).

    NaN without a live row. Of n rows of the same distribution it is about 10 / n.
    """
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        live = np.where(total > 0, np.maximum(counts / total, FLOOR), np.nan)
    trained = np.maximum(shares, FLOOR)
    found: Floats = ((live - trained) * np.log(live / trained)).sum(axis=1)
    return found


class Drift:
    """Live rows of one model against the ``reference`` of its training: the newest ``rows``, or a little
    more (2 %). Raises ModelError for a reference that is none.

    A symbol has a row every ``every_bars`` bars; the training had ``trained_rows`` of them, one each bar (0:
    so many that they add no noise).
    """

    def __init__(self, packed: bytes, rows: int, *, every_bars: int = 1, trained_rows: int = 0) -> None:
        self._edges, self._shares = read_reference(packed)
        self._overlap = max(1.0, WINDOW_BARS / every_bars)
        self._trained = WINDOW_BARS / trained_rows if trained_rows > 0 else 0.0
        self._limit = rows
        self._chunk = max(1, rows // _CHUNKS)
        self._chunks: deque[tuple[int, Counts]] = deque()
        self._counts = np.zeros((WIDTH, SHARES), np.int64)
        self.rows = 0
        """Live rows that are compared."""

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Take live rows (n, 158)."""
        counts = histogram(rows, self._edges)
        if self._chunks and self._chunks[-1][0] < self._chunk:
            count, sums = self._chunks[-1]
            self._chunks[-1] = count + len(rows), sums + counts
        else:
            self._chunks.append((len(rows), counts))
        self._counts += counts
        self.rows += len(rows)
        while self.rows - self._chunks[0][0] >= self._limit:
            count, old = self._chunks.popleft()
            self._counts -= old
            self.rows -= count

    def psi(self) -> Floats:
        """Of each feature (158,); NaN before the first ``MIN_ROWS``. 0 of one that training had no value of:
        the model does not see it."""
        if self.rows < MIN_ROWS:
            return np.full(WIDTH, np.nan)
        return np.where(self._shares[:, -1] == 1.0, 0.0, psi(self._shares, self._counts))

    def noise(self) -> Floats:
        """Index of each feature (158,) that chance alone seldom exceeds in so many rows; infinite without."""
        if not self.rows:
            return np.full(WIDTH, np.inf)
        rows, expected = self.rows / self._overlap, self._shares
        free = np.maximum((expected > 0).sum(axis=1) - 1, 1)
        # a bin that no row fell into adds more than small deviations do, by its floor
        empty = (1.0 - expected) ** rows
        adds = np.where(expected > FLOOR, expected * np.log(np.maximum(expected, FLOOR) / FLOOR), 0.0)
        mean, variance = empty * adds, empty * (1.0 - empty) * adds**2
        found: Floats = CLEAR * free * (1.0 / rows + self._trained)
        found += mean.sum(axis=1) + CLEAR * np.sqrt(variance.sum(axis=1))
        return found

    def drifted(self, limit: float) -> int:
        """Features whose index is ``limit`` or more, and beyond its noise."""
        index = self.psi()
        return int(((index >= limit) & (index > self.noise())).sum())

    def missing(self) -> Floats:
        """Share of live values that are missing, of each feature (158,); 0 without rows."""
        share: Floats = self._counts[:, -1] / max(1, self.rows)
        return share


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        _count(np.zeros((0, WIDTH)), np.zeros((WIDTH, EDGES)), np.zeros((WIDTH, SHARES), np.int64))

    warm(exercise, "drift", report)


@kernel
def _count(rows: Any, edges: Any, counts: Any) -> None:
    for row in range(rows.shape[0]):
        for feature in range(rows.shape[1]):
            value = rows[row, feature]
            if value != value:
                counts[feature, SHARES - 1] += 1
                continue
            place = 0
            for edge in range(EDGES):
                place += value > edges[feature, edge]
            counts[feature, place] += 1
