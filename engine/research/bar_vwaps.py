"""What bars that are played tell of their vwap: the prints that stand for them have another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.events import NS
from engine.research.bar_ticks import Floats, Integers, Series

_VWAP = 5


class BarVwaps:
    def __init__(self, series: Sequence[Series], interval_s: int, before: Sequence[Series] = ()) -> None:
        """``series``: by index of their symbols; ``before`` likewise, of a warm-up."""
        parts = [*before, *series]
        counts = [len(one.begin_ns) for one in parts]
        index = np.repeat([*range(len(before)), *range(len(series))], counts)
        begin, told = np.zeros(len(index), np.int64), np.full(len(index), np.nan)
        for until, one in zip(np.cumsum(counts).tolist(), parts, strict=True):
            here = slice(until - len(one.begin_ns), until)
            begin[here] = one.begin_ns
            if one.values.shape[1] > _VWAP:
                told[here] = one.values[:, _VWAP]
        order = np.lexsort((index, begin))
        self._ends: Integers = begin[order] + interval_s * NS
        self._index: Integers = index[order]
        self._told: Floats = told[order]

    def at(self, ns: int, indices: Integers) -> Floats:
        """Of the bars of these symbols, rising, that end at ``ns``; NaN where none is told."""
        found = np.full(len(indices), np.nan)
        first, until = np.searchsorted(self._ends, (ns, ns + 1)).tolist()
        here = self._index[first:until]
        places = np.minimum(np.searchsorted(indices, here), max(0, len(indices) - 1))
        known = indices[places] == here if len(indices) else np.zeros(len(here), np.bool_)
        found[places[known]] = self._told[first:until][known]
        return found
