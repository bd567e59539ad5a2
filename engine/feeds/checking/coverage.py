"""Messages of books that no book could take: what they say was not checked, which is told."""

from __future__ import annotations

import re
from collections import Counter

BOOK_KINDS = frozenset({"depth", "depthUpdate", "l2update", "l2_data", "snapshot", "book", "books"})
_BOOK_OF = re.compile(r'"(?:product_id|instId|symbol|s)"\s*:\s*"([^"]{1,40})"')
_BOOK_OF_V1 = re.compile(r'"book-\d+"\s*,\s*"([^"]{1,40})"\s*\]\s*$')
_ANSWER = re.compile(r'\s*\{[^{}]{0,60}"(?:method|op|success)"\s*:')
"""To a request, as Kraken's, which names the channel too."""
_MOST = 10_000
"""Symbols."""


def is_book(kind: str, raw: str) -> bool:
    """A message of a channel that tells a book's levels, or their changes."""
    known = kind in BOOK_KINDS or (kind.startswith(("book", "orderbook")) and kind != "bookTicker")
    return known and not _ANSWER.match(raw[:120])


def native_of(raw: str) -> str:
    """Whose book a message tells of, "" where it does not say."""
    found = _BOOK_OF_V1.search(raw[-80:]) if raw.startswith("[") else _BOOK_OF.search(raw)
    return found[1] if found else ""


class Coverage:
    """Of one connection."""

    def __init__(self) -> None:
        self.built: set[str] = set()
        """Symbols that had a book."""
        self.after_fault = 0
        """Messages that came after a book was found wrong, and before it was whole again."""
        self._waiting: Counter[str] = Counter()
        self._live: set[str] = set()

    def message(self, native: str, live: bool) -> None:
        """A message of a book came; ``live``: the book is there, and holds it."""
        if live:
            self.whole(native)
        elif native in self._live:
            self._live.discard(native)  # this one was checked: it is what was found wrong
        elif native in self.built:
            self.after_fault += 1
        elif native in self._waiting or len(self._waiting) < _MOST:
            self._waiting[native] += 1

    def whole(self, native: str) -> None:
        """The book is there: it holds what came before, or is younger."""
        self._live.add(native)
        self.built.add(native)
        self._waiting.pop(native, None)

    def never_built(self) -> Counter[str]:
        """Messages by symbol, of which no book was ever built."""
        return self._waiting
