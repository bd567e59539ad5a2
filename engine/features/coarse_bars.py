"""The newest bars of one interval, longer than the desk's own, of all symbols: what a model is fed.

They are made as the bars that are stored (``BarMerge``), and hold what is stored: a bar that is both seen
live and told by the store counts once, the better one (``Provenance``); partial and filled bars count as any
other, until a better one takes their place; where bars are missing the next one follows the last, as in a
series that is read from the store to train on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from engine.bar_merge import BarMerge, Floats, Integers, Merged
from engine.feature_table import FeatureTable
from engine.features.alpha158 import HISTORY, alpha158_rings
from engine.features.alpha158_columns import CLOSE

KEPT = 64
"""Bars of each symbol; a power of two no smaller than ``HISTORY``. With when they begin and what they rest on
they take 57 bytes each: 3.7 MB for 1,000 symbols, for each interval."""
MOST = 10_000
"""Symbols that are told of from outside; of more nothing is kept until the desk itself has their bars."""
_NO_ROW = -1
_FIRST = 64

Kinds = npt.NDArray[np.int8]


class CoarseBars:
    """Rows are by symbol name, since the store tells of symbols before their first trade; they are never
    given back, so there are as many as symbols that were told of."""

    def __init__(
        self,
        interval_s: int,
        bar_s: float,
        *,
        without: str = "",
        never_closes: Callable[[str], bool] = lambda symbol: True,
    ) -> None:
        """As ``BarMerge``: of the venue ``without`` bars are only told (``fill``). Raises ValueError where
        bars of ``bar_s`` do not make up those of ``interval_s``."""
        self.interval_s = interval_s
        self._merge = BarMerge(interval_s, bar_s, without=without, never_closes=never_closes)
        self._never_closes = never_closes
        self._interval_ns = self._merge.interval_ns
        self.on_gap = self._merge.on_gap
        self.on_feed = self._merge.on_feed
        self._row: dict[str, int] = {}
        self._row_of = np.zeros(0, np.int64)
        """By index of symbol; -1: not seen yet."""
        self._values, self._opens = np.zeros((_FIRST, KEPT, 6)), np.zeros((_FIRST, KEPT), np.int64)
        self._kinds, self._counts = np.zeros((_FIRST, KEPT), np.int8), np.zeros(_FIRST, np.int64)
        """``_counts``: how many bars each row had so far; bar ``n`` is in slot ``n`` mod ``KEPT``."""

    # --- in ---

    def take(self, table: FeatureTable, vwaps: Floats) -> None:
        """The desk's bars that closed at ``table.ns``; ``vwaps`` in the same order."""
        for merged in self._merge.take(table, vwaps):
            self._put(merged)

    def fill(self, symbol: str, open_ns: Integers, values: Floats, kinds: Kinds) -> None:
        """Stored bars of one symbol, rising: when they begin, (n, 6), and ``Provenance``. Those that are not
        held are put at their place, those that are held are replaced by what is no worse."""
        if not len(open_ns) or self._is_too_many(symbol):
            return
        row = self._take_row(symbol)
        opens, held, held_kinds = self._held(row)
        # Of two of one time the better one, else the one that is told now, is the last.
        times = np.concatenate((opens, open_ns))
        order = np.lexsort((np.arange(len(times)), np.concatenate((held_kinds, kinds)), times))
        times = times[order]
        last = order[np.append(times[1:] != times[:-1], True)][-KEPT:]
        self._opens[row, : len(last)] = np.concatenate((opens, open_ns))[last]
        self._values[row, : len(last)] = np.concatenate((held, values))[last]
        self._kinds[row, : len(last)] = np.concatenate((held_kinds, kinds))[last]
        self._counts[row] = len(last)

    def put(self, symbol: str, open_ns: int, bar: Sequence[float], kind: int) -> None:
        """``fill`` with one bar."""
        if self._is_too_many(symbol):
            return
        row = self._take_row(symbol)
        count = int(self._counts[row])
        newest = int(self._opens[row, (count - 1) & (KEPT - 1)]) if count else -1
        if open_ns > newest:
            self._counts[row] = count = count + 1
        elif open_ns < newest:
            self.fill(symbol, np.array([open_ns]), np.array([bar]), np.array([kind], np.int8))
            return
        elif kind < self._kinds[row, (count - 1) & (KEPT - 1)]:
            return
        slot = (count - 1) & (KEPT - 1)
        self._opens[row, slot], self._values[row, slot], self._kinds[row, slot] = open_ns, bar, kind

    def due(self, now_ns: int) -> None:
        """Bars that ended at or before ``now_ns`` and that no bar of the desk's closed."""
        for merged in self._merge.due(now_ns):
            self._put(merged)

    # --- out ---

    def ready(self, boundary_ns: int, least: int = HISTORY) -> Integers:
        """Indices of the symbols whose newest bar ended at ``boundary_ns`` and that have ``least`` bars."""
        known = (self._row_of != _NO_ROW).nonzero()[0]
        rows = self._row_of[known]
        counts = self._counts[rows]
        newest = self._opens[rows, (counts - 1) & (KEPT - 1)]
        found: Integers = known[(counts >= least) & (newest == boundary_ns - self._interval_ns)]
        return found

    def features(self, indices: Integers) -> Floats:
        """Alpha158 of the newest bar of symbols that are ready: (n, 158)."""
        rows = self._row_of[indices]
        return alpha158_rings(self._values, rows, self._counts[rows])

    def newest(self, indices: Integers) -> tuple[Floats, Kinds]:
        """The newest close, and what it rests on, of symbols that have a bar."""
        rows = self._row_of[indices]
        slots = (self._counts[rows] - 1) & (KEPT - 1)
        return self._values[rows, slots, CLOSE], self._kinds[rows, slots]

    def bars(self, symbol: str) -> tuple[Integers, Floats]:
        """When the bars begin that are held, and (n, 6) of open, high, low, close, volume, vwap; copies,
        oldest first."""
        row = self._row.get(symbol)
        if row is None:
            return np.zeros(0, np.int64), np.zeros((0, 6))
        opens, values, _ = self._held(row)
        return opens, values

    def missing(self) -> dict[str, int]:
        """How many bars are not there between those that the next row of features rests on, by symbol; those
        that lack none, and those of markets that close, are left out."""
        names = list(self._row)
        rows, counts = np.arange(len(names)), self._counts[: len(names)]
        due = np.minimum(counts, HISTORY)
        newest = self._opens[rows, (counts - 1) & (KEPT - 1)]
        oldest = self._opens[rows, (counts - due) & (KEPT - 1)]
        missing = np.where(due > 1, (newest - oldest) // self._interval_ns + 1 - due, 0)
        return {
            names[row]: int(missing[row]) for row in missing.nonzero()[0] if self._never_closes(names[row])
        }

    # --- inside ---

    def _put(self, merged: Merged) -> None:
        """Bars just made: nearly always newer than all that is held."""
        rows = self._rows(merged.indices)
        counts = self._counts[rows]
        newer = (counts == 0) | (self._opens[rows, (counts - 1) & (KEPT - 1)] < merged.start_ns)
        to, slots = rows[newer], counts[newer] & (KEPT - 1)
        self._opens[to, slots] = merged.start_ns
        self._values[to, slots] = merged.values[newer]
        self._kinds[to, slots] = merged.provenance[newer]
        self._counts[to] += 1
        for at in (~newer).nonzero()[0].tolist():  # the store was faster: the row is there
            name = self._merge.names[int(merged.indices[at])]
            self.put(name, merged.start_ns, merged.values[at].tolist(), int(merged.provenance[at]))

    def _held(self, row: int) -> tuple[Integers, Floats, Kinds]:
        count = int(self._counts[row])
        slots = np.arange(max(0, count - KEPT), count) & (KEPT - 1)
        return self._opens[row, slots], self._values[row, slots], self._kinds[row, slots]

    def _rows(self, indices: Integers) -> Integers:
        """The rows of symbols that were merged, rising by index."""
        highest = int(indices[-1])
        if highest >= len(self._row_of):
            more = np.full(highest + 1 - len(self._row_of), _NO_ROW)
            self._row_of = np.concatenate((self._row_of, more))
        rows = self._row_of[indices]
        for at in (rows == _NO_ROW).nonzero()[0].tolist():
            index = int(indices[at])
            rows[at] = self._row_of[index] = self._take_row(self._merge.names[index])
        return rows

    def _is_too_many(self, symbol: str) -> bool:
        return len(self._row) >= MOST and symbol not in self._row

    def _take_row(self, symbol: str) -> int:
        row = self._row.setdefault(symbol, len(self._row))
        if row == len(self._counts):
            self._values = np.concatenate((self._values, np.zeros_like(self._values)))
            self._opens = np.concatenate((self._opens, np.zeros_like(self._opens)))
            self._kinds = np.concatenate((self._kinds, np.zeros_like(self._kinds)))
            self._counts = np.concatenate((self._counts, np.zeros_like(self._counts)))
        return row
