"""Does a book without sequence numbers still agree with the venue's ticker?

Both channels tell of the same market, but race: the ticker of a trade comes before or after the change of
the book that the trade made, and books are told in batches. So a ticker agrees when each of its prices lies
within those that were best in the book from a second before it to a second after; only when several do not,
in a row and for a while, is the book believed to have missed a change. A ticker is judged by the next change
of the book, or, where none comes any more, by a ticker of some seconds later.
"""

from __future__ import annotations

from collections import deque

from engine.events import NS
from engine.feeds.book import Best

DISAGREES = "does not agree with the venue's ticker"
"""Why such a book is wrong."""
_RACE_NS = NS
_DOUBTS = 3
_DOUBT_NS = 5 * NS
"""So many disagreements in a row, over so long, make a book wrong."""
_STANDS_NS = 5 * NS
"""A ticker that is older than another by so much is judged though the book has not changed since."""
_STATES = 256
"""Best prices remembered of a book: more than a venue tells in two seconds."""


class _Doubt:
    __slots__ = ("begin_ns", "count", "since_ns", "states", "ticker")

    def __init__(self, begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self.states: deque[tuple[int, float, float]] = deque(maxlen=_STATES)
        """(since when, best bid, best ask), by the venue's time."""
        self.ticker: tuple[int, float, float] | None = None
        """(when, bid, ask): to be judged when the book has gone on for long enough."""
        self.count = 0
        self.since_ns = 0


class TickerCheck:
    """Prices only: sizes change too often to race well. At most one ticker of a symbol waits at a time."""

    def __init__(self) -> None:
        self.compared = 0
        self.differed = 0
        """Of those compared."""
        self._doubts: dict[str, _Doubt] = {}

    def begin(self, symbol: str, event_ns: int) -> None:
        """A snapshot: tickers from before it are no judges of it."""
        self._doubts[symbol] = _Doubt(event_ns)

    def ticker(self, symbol: str, bid: float, ask: float, event_ns: int) -> bool:
        """The venue's best prices at ``event_ns``. False: the book must be believed to be wrong."""
        doubt = self._doubts.get(symbol)
        if doubt is None or event_ns < doubt.begin_ns:
            return True
        right = True
        if doubt.ticker is not None and event_ns > doubt.ticker[0] + _STANDS_NS:
            right = self._judge(doubt, *doubt.ticker)
            doubt.ticker = None
        if doubt.ticker is None:
            doubt.ticker = event_ns, bid, ask
        return right

    def changed(self, symbol: str, event_ns: int, best: Best | None) -> bool:
        """The book has these best levels since ``event_ns``. False: it must be believed to be wrong."""
        doubt = self._doubts.get(symbol)
        if doubt is None or best is None:
            return True
        right = True
        if doubt.ticker is not None and event_ns > doubt.ticker[0] + _RACE_NS:
            right = self._judge(doubt, *doubt.ticker)
            doubt.ticker = None
        bid, ask = best[0], best[2]
        states = doubt.states
        if not states or states[-1][1] != bid or states[-1][2] != ask:
            states.append((event_ns, bid, ask))
        return right

    def _judge(self, doubt: _Doubt, at_ns: int, bid: float, ask: float) -> bool:
        first = 0
        for number, (since_ns, _, _) in enumerate(doubt.states):
            if since_ns <= at_ns - _RACE_NS:
                first = number
        near = [state for state in list(doubt.states)[first:] if state[0] <= at_ns + _RACE_NS]
        self.compared += 1
        bids, asks = [state[1] for state in near], [state[2] for state in near]
        if not near or (min(bids) <= bid <= max(bids) and min(asks) <= ask <= max(asks)):
            doubt.count = 0
            return True
        self.differed += 1
        if not doubt.count:
            doubt.since_ns = at_ns
        doubt.count += 1
        return doubt.count < _DOUBTS or at_ns - doubt.since_ns < _DOUBT_NS
