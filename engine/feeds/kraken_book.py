"""Kraken's checksum of a book.

Rule (https://docs.kraken.com/api/docs/guides/spot-ws-book-v2): of the ten best asks, low to high, then the
ten best bids, high to low: price and quantity as decimal text without the point and leading zeros, all
joined, CRC32. Trailing zeros count, so the book keeps the wire's text. A recorder that re-serialised the
numbers has lost them: text is padded to the most decimals seen in this book, a no-op on the wire's own text.
"""

from __future__ import annotations

import zlib
from decimal import Decimal

from engine.feeds.book import Book, Text

_CHECKED = 10
_MAX_EXPONENT = 30
_REMEMBERED = 1000
_LONGEST = 64


class Checksum:
    """Of one book, from its snapshot on."""

    __slots__ = ("_decimals", "_digits")

    def __init__(self) -> None:
        self._decimals = 0, 0
        """Of prices and of quantities, the most seen."""
        self._digits: dict[Text, str] = {}
        """What a level contributes. Most of the twenty are the same as the last time."""

    def of(self, book: Book) -> int:
        """Raises ValueError for a number that no market has."""
        levels, known = book.asks.levels, self._digits
        top = [levels[key] for key in book.asks.keys[:_CHECKED]]
        levels = book.bids.levels
        top += [levels[key] for key in book.bids.keys[:_CHECKED]]
        try:
            digits = "".join([known[level] for level in top])
        except KeyError:
            self._learn([level for level in top if level not in known])
            if not all(level in known for level in top):
                self._learn(top)  # what was known before has other decimals now
            digits = "".join([known[level] for level in top])
        return zlib.crc32(digits.encode())

    def _learn(self, new: list[Text]) -> None:
        plain = [(_plain(price), _plain(quantity)) for price, quantity in new]
        prices = max(self._decimals[0], *(_decimals(price) for price, _ in plain))
        quantities = max(self._decimals[1], *(_decimals(quantity) for _, quantity in plain))
        if (prices, quantities) != self._decimals or len(self._digits) > _REMEMBERED:
            self._digits.clear()
        self._decimals = prices, quantities
        for level, (price, quantity) in zip(new, plain, strict=True):
            self._digits[level] = _padded(price, prices) + _padded(quantity, quantities)


def _padded(text: str, decimals: int) -> str:
    text += "0" * (decimals - _decimals(text))
    return text.replace(".", "").lstrip("0")


def _plain(text: str) -> str:
    """Without an exponent (``1E-8`` -> ``0.00000001``)."""
    if len(text) > _LONGEST:
        raise ValueError(f"not a price or quantity: {text[:40]}")
    if "e" not in text and "E" not in text:
        return text
    number = Decimal(text)
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise ValueError(f"not a price or quantity: {text[:40]}")
    return format(number, "f")


def _decimals(text: str) -> int:
    point = text.find(".")
    return 0 if point < 0 else len(text) - point - 1
