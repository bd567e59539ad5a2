"""Durations counted into fixed buckets since the start: what a scrape of the metrics reads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Histogram:
    """One writer, any readers: a reader may see a duration in ``counts`` that is not in ``total_s`` yet.

    ``bounds_s``: the upper, inclusive bounds of the buckets in seconds, rising; above the last is one more.
    """

    __slots__ = ("_bounds_ns", "_counts", "_total_ns", "bounds_s")

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self.bounds_s = tuple(bounds_s)
        self._bounds_ns = [round(bound * 1e9) for bound in bounds_s]
        self._counts = [0] * (len(self.bounds_s) + 1)
        self._total_ns = 0

    def add(self, ns: int) -> None:
        """Count a duration of so many nanoseconds."""
        self._counts[bisect_left(self._bounds_ns, ns)] += 1
        self._total_ns += ns

    @property
    def counts(self) -> list[int]:
        """Of each bound: how many took at most that long; the last is how many there are."""
        return list(accumulate(self._counts))

    @property
    def total_s(self) -> float:
        """All durations together, in seconds."""
        return self._total_ns / 1e9
