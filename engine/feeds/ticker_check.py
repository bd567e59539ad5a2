"""Does a book without sequence numbers still agree with the venue's ticker?

Both channels tell of the same market, but race: the ticker of a trade comes before or after the change of
the book that the trade made, and books are told in batches. So a ticker may be met by the book as it is, or
as it becomes within a second; only when neither happens, several times in a row and for a while, is the book
believed to have missed a change.
"""

from __future__ import annotations

from engine.events import NS
from engine.feeds.book import Best

_RACE_NS = NS
"""So much later than the ticker, by the venue's clock, the book has certainly caught up with it."""
_DOUBTS = 3
_DOUBT_NS = 5 * NS
"""So many disagreements in a row, over so long, make a book wrong."""


class _Doubt:
    __slots__ = ("ask", "bid", "book_ns", "count", "event_ns", "since_ns")

    def __init__(self, book_ns: int) -> None:
        self.book_ns = book_ns
        self.event_ns = -1
        """Of the ticker that the book has not met yet; -1: none."""
        self.bid = self.ask = 0.0
        self.count = 0
        self.since_ns = 0


class TickerCheck:
    """Prices only: sizes change too often to race well."""

    def __init__(self) -> None:
        self.compared = 0
        """Tickers that a book met, or should have."""
        self.differed = 0
        """Those that it did not meet."""
        self._doubts: dict[str, _Doubt] = {}

    def begin(self, symbol: str, event_ns: int) -> None:
        """A snapshot: tickers from before it are no judges of it."""
        self._doubts[symbol] = _Doubt(event_ns)

    def ticker(self, symbol: str, bid: float, ask: float, event_ns: int, best: Best | None) -> None:
        """The venue's best prices at ``event_ns``, and the book's as it is."""
        doubt = self._doubts.get(symbol)
        if doubt is None:
            return
        if event_ns < doubt.book_ns and (best is None or (bid, ask) != (best[0], best[2])):
            return  # the book has moved on, or begun after it
        doubt.event_ns, doubt.bid, doubt.ask = event_ns, bid, ask
        self._meet(doubt, best)

    def changed(self, symbol: str, event_ns: int, best: Best | None) -> bool:
        """The book changed. False: it must be believed to be wrong."""
        doubt = self._doubts.get(symbol)
        if doubt is None:
            return True
        doubt.book_ns = max(doubt.book_ns, event_ns)
        if doubt.event_ns < 0 or self._meet(doubt, best) or event_ns <= doubt.event_ns + _RACE_NS:
            return True
        self.compared += 1
        self.differed += 1
        if not doubt.count:
            doubt.since_ns = doubt.event_ns
        doubt.count += 1
        doubt.event_ns = -1
        return doubt.count < _DOUBTS or event_ns - doubt.since_ns < _DOUBT_NS

    def _meet(self, doubt: _Doubt, best: Best | None) -> bool:
        if best is None or best[0] != doubt.bid or best[2] != doubt.ask:
            return False
        doubt.event_ns, doubt.count = -1, 0
        self.compared += 1
        return True
