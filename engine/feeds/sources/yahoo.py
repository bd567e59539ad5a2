"""Yahoo's chart service: bars, the last price, splits and dividends. It needs no key and promises nothing.

It is not documented; what is relied on here was read from its answers. Prices are in today's shares (adjusted
for splits, not for dividends), times are seconds since the epoch, and days begin with their session: here
they begin at 00:00 UTC of the session's date. How many requests it allows is not told: about 2,000 an hour
and address were seen to pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from engine.events import NS, Candle
from engine.feeds.base import Request, UnreachableError
from engine.feeds.rest import RefusedError
from engine.feeds.sources.budget import Limits
from engine.feeds.sources.candles import DAY_S, candle, closed_by_successor, in_order, with_price
from engine.feeds.sources.rest_source import Headers, RestSource
from engine.feeds.sources.source import Action, Dividend, Split
from engine.text import clean

_INTERVALS = {60: "1m", 300: "5m", 900: "15m", 1800: "30m", 3600: "60m", DAY_S: "1d"}
_BACK_DAYS = {60: 29, 300: 59, 900: 59, 1800: 59, 3600: 729}
"""How far back it has them; days: all."""
_PAGE_DAYS = {60: 7, 300: 30, 900: 59, 1800: 59, 3600: 365, DAY_S: 3650}
_LATEST_S = 600
_AGENT = Headers(User_Agent="Mozilla/5.0 (compatible; tickdesk)")
"""Without one of a browser's form it answers 429."""
_ACTION_ATTEMPTS = 3

Numbers = list[float | None]


class _Quote(msgspec.Struct, frozen=True):
    open: Numbers = []
    high: Numbers = []
    low: Numbers = []
    close: Numbers = []
    volume: Numbers = []


class _Indicators(msgspec.Struct, frozen=True):
    quote: list[_Quote] = []


class _Meta(msgspec.Struct, frozen=True):
    gmtoffset: int = 0
    regularMarketPrice: float | None = None
    regularMarketTime: int | None = None


class _Split(msgspec.Struct, frozen=True):
    date: int
    numerator: float
    denominator: float


class _Dividend(msgspec.Struct, frozen=True):
    date: int
    amount: float


class _Events(msgspec.Struct, frozen=True):
    splits: dict[str, _Split] = {}
    dividends: dict[str, _Dividend] = {}


class _Result(msgspec.Struct, frozen=True):
    meta: _Meta
    timestamp: list[int] | None = None
    indicators: _Indicators = _Indicators()
    events: _Events = _Events()


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    description: str | None = ""


class _Chart(msgspec.Struct, frozen=True):
    result: list[_Result] | None = None
    error: _Error | None = None


class _Body(msgspec.Struct, frozen=True):
    chart: _Chart


_body = msgspec.json.Decoder(_Body)


def read(body: bytes) -> _Result:
    """Raises RefusedError or UnreachableError for an error in ``body``, ValueError for what is no answer."""
    chart = _body.decode(body).chart
    if chart.error is not None:
        why = f"yahoo: {clean(chart.error.code, 40)}: {clean(chart.error.description or '', 100)}"
        if chart.error.code in ("Not Found", "Bad Request", "Unprocessable Entity"):
            raise RefusedError(why)
        raise UnreachableError(why)
    if not chart.result:
        raise ValueError("no result and no error")
    return chart.result[0]


def _day_ns(seconds: int, meta: _Meta) -> int:
    """00:00 UTC of the exchange's date at that time."""
    if not DAY_S <= seconds < 1 << 33 or abs(meta.gmtoffset) > DAY_S:
        raise ValueError("a time that is none")
    return (seconds + meta.gmtoffset) // DAY_S * DAY_S * NS


class Yahoo(RestSource):
    name = "yahoo"
    url = "https://query2.finance.yahoo.com"
    limits = Limits(per_minute=30)
    split_adjusted = True
    dividends_adjusted = True
    tells_actions = True
    delay_s = 3600
    """Some exchanges' prices are 20 minutes late."""
    intervals_s = frozenset(_INTERVALS)

    def latest_request(self, native: str, now_ns: int) -> Request:
        return self._request(native, 60, now_ns - _LATEST_S * NS, now_ns + 60 * NS)

    def bars_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request:
        return self._request(native, interval_s, start_ns, end_ns)

    def _request(self, native: str, interval_s: int, start_ns: int, end_ns: int, events: str = "") -> Request:
        params = [
            ("interval", _INTERVALS[interval_s]),
            ("period1", str(start_ns // NS)),
            ("period2", str(-(-end_ns // NS))),
            ("includePrePost", "false"),
        ]
        if events:
            params.append(("events", events))
        return Request(f"/v8/finance/chart/{quote(native, safe='')}", tuple(params), secret=_AGENT)

    def earliest_ns(self, interval_s: int, now_ns: int) -> int:
        days = _BACK_DAYS.get(interval_s)
        return 0 if days is None else now_ns - days * DAY_S * NS

    def page_ns(self, interval_s: int, at_ns: int) -> int:
        return at_ns + _PAGE_DAYS[interval_s] * DAY_S * NS

    def parse_latest(self, symbol: str, native: str, body: bytes, recv_ns: int) -> list[Candle]:
        result = read(body)
        bars = in_order(self._rows(symbol, 60, result, recv_ns))
        price, seconds = result.meta.regularMarketPrice, result.meta.regularMarketTime
        # A price alone closes no bar: the rows may be behind it.
        bars = closed_by_successor(bars)
        if price is not None and seconds is not None:
            at_ns = seconds * NS
            blank = candle(symbol, 60, at_ns, (price,) * 4, None, source=self.name, recv_ns=recv_ns)
            bars = with_price(bars, price, at_ns, blank)
        return bars[-3:]

    def parse_bars(
        self, symbol: str, native: str, interval_s: int, body: bytes, recv_ns: int
    ) -> list[Candle]:
        return self._rows(symbol, interval_s, read(body), recv_ns)

    def _rows(self, symbol: str, interval_s: int, result: _Result, recv_ns: int) -> list[Candle]:
        """What traded: rows of null are minutes without a trade, or of a market that is closed."""
        times = result.timestamp or []
        if not times:
            return []
        quote = result.indicators.quote[0] if result.indicators.quote else _Quote()
        columns: Sequence[Numbers] = (quote.open, quote.high, quote.low, quote.close, quote.volume)
        if any(len(column) != len(times) for column in columns):
            raise ValueError("columns of unequal length")
        bars = []
        for seconds, first, high, low, last, volume in zip(times, *columns, strict=True):
            if first is None or high is None or low is None or last is None:
                continue
            at_ns = _day_ns(seconds, result.meta) if interval_s == DAY_S else seconds * NS
            prices = (first, high, low, last)
            bars.append(candle(symbol, interval_s, at_ns, prices, volume, source=self.name, recv_ns=recv_ns))
        return bars

    async def actions(self, symbol: str, native: str, start_ns: int, end_ns: int) -> list[Action]:
        request = self._request(native, DAY_S, start_ns, end_ns, events="div,splits")
        found = await self.ask(request, parse_actions, _ACTION_ATTEMPTS)
        return [action for action in found if start_ns <= action.ns < end_ns]


def parse_actions(body: bytes) -> list[Action]:
    """Splits and dividends of an answer, in order; they count from 00:00 UTC of their date."""
    result = read(body)
    found: list[Action] = []
    for split in result.events.splits.values():
        if not (0 < split.numerator < 1e9 and 0 < split.denominator < 1e9):
            raise ValueError("a split that is none")
        found.append(Split(_day_ns(split.date, result.meta), split.numerator, split.denominator))
    for dividend in result.events.dividends.values():
        if not 0 < dividend.amount < 1e9:
            raise ValueError("a dividend that is none")
        found.append(Dividend(_day_ns(dividend.date, result.meta), dividend.amount))
    return sorted(found, key=lambda action: action.ns)
