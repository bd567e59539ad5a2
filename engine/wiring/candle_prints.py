"""Which bars that a source tells are believed, and the print that one of a polled symbol becomes.

Bars of a symbol that no socket brings (venue ``poll``) are its price: each closed one is one print at its
close in the features, and since it has no quote, risk denies its entries.
"""

from __future__ import annotations

from engine.events import Candle, Trade
from engine.feeds.sources.collection import VENUE
from engine.instruments import venue_of
from engine.market.candle_check import CandleCheck

POLLED = VENUE
"""The venue of symbols that polling sources bring."""
TRACE = 1e-12
"""Size of the print that a bar without a volume becomes: the price counts, and no volume."""
MOST_SERIES = 10_000


class CandleBelief:
    """The checks of all series of bars: of a symbol, an interval, a source."""

    def __init__(self, daily_return_pct: float) -> None:
        self._daily_return_pct = daily_return_pct
        self._checks: dict[tuple[str, int, str], CandleCheck] = {}

    def check(self, candle: Candle) -> str:
        """Why the bar, open or closed, is not believed; "" when it is."""
        key = candle.symbol, candle.interval_s, candle.source
        check = self._checks.get(key)
        if check is None:
            if len(self._checks) >= MOST_SERIES:
                self._checks.pop(next(iter(self._checks)))
            check = self._checks[key] = CandleCheck(self._daily_return_pct)
        return check.check(candle, candle.recv_ns, closed=False)


def polled(candle: Candle) -> bool:
    """Whether it is all that is known of its symbol's price."""
    return venue_of(candle.symbol) == POLLED


def print_of(candle: Candle) -> Trade | None:
    """What a believed bar of a polled symbol is to the features; None while it is open."""
    if not candle.closed:
        return None
    size = candle.volume if candle.volume > 0.0 else TRACE
    return Trade(candle.symbol, -1, candle.close, size, 0, candle.event_ns, candle.recv_ns)
