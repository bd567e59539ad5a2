"""One order book as its venue tells it: levels in the wire's own decimal text, best first on each side.

Nothing is rounded: the text is what a checksum needs, and what ``Decimal`` reads exactly. Floats are only
the keys by which levels are found and sorted.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal
from heapq import nsmallest

Text = tuple[str, str]
"""(price, quantity) as sent."""
Level = tuple[float, float]
Best = tuple[float, float, float, float]
"""(bid, bid size, ask, ask size)"""

MOST = 10_000
"""Levels kept a side where the venue's own depth is not limited."""
_SORTED = 128
"""Of those, so many of the best are kept in order: most that is told of a deep book is far from its top."""


class Side:
    """Levels of one side; ``sign`` +1 for asks, -1 for bids: a key is the price times it.

    ``keys`` are the best of them in order, best first: all of a book of limited depth, else at least a
    quarter of ``_SORTED`` or of what ``first`` was last asked for.
    """

    __slots__ = ("_edge", "_limited", "_sorted", "keys", "levels", "sign")

    def __init__(self, sign: float, limited: bool = True) -> None:
        self.sign = sign
        self.keys: list[float] = []
        self.levels: dict[float, Text] = {}
        self._limited = limited
        self._sorted = _SORTED
        self._edge = math.inf
        """Keys up to here are in ``keys``."""

    def set(self, level: Text) -> None:
        """Quantity 0 removes. Raises ValueError for what is no price or no quantity."""
        self.update((level,))

    def update(self, levels: Iterable[Text]) -> None:
        """Set one after another; see ``set``."""
        sign, keys, held, edge = self.sign, self.keys, self.levels, self._edge
        for level in levels:
            price, size = float(level[0]), float(level[1])
            if not (0.0 < price < math.inf and 0.0 <= size < math.inf):
                raise ValueError(f"not a level of a book: {level[0][:40]} {level[1][:40]}")
            key = sign * price
            if size == 0.0:
                if held.pop(key, None) is not None and key <= edge:
                    del keys[bisect_left(keys, key)]
                continue
            if key <= edge and key not in held:
                insort(keys, key)
            held[key] = level
        if not self._limited:
            self._settle()

    def _settle(self) -> None:
        """Keep a number of keys in order that is neither too small to be of use nor costly."""
        keys = self.keys
        if len(keys) > 2 * self._sorted:
            del keys[self._sorted :]
            self._edge = keys[-1]
        elif self._edge < math.inf and len(keys) < self._sorted // 4:
            self.keys = nsmallest(self._sorted, self.levels)
            self._edge = self.keys[-1] if len(self.keys) < len(self.levels) else math.inf

    def first(self, count: int) -> list[float]:
        """The keys of the best ``count`` levels, or of all."""
        if len(self.keys) < count and self._edge < math.inf:
            self._sorted = 4 * count
            self._settle()
        return self.keys[:count]

    def truncate(self, depth: int) -> None:
        """Forget what is beyond the best ``depth`` levels."""
        if len(self.levels) > depth:
            self.keys = nsmallest(depth, self.levels) if self._edge < math.inf else self.keys[:depth]
            levels = self.levels
            self.levels = {key: levels[key] for key in self.keys}
            self._edge = math.inf

    def top(self, count: int) -> tuple[Level, ...]:
        """The best levels as floats: (price, size), best first."""
        sign, levels = self.sign, self.levels
        return tuple([(sign * key, float(levels[key][1])) for key in self.first(count)])


class Book:
    """``depth``: the levels a side that the venue keeps in step; what is pushed beyond them is forgotten."""

    __slots__ = ("asks", "bids", "depth")

    def __init__(self, depth: int = MOST) -> None:
        self.depth = depth
        self.bids, self.asks = Side(-1.0, depth < MOST), Side(1.0, depth < MOST)

    def apply(self, bids: Iterable[Text], asks: Iterable[Text]) -> None:
        """Set levels (price text, quantity text). Raises ValueError for what is none: the book is then
        wrong, and must be thrown away."""
        self.bids.update(bids)
        self.asks.update(asks)
        depth = self.depth
        most = depth if depth < MOST else depth + depth // 4  # cut now and then only: it costs a sort
        for side in (self.bids, self.asks):
            if len(side.levels) > most:
                side.truncate(depth)

    @property
    def crossed(self) -> bool:
        """The best bid is not below the best ask: updates were lost, or wrong."""
        bids, asks = self.bids.keys, self.asks.keys
        return bool(bids and asks and -bids[0] >= asks[0])

    def best(self) -> Best | None:
        """None while a side is empty or the book is crossed."""
        bids, asks = self.bids, self.asks
        if not bids.keys or not asks.keys or -bids.keys[0] >= asks.keys[0]:
            return None
        bid, ask = bids.keys[0], asks.keys[0]
        return -bid, float(bids.levels[bid][1]), ask, float(asks.levels[ask][1])

    def exact(self, side: Side, count: int) -> list[tuple[Decimal, Decimal]]:
        """The best levels of ``bids`` or ``asks`` as they were told."""
        found = (side.levels[key] for key in side.first(count))
        return [(Decimal(price), Decimal(quantity)) for price, quantity in found]
