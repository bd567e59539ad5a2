"""What the rules of a live desk's alerts see of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.alerts.sight import Chance, FeedSight, Prices
from engine.events import NS, FeedState
from engine.feeds.base import Watched
from engine.instruments import venue_of
from engine.portfolio.exact import multiply
from engine.wiring.market_news import POLLED

if TYPE_CHECKING:
    from engine.wiring.desk import Desk

_FLOWING = frozenset({FeedState.UP, FeedState.POLLING})
_MOST_BARS = 120
"""Closed bars that one look takes in: more have gone by only where the engine stood still."""
_VALUED_NS = 60 * NS
_NAN = math.nan
_UNKNOWN = Prices(_NAN, _NAN, _NAN)
_Range = tuple[float, float]
"""(high, low); NaN: nothing was traded."""


class DeskSight:
    """Implements ``engine.alerts.sight.Sight``. ``begin`` is called before each look."""

    def __init__(self, desk: Desk, feeds: Callable[[], Sequence[Watched]]) -> None:
        self._desk, self._feeds = desk, feeds
        self._seen: dict[str, tuple[int, float, float]] = {}
        """The open bar at the last look, by symbol: its number, its high, its low."""
        self._prices: dict[str, Prices] = {}
        self._feed_sights: list[FeedSight] | None = None
        self._began_ns = 0
        self._found = 0
        self._chances: list[Chance] = []
        self._newest = ""

    def begin(self, symbols: set[str]) -> None:
        before, self._seen = self._seen, {}
        self._feed_sights = None
        self._prices = {symbol: self._read(symbol, before.get(symbol)) for symbol in symbols}
        self._began_ns = self._began_ns or self._desk.now_ns
        self._take_chances()

    def forget(self) -> None:
        """Nobody looks: what goes by until somebody does again is not told."""
        self._seen.clear()

    def _read(self, symbol: str, before: tuple[int, float, float] | None) -> Prices:
        desk = self._desk
        instrument, candle = desk.instruments.get(symbol), desk.news.candles.get(symbol)
        if instrument is None:
            return _UNKNOWN
        index, now_ns = instrument.index, desk.now_ns
        if candle is not None and venue_of(symbol) == POLLED:
            # Bars are all that is told of it.
            self._seen[symbol] = candle.open_ns, candle.high, candle.low
            low, high = _passed([(candle.high, candle.low)], before, same=candle.open_ns)
            silent = bool(desk.freshness.reason(index, now_ns, desk.limits.stale_ns))
            return Prices(candle.close, _NAN, _NAN, low, high, silent)
        bid, _, ask, _, last = desk.features.live_quote(index)
        seen = self._seen[symbol] = desk.features.open_bar(index)
        low, high = _NAN, _NAN
        if before is not None and seen != before:
            number, *ends = seen
            new = min(number - before[0], _MOST_BARS)
            closed = desk.features.bars(index, new).tolist() if new else ()
            ranges = [*((bar[1], bar[2]) for bar in closed), (ends[0], ends[1])]
            low, high = _passed(ranges, before, same=number - len(closed))
        age_ns, fault = desk.freshness.look(index, now_ns)
        if fault:
            bid = ask = _NAN  # not to be believed
        return Prices(last, bid, ask, low, high, age_ns is None or age_ns > desk.limits.stale_ns)

    def _take_chances(self) -> None:
        count = self._desk.signals.opportunities
        self._chances = []
        if count == self._found:
            return
        recent = self._desk.signals.aggregator.recent(max(1, min(count - self._found, 100)))
        self._found = count
        for one, _ in recent:
            if one.opportunity_id == self._newest:
                break
            self._chances.append(Chance(one.created_ns, one.symbol, one.side.value, one.score, one.sources))
        self._newest = recent[0][0].opportunity_id if recent else ""

    # --- Sight -----------------------------------------------------------------------------------

    def prices(self, symbol: str) -> Prices:
        return self._prices.get(symbol, _UNKNOWN)

    def score(self, symbol: str) -> float | None:
        return self._desk.signals.blender.score(symbol, self._desk.now_ns)

    def opportunities(self) -> Sequence[Chance]:
        return self._chances

    def day_pnl(self) -> float | None:
        pnl = self._desk.trading.ledger.day_pnl(self._desk.now_ns)
        return _number(pnl) if self._account_is_valued() else None

    def drawdown_pct(self) -> float | None:
        return self._desk.trading.ledger.drawdown_pct() if self._account_is_valued() else None

    def unrealized(self, symbol: str) -> float | None:
        ledger = self._desk.trading.ledger
        if not ledger.quantity(symbol) or symbol in ledger.unvalued():
            return None
        rate = ledger.balances.rate(ledger.position(symbol).currency)
        return None if rate is None else _number(multiply(ledger.unrealized(symbol), rate))

    def _account_is_valued(self) -> bool:
        """After a start positions are worth their last fill until prices come. One that never comes must not
        keep silent what the others lose."""
        return not self._desk.trading.ledger.unvalued() or self._desk.now_ns - self._began_ns >= _VALUED_NS

    def feeds(self) -> Sequence[FeedSight]:
        if self._feed_sights is None:
            feeds = ((feed.venue, feed.stats) for feed in self._feeds())
            self._feed_sights = [
                FeedSight(venue, stats.state in _FLOWING, stats.last_data_ns, stats.state.value)
                for venue, stats in feeds
                if stats.state is not FeedState.ENDED
            ]
        return self._feed_sights


def _passed(ranges: Sequence[_Range], before: tuple[int, float, float] | None, *, same: int) -> _Range:
    """(low, high) of what went by since ``before``; NaN: of nothing is known that it did.

    ``ranges``: of the bars since, the oldest first, and ``same`` its number: of the bar that was open before,
    only what reaches farther than it did then is news.
    """
    if before is None:
        return _NAN, _NAN
    number, top, bottom = before
    highs, lows = [high for high, _ in ranges], [low for _, low in ranges]
    if number == same:
        if highs[0] <= top:
            highs[0] = _NAN
        if lows[0] >= bottom:
            lows[0] = _NAN
    return (
        min((low for low in lows if low == low), default=_NAN),
        max((high for high in highs if high == high), default=_NAN),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
