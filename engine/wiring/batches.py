"""The newest batches of predictions, kept for who asks later why a model said what it said."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MAX_BYTES = 16 << 20
_PER_SYMBOL = 100
"""Bytes of a name and its place, at most."""


class Batch(NamedTuple):
    """What one version of a model predicted of all symbols at one bar close."""

    ns: int
    """Of the bar close, by the desk's clock."""
    version: str
    symbols: tuple[str, ...]
    rows: Floats
    """(symbols, 158) features; of ``of`` only where that is set."""
    predictions: Floats
    """(symbols,) raw."""
    scores: Floats
    """(symbols,) normalised: mean 0, deviation 0.02."""
    of: tuple[int, ...] | None = None
    """Positions of the symbols whose features are still there; None: all."""

    def row(self, position: int) -> Floats | None:
        """The features of the symbol at ``position``; None: they are gone."""
        if self.of is None:
            found: Floats = self.rows[position]
            return found
        return self.rows[self.of.index(position)] if position in self.of else None


class Batches:
    """Two rings, each bounded by bytes: of the newest batches, whole, the very newest whatever its size; and
    of those that led to an order, with the features of the symbols that did."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._ring: deque[Batch] = deque()
        self._bytes = 0
        self._marked: dict[int, Batch] = {}
        self._marked_bytes = 0

    def __len__(self) -> int:
        return len(self._ring)

    def __iter__(self) -> Iterator[Batch]:
        """Those that led to an order, then the newest; each oldest first."""
        return chain(self._marked.values(), self._ring)

    def add(self, batch: Batch) -> None:
        self._ring.append(batch)
        self._bytes += _size(batch)
        while self._bytes > self._max_bytes and len(self._ring) > 1:
            self._bytes -= _size(self._ring.popleft())

    def get(self, ns: int = 0) -> Batch | None:
        """The batch of the bar close at ``ns``, 0: the newest; None when it is not kept any more."""
        if not ns:
            return self._ring[-1] if self._ring else None
        return next((batch for batch in reversed(self._ring) if batch.ns == ns), self._marked.get(ns))

    def mark(self, symbol: str, version: str, said_ns: int) -> None:
        """What ``version`` said of ``symbol`` at ``said_ns`` led to an order: its batch is kept longer."""
        batch = next(
            (one for one in reversed(self._ring) if one.version == version and one.ns <= said_ns), None
        )
        if batch is None or symbol not in batch.symbols:
            return
        before = self._marked.pop(batch.ns, None)
        position = batch.symbols.index(symbol)
        places = (position,) if before is None or before.of is None else (*before.of, position)
        if before is not None:
            self._marked_bytes -= _size(before)
        of = tuple(sorted(set(places)))
        marked = self._marked[batch.ns] = batch._replace(rows=batch.rows[list(of)], of=of)
        self._marked_bytes += _size(marked)
        while self._marked_bytes > self._max_bytes and len(self._marked) > 1:
            self._marked_bytes -= _size(self._marked.pop(next(iter(self._marked))))


def _size(batch: Batch) -> int:
    arrays = batch.rows.nbytes + batch.predictions.nbytes + batch.scores.nbytes
    return int(arrays) + _PER_SYMBOL * len(batch.symbols)
