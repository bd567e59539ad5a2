"""Whether a book's best levels are those that the venue tells by another channel.

Both are numbered by the venue in one sequence, but come at their own pace: what a book is compared with is
the last ticker that is not younger than it. Off unless a decoder is given one: it is for looking at captures.
"""

from __future__ import annotations

from collections import deque

from engine.feeds.book import Best

_KEPT = 4096
"""Tickers of a symbol that no book has caught up with."""


class Agreement:
    """Counts comparisons; ``differed`` of them did not agree in a price or a size."""

    def __init__(self) -> None:
        self.compared = 0
        self.differed = 0
        self._tickers: dict[str, deque[tuple[int, Best]]] = {}

    def ticker(self, symbol: str, number: int, best: Best) -> None:
        """The venue's own best bid and offer, as of update ``number``."""
        tickers = self._tickers.get(symbol)
        if tickers is None:
            tickers = self._tickers[symbol] = deque(maxlen=_KEPT)
        tickers.append((number, best))

    def book(self, symbol: str, number: int, best: Best) -> None:
        """The best levels of a book that holds all updates up to ``number``."""
        tickers = self._tickers.get(symbol)
        if not tickers or tickers[0][0] > number:
            return
        while len(tickers) > 1 and tickers[1][0] <= number:
            tickers.popleft()
        self.compared += 1
        self.differed += tickers[0][1] != best
