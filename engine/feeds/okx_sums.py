"""Which single trades OKX's socket told as parts of a sum: REST tells them one by one."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable

_SUMS = 1024
"""Remembered per symbol: more than a page of REST holds."""


class Sums:
    """Trades that the socket told as part of a sum: REST's single ones among them are not new."""

    def __init__(self) -> None:
        self._ranges: dict[str, deque[tuple[int, int]]] = {}

    def add(self, native: str, first_id: int, last_id: int) -> None:
        ranges = self._ranges.get(native)
        if ranges is None:
            ranges = self._ranges[native] = deque(maxlen=_SUMS)
        ranges.append((last_id, first_id))

    def parts(self, native: str, ids: Iterable[int]) -> set[int]:
        """Those of ``ids`` that are in a sum, but for its last one, which is the sum's own."""
        ranges = sorted(set(self._ranges.get(native, ())))
        found = set()
        for one in ids:
            at = bisect_right(ranges, (one, 1 << 63))
            if at < len(ranges) and ranges[at][1] <= one:
                found.add(one)
        return found
