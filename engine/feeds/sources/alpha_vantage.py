"""Alpha Vantage: 25 requests a day and about one a second for free.

Errors come with HTTP 200, as the one key ``Note`` or ``Information`` (asked too often, or not free) or
``Error Message`` (unknown). When its day begins is not told: no 24 hours hold more than the budget. Its key
travels in the query, there is no other way, and is repeated in some of its errors.
https://www.alphavantage.co/documentation/
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec.structs import replace

from engine.events import NS, Candle
from engine.feeds.base import Request, UnreachableError
from engine.feeds.rest import BusyError, RefusedError
from engine.feeds.sources.budget import HOUR_NS, Limits
from engine.feeds.sources.candles import DAY_S, candle, date_ns, in_order, local_ns, number
from engine.feeds.sources.rest_source import RestSource
from engine.feeds.sources.source import Action, Dividend, Split
from engine.text import clean

_INTERVALS = {60: "1min", 300: "5min", 900: "15min", 1800: "30min", 3600: "60min", DAY_S: ""}
_ERRORS = ("Error Message", "Note", "Information")
_PAUSE_S = 2.0
_DAILY_ROWS = 100
"""Bars of days that are free in one answer, the newest ones."""
_ATTEMPTS = 2
_EASTERN = frozenset({"US/Eastern", "America/New_York"})

Raw = msgspec.Raw
Row = dict[str, str]

_body = msgspec.json.Decoder(dict[str, Raw])
_row = msgspec.json.Decoder(Row)
_series = msgspec.json.Decoder(dict[str, Row])
_rows = msgspec.json.Decoder(list[dict[str, str | None]])
_text = msgspec.json.Decoder(str)


def read(body: bytes) -> dict[str, Raw]:
    """Raises RefusedError or UnreachableError for an error in ``body``, ValueError for what is no answer."""
    answer = _body.decode(body)
    for key in _ERRORS:
        if key in answer:
            message = _text.decode(answer[key])
            raise _error(key, message)
    return answer


def _error(key: str, message: str) -> RefusedError | UnreachableError:
    why = f"alpha-vantage: {clean(message, 140)}"
    lower = message.lower()
    if key == "Error Message" or "premium endpoint" in lower or "premium feature" in lower:
        return RefusedError(why)
    if "per second" in lower and "per day" not in lower:
        return BusyError(why, _PAUSE_S)
    if "per day" in lower:
        # When the day ends is not told.
        return BusyError(why, HOUR_NS / NS)
    if "invalid" in lower or "demo" in lower:
        return RefusedError(why)
    return BusyError(why, 60.0)


def _zone(name: str) -> tzinfo:
    """Raises ValueError for a zone that it does not use."""
    if name in ("UTC", ""):
        return UTC
    if name not in _EASTERN:
        raise ValueError(f"the time zone {clean(name, 30)} is not known")
    try:
        return ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        raise ValueError("this machine has no time zones: install the package tzdata") from None


def _field(row: Row, *names: str) -> str:
    """The field that ends with one of ``names``: they are numbered, not always alike."""
    for key, value in row.items():
        if key.partition(" ")[2] in names:
            return value
    raise ValueError(f"no {names[0]}")


class AlphaVantage(RestSource):
    """``latest`` of a share is its bar of the day: the minutes are not free. Pairs have a price alone."""

    name = "alpha-vantage"
    url = "https://www.alphavantage.co"
    limits = Limits(per_day=25, gap_ns=1_200_000_000, day="rolling")
    variable = "ALPHAVANTAGE_API_KEY"
    tells_actions = True
    intervals_s = frozenset(_INTERVALS)

    def signed(self, request: Request) -> Request:
        return replace(request, params=(*request.params, ("apikey", self._key)))

    def _query(self, function: str, *params: tuple[str, str]) -> Request:
        return Request("/query", (("function", function), *params))

    def latest_request(self, native: str, now_ns: int) -> Request:
        base, slash, quote = native.partition("/")
        if slash:
            return self._query("CURRENCY_EXCHANGE_RATE", ("from_currency", base), ("to_currency", quote))
        return self._query("GLOBAL_QUOTE", ("symbol", native))

    def parse_latest(self, symbol: str, native: str, body: bytes, recv_ns: int) -> list[Candle]:
        answer = read(body)
        if "Global Quote" in answer:
            return self._quote(symbol, _row.decode(answer["Global Quote"]), recv_ns)
        if "Realtime Currency Exchange Rate" in answer:
            return self._rate(symbol, _row.decode(answer["Realtime Currency Exchange Rate"]), recv_ns)
        raise ValueError("neither a quote nor a rate")

    def _quote(self, symbol: str, row: Row, recv_ns: int) -> list[Candle]:
        if not row:
            return []
        fields = (_field(row, "open"), _field(row, "high"), _field(row, "low"), _field(row, "price"))
        first, high, low, last = map(number, fields)
        at_ns = date_ns(_field(row, "latest trading day"))
        volume = number(_field(row, "volume"))
        prices = (first, high, low, last)
        return [candle(symbol, DAY_S, at_ns, prices, volume, source=self.name, recv_ns=recv_ns)]

    def _rate(self, symbol: str, row: Row, recv_ns: int) -> list[Candle]:
        price = number(_field(row, "Exchange Rate"))
        at_ns = local_ns(_field(row, "Last Refreshed"), _zone(_field(row, "Time Zone")))
        bar = candle(symbol, 60, at_ns, (price,) * 4, None, source=self.name, recv_ns=recv_ns)
        return [replace(bar, event_ns=at_ns)]

    def bars_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request:
        if "/" in native:
            raise RefusedError("alpha-vantage has no bars of pairs for free")
        if interval_s == DAY_S:
            old = start_ns < self._clock() - _DAILY_ROWS * DAY_S * NS
            size = ("outputsize", "full" if old else "compact")
            return self._query("TIME_SERIES_DAILY", ("symbol", native), size)
        month = datetime.fromtimestamp(start_ns // NS, UTC).strftime("%Y-%m")
        return self._query(
            "TIME_SERIES_INTRADAY",
            ("symbol", native),
            ("interval", _INTERVALS[interval_s]),
            ("month", month),
            ("adjusted", "false"),
            ("extended_hours", "false"),
            ("outputsize", "full"),
        )

    def page_ns(self, interval_s: int, at_ns: int) -> int:
        if interval_s == DAY_S:
            return 1 << 62
        month = datetime.fromtimestamp(at_ns // NS, UTC)
        year, number = divmod(month.year * 12 + month.month, 12)
        return round(datetime(year, number + 1, 1, tzinfo=UTC).timestamp()) * NS

    def parse_bars(
        self, symbol: str, native: str, interval_s: int, body: bytes, recv_ns: int
    ) -> list[Candle]:
        answer = read(body)
        zone = _zone(_field(_row.decode(answer["Meta Data"]), "Time Zone")) if "Meta Data" in answer else UTC
        series = next((raw for key, raw in answer.items() if key.startswith("Time Series")), None)
        if series is None:
            raise ValueError("no time series")
        bars = []
        for when, row in _series.decode(series).items():
            fields = (_field(row, "open"), _field(row, "high"), _field(row, "low"), _field(row, "close"))
            first, high, low, last = map(number, fields)
            volume = number(_field(row, "volume"))
            prices = (first, high, low, last)
            at_ns = local_ns(when, zone)
            bars.append(candle(symbol, interval_s, at_ns, prices, volume, source=self.name, recv_ns=recv_ns))
        return in_order(bars)

    async def actions(self, symbol: str, native: str, start_ns: int, end_ns: int) -> list[Action]:
        if "/" in native:
            return []
        splits = await self.ask(self._query("SPLITS", ("symbol", native)), parse_splits, _ATTEMPTS)
        paid = await self.ask(self._query("DIVIDENDS", ("symbol", native)), parse_dividends, _ATTEMPTS)
        found = [action for action in (*splits, *paid) if start_ns <= action.ns < end_ns]
        return sorted(found, key=lambda action: action.ns)


def parse_splits(body: bytes) -> list[Action]:
    """They count from 00:00 UTC of their date. A factor of 4 are four new shares for an old one."""
    found: list[Action] = []
    for row in _data(body):
        factor = number(row.get("split_factor"))
        if not 0 < factor < 1e9:
            raise ValueError("a split that is none")
        found.append(Split(date_ns(row.get("effective_date") or ""), factor, 1.0))
    return found


def parse_dividends(body: bytes) -> list[Action]:
    """They count from 00:00 UTC of their date."""
    found: list[Action] = []
    for row in _data(body):
        amount = number(row.get("amount"))
        if not 0 < amount < 1e9:
            raise ValueError("a dividend that is none")
        found.append(Dividend(date_ns(row.get("ex_dividend_date") or ""), amount))
    return found


def _data(body: bytes) -> list[dict[str, str | None]]:
    answer = read(body)
    if "data" not in answer:
        raise ValueError("no data")
    return _rows.decode(answer["data"])
