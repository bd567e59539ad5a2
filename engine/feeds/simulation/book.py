"""The limit-order book: sizes (lots) at prices (ticks), two sides that never cross."""

from __future__ import annotations

from bisect import bisect_left, insort


class BookSide:
    """One side, best price last.

    A *key* is ``price * sign`` (sign +1 for bids, -1 for asks): a greater key is a better price on both
    sides, so one code serves the two.
    """

    __slots__ = ("_keys", "_lots", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self._keys: list[int] = []
        self._lots: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def best(self) -> int:
        """The best price, ticks. The side must not be empty."""
        return self._keys[-1] * self.sign

    def levels(self) -> list[tuple[int, int]]:
        """(price, lots), best first."""
        return [(key * self.sign, self._lots[key]) for key in reversed(self._keys)]

    def best_levels(self, count: int) -> list[tuple[int, int]]:
        """The first ``count`` (above zero) of ``levels``."""
        return [(key * self.sign, self._lots[key]) for key in self._keys[: -count - 1 : -1]]

    def add(self, price: int, lots: int) -> None:
        """Rest ``lots`` more at ``price``."""
        key = price * self.sign
        if key in self._lots:
            self._lots[key] += lots
        else:
            insort(self._keys, key)
            self._lots[key] = lots

    def take(self, lots: int) -> list[tuple[int, int]]:
        """Execute up to ``lots`` against the displayed sizes, best first: the (price, lots) executed."""
        fills = []
        while lots > 0 and self._keys:
            key = self._keys[-1]
            there = self._lots[key]
            done = min(lots, there)
            fills.append((key * self.sign, done))
            if done == there:
                self._keys.pop()
                del self._lots[key]
            else:
                self._lots[key] = there - done
            lots -= done
        return fills

    def lots_better(self, price: float, levels: int) -> int:
        """Lots displayed at prices strictly better than ``price``, in the first ``levels`` levels."""
        limit, total = price * self.sign, 0
        for key in self._keys[: -levels - 1 : -1]:
            if key <= limit:
                break
            total += self._lots[key]
        return total

    def cancel(self, depth: int, share: float) -> None:
        """Withdraw a share (0 to 1, at least one lot) of the ``depth``-th level; 0 is the best."""
        at = len(self._keys) - 1 - depth
        key = self._keys[at]
        lots = self._lots[key]
        left = min(int(lots * (1.0 - share)), lots - 1)
        if left > 0:
            self._lots[key] = left
        else:
            del self._keys[at]
            del self._lots[key]

    def withdraw_better(self, price: float) -> None:
        """Withdraw every level that is strictly better than ``price``."""
        limit = price * self.sign
        while self._keys and self._keys[-1] > limit:
            del self._lots[self._keys.pop()]

    def withdraw_worse(self, price: int) -> None:
        """Withdraw every level that is strictly worse than ``price``."""
        limit, keys = price * self.sign, self._keys
        if keys and keys[0] < limit:
            count = bisect_left(keys, limit)
            for key in keys[:count]:
                del self._lots[key]
            del keys[:count]


class Book:
    """Both sides of one symbol."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(+1)
        self.asks = BookSide(-1)

    def rest(self, sign: int, price: int, lots: int) -> int:
        """Rest a limit order (sign +1 bid, -1 ask); a price that would cross rests one tick short of it.

        Returns the price at which it rests.
        """
        side, opposite = (self.bids, self.asks) if sign > 0 else (self.asks, self.bids)
        if len(opposite):
            price = min(price, opposite.best - 1) if sign > 0 else max(price, opposite.best + 1)
        side.add(price, lots)
        return price

    def top(self) -> tuple[int, int, int, int]:
        """(bid, bid lots, ask, ask lots). Both sides must hold a level."""
        bids, asks = self.bids, self.asks
        bid, ask = bids._keys[-1], asks._keys[-1]
        return bid, bids._lots[bid], -ask, asks._lots[ask]
