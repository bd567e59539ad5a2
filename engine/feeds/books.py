"""The books of one connection: which are right, and what is published of them.

A decoder knows its venue's rules (sequence, checksum, snapshot) and tells here what became of a book; what
goes out from here is the same for every venue: a ``BookStatus`` within the very message that breaks a book
or mends it, never a level of a book that is wrong, ``Depth`` a few times a second, and quotes where the venue
has no channel of its own for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from engine.events import BookStatus, Depth, MarketEvent, Quote
from engine.feeds.book import MOST, Best, Book, Text

PUBLISH_NS = 100_000_000
"""``Depth`` of one symbol at most this often, by receive time."""
QUOTE_NS = 1_000_000_000
"""A quote so old by the venue's time is told again by a change of the book that leaves it: it still holds."""


class _Kept:
    __slots__ = ("best", "book", "event_ns", "published_ns", "quoted_ns")

    def __init__(self, book: Book) -> None:
        self.book = book
        self.best: Best | None = None
        self.event_ns = 0
        self.published_ns = 0
        self.quoted_ns = 0


class Books:
    """``levels`` a side are published, 0: none. ``quotes``: the top of each book is the symbol's quote."""

    def __init__(self, levels: int, *, quotes: bool) -> None:
        self._levels = levels
        self._quotes = quotes
        self._kept: dict[str, _Kept] = {}
        self._broken: dict[str, int] = {}
        self._due: dict[str, None] = {}
        self._unquoted: dict[str, str] = {}
        """Symbols whose quote is no more, because a side of the book is empty: which."""
        self.resyncs = 0
        """Books found wrong."""
        self.crossed = 0
        """Of those: crossed."""

    def get(self, symbol: str) -> Book | None:
        """The book, while it is right; None before its snapshot and while it is wrong."""
        kept = self._kept.get(symbol)
        return None if kept is None else kept.book

    def __len__(self) -> int:
        """How many are right."""
        return len(self._kept) - len(self._unquoted)

    @property
    def kept(self) -> int:
        """How many are kept in step, those among them that cannot quote."""
        return len(self._kept)

    @property
    def symbols(self) -> Set[str]:
        """Of the books that are right."""
        return self._kept.keys() - self._unquoted.keys() if self._unquoted else self._kept.keys()

    @property
    def quotes(self) -> bool:
        """The top of each book is the symbol's quote."""
        return self._quotes

    @property
    def broken(self) -> dict[str, int]:
        """Symbols whose book is wrong, and how often it was found so since it was last right."""
        return self._broken

    def begin(self, symbol: str, bids: Iterable[Text], asks: Iterable[Text], depth: int = MOST) -> Book:
        """A snapshot replaces the book as a whole. Raises ValueError: the book is then gone.

        It counts as right once ``changed`` was told of it: sequence and checksum can be looked at before.
        """
        self._kept.pop(symbol, None)
        self._due.pop(symbol, None)
        book = Book(depth)
        book.apply(bids, asks)
        self._kept[symbol] = _Kept(book)
        return book

    def changed(self, symbol: str, event_ns: int, recv_ns: int, out: list[MarketEvent]) -> bool:
        """The book of ``symbol`` was replaced or updated, and is right by the venue's rules.

        Publishes what is due. False when it is crossed all the same: it is then broken, as by ``fail``, and
        must be asked for anew.
        """
        kept = self._kept[symbol]
        best = kept.book.best()
        if best is None and kept.book.crossed:
            self.crossed += 1
            self.fail(symbol, "is crossed", recv_ns, out)
            return False
        kept.event_ns = event_ns
        if best is None and self._quotes:
            self._unquote(symbol, kept, recv_ns, out)
            return True
        if self._broken.pop(symbol, 0) or self._unquoted.pop(symbol, ""):
            out.append(BookStatus(symbol, True, "", self._quotes, recv_ns))
        told = best == kept.best and event_ns - kept.quoted_ns < QUOTE_NS
        if self._quotes and best is not None and not told:
            kept.best, kept.quoted_ns = best, event_ns
            out.append(Quote(symbol, *best, event_ns, recv_ns))
        if self._levels:
            if recv_ns - kept.published_ns >= PUBLISH_NS or recv_ns < kept.published_ns:
                self._publish(symbol, kept, recv_ns, out)
            else:
                self._due[symbol] = None
        return True

    def _unquote(self, symbol: str, kept: _Kept, recv_ns: int, out: list[MarketEvent]) -> None:
        """The book is as the venue has it, and still what was quoted of it holds no more."""
        self._due.pop(symbol, None)
        self._broken.pop(symbol, None)
        kept.best = None
        sides = kept.book.bids.keys, kept.book.asks.keys
        reason = "is empty" if not any(sides) else "has no bids" if not sides[0] else "has no asks"
        if self._unquoted.get(symbol) != reason:
            self._unquoted[symbol] = reason
            out.append(BookStatus(symbol, False, reason, True, recv_ns))

    def fail(self, symbol: str, reason: str, recv_ns: int, out: list[MarketEvent]) -> int:
        """The book is wrong: it is thrown away and said to be so. Returns how often in a row."""
        self._kept.pop(symbol, None)
        self._due.pop(symbol, None)
        self._unquoted.pop(symbol, None)
        times = self._broken[symbol] = self._broken.get(symbol, 0) + 1
        self.resyncs += 1
        if times == 1:
            out.append(BookStatus(symbol, False, reason, self._quotes, recv_ns))
        return times

    def flush(self, now_ns: int, out: list[MarketEvent]) -> None:
        """Publish what changed since and was held back, once it is due: call it a few times a second."""
        due = [
            symbol for symbol in self._due if not 0 <= now_ns - self._kept[symbol].published_ns < PUBLISH_NS
        ]
        for symbol in due:
            self._publish(symbol, self._kept[symbol], now_ns, out)

    def _publish(self, symbol: str, kept: _Kept, recv_ns: int, out: list[MarketEvent]) -> None:
        self._due.pop(symbol, None)
        kept.published_ns = recv_ns
        bids, asks = kept.book.bids.top(self._levels), kept.book.asks.top(self._levels)
        out.append(Depth(symbol, bids, asks, kept.event_ns, recv_ns))
