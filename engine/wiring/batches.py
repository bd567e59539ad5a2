"""The newest batches of predictions, kept for who asks later why a model said what it said."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MAX_BYTES = 16 << 20
_PER_SYMBOL = 100
"""Bytes of a name and its place, about."""


class Batch(NamedTuple):
    """What one version of a model predicted of all symbols at one bar close."""

    ns: int
    """Of the bar close, by the desk's clock."""
    version: str
    symbols: tuple[str, ...]
    rows: Floats
    """(symbols, 158) features."""
    predictions: Floats
    """(symbols,) raw."""
    scores: Floats
    """(symbols,) normalised: mean 0, deviation 0.02."""


class Batches:
    """A ring bounded by bytes; the newest batch is kept whatever its size."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._ring: deque[Batch] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._ring)

    def __iter__(self) -> Iterator[Batch]:
        """Oldest first."""
        return iter(self._ring)

    def add(self, batch: Batch) -> None:
        self._ring.append(batch)
        self._bytes += _size(batch)
        while self._bytes > self._max_bytes and len(self._ring) > 1:
            self._bytes -= _size(self._ring.popleft())

    def get(self, ns: int = 0) -> Batch | None:
        """The batch of the bar close at ``ns``, 0: the newest; None when it is not kept any more."""
        if not ns:
            return self._ring[-1] if self._ring else None
        return next((batch for batch in reversed(self._ring) if batch.ns == ns), None)


def _size(batch: Batch) -> int:
    arrays = batch.rows.nbytes + batch.predictions.nbytes + batch.scores.nbytes
    return int(arrays) + _PER_SYMBOL * len(batch.symbols)
