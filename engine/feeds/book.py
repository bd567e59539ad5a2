"""One order book as its venue tells it: levels in the wire's own decimal text, best first on each side.

Nothing is rounded: the text is what a checksum needs, and what ``Decimal`` reads exactly. Floats are only
the keys by which levels are found and sorted.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal

Text = tuple[str, str]
"""(price, quantity) as sent."""
Level = tuple[float, float]
Best = tuple[float, float, float, float]
"""(bid, bid size, ask, ask size)"""

MOST = 10_000
"""Levels kept a side where the venue's own depth is not limited."""


class Side:
    """Levels of one side, best first; ``sign`` +1 for asks, -1 for bids: a key is the price times it."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.keys: list[float] = []
        self.levels: dict[float, Text] = {}

    def set(self, level: Text) -> None:
        """Quantity 0 removes. Raises ValueError for what is no price or no quantity."""
        price, quantity = level
        key, size = self.sign * float(price), float(quantity)
        if not (0.0 < self.sign * key < math.inf and 0.0 <= size < math.inf):
            raise ValueError(f"not a level of a book: {price[:40]} {quantity[:40]}")
        if size == 0.0:
            if self.levels.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
            return
        if key not in self.levels:
            self.keys.insert(bisect_left(self.keys, key), key)
        self.levels[key] = level

    def truncate(self, depth: int) -> None:
        if len(self.keys) > depth:
            for key in self.keys[depth:]:
                del self.levels[key]
            del self.keys[depth:]

    def top(self, count: int) -> tuple[Level, ...]:
        """The best levels as floats: (price, size), best first."""
        sign, levels = self.sign, self.levels
        return tuple((sign * key, float(levels[key][1])) for key in self.keys[:count])


class Book:
    """``depth``: the levels a side that the venue keeps in step; what is pushed beyond them is forgotten."""

    __slots__ = ("asks", "bids", "depth")

    def __init__(self, depth: int = MOST) -> None:
        self.depth = depth
        self.bids, self.asks = Side(-1.0), Side(1.0)

    def apply(self, bids: Iterable[Text], asks: Iterable[Text]) -> None:
        """Set levels (price text, quantity text). Raises ValueError for what is none: the book is then
        wrong, and must be thrown away."""
        for level in bids:
            self.bids.set(level)
        for level in asks:
            self.asks.set(level)
        self.bids.truncate(self.depth)
        self.asks.truncate(self.depth)

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
        found = (side.levels[key] for key in side.keys[:count])
        return [(Decimal(price), Decimal(quantity)) for price, quantity in found]
