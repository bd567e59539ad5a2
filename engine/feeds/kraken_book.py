"""One Kraken order book, kept to the subscribed depth and checked by the venue's CRC32.

Checksum rule (https://docs.kraken.com/api/docs/guides/spot-ws-book-v2): of the ten best asks, low to high,
then the ten best bids, high to low: price and quantity as decimal text without the point and leading zeros,
all joined, CRC32. Trailing zeros count, so levels keep the wire's text. A recorder that re-serialised the
numbers has lost them: text is padded to the most decimals seen in this book, a no-op on the wire's own
text.
"""

from __future__ import annotations

import math
import zlib
from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal

_CHECKED = 10
_MAX_EXPONENT = 30


class _Side:
    """Levels of one side, best first; ``sign`` +1 for asks, -1 for bids."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.keys: list[float] = []
        self.levels: dict[float, tuple[str, str, str]] = {}
        """key -> price text, quantity text, both as checksum digits."""

    def put(self, key: float, level: tuple[str, str, str]) -> None:
        if key not in self.levels:
            self.keys.insert(bisect_left(self.keys, key), key)
        self.levels[key] = level

    def remove(self, key: float) -> None:
        if self.levels.pop(key, None) is not None:
            del self.keys[bisect_left(self.keys, key)]

    def truncate(self, depth: int) -> None:
        for key in self.keys[depth:]:
            del self.levels[key]
        del self.keys[depth:]


class Book:
    """A book of one symbol. ``depth`` is the subscribed one: levels beyond it are not kept by the venue."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._asks, self._bids = _Side(1.0), _Side(-1.0)
        self._price_decimals = self._quantity_decimals = 0

    def apply(self, asks: Iterable[tuple[str, str]], bids: Iterable[tuple[str, str]]) -> None:
        """Set levels (price text, quantity text); quantity 0 removes. Raises ValueError for what is no
        number."""
        self._apply(self._asks, asks)
        self._apply(self._bids, bids)

    def _apply(self, side: _Side, levels: Iterable[tuple[str, str]]) -> None:
        for price, quantity in levels:
            key = side.sign * float(price)
            if not math.isfinite(key):
                raise ValueError(f"not a price: {price[:40]}")
            if float(quantity) == 0:
                side.remove(key)
            else:
                price, quantity = _plain(price), _plain(quantity)
                self._widen(price, quantity)
                side.put(key, (price, quantity, self._digits(price, quantity)))
        side.truncate(self.depth)

    def _widen(self, price: str, quantity: str) -> None:
        price_decimals, quantity_decimals = _decimals(price), _decimals(quantity)
        if price_decimals <= self._price_decimals and quantity_decimals <= self._quantity_decimals:
            return
        self._price_decimals = max(self._price_decimals, price_decimals)
        self._quantity_decimals = max(self._quantity_decimals, quantity_decimals)
        for side in (self._asks, self._bids):
            for key, (p, q, _) in side.levels.items():
                side.levels[key] = (p, q, self._digits(p, q))

    def _digits(self, price: str, quantity: str) -> str:
        price += "0" * (self._price_decimals - _decimals(price))
        quantity += "0" * (self._quantity_decimals - _decimals(quantity))
        return price.replace(".", "").lstrip("0") + quantity.replace(".", "").lstrip("0")

    def checksum(self) -> int:
        parts = [side.levels[key][2] for side in (self._asks, self._bids) for key in side.keys[:_CHECKED]]
        return zlib.crc32("".join(parts).encode())

    @property
    def crossed(self) -> bool:
        """The best bid is not below the best ask: updates were lost, or wrong."""
        return bool(self._asks.keys and self._bids.keys and -self._bids.keys[0] >= self._asks.keys[0])

    def best(self) -> tuple[float, float, float, float] | None:
        """(bid, bid size, ask, ask size); None while a side is empty or the book is crossed."""
        if not self._asks.keys or not self._bids.keys or self.crossed:
            return None
        ask, bid = self._asks.keys[0], -self._bids.keys[0]
        return bid, float(self._bids.levels[-bid][1]), ask, float(self._asks.levels[ask][1])


def _plain(text: str) -> str:
    """Without an exponent (``1E-8`` -> ``0.00000001``)."""
    if "e" not in text and "E" not in text:
        return text
    number = Decimal(text)
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise ValueError(f"not a price or quantity: {text[:40]}")
    return format(number, "f")


def _decimals(text: str) -> int:
    point = text.find(".")
    return 0 if point < 0 else len(text) - point - 1
