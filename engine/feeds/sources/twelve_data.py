"""Twelve Data's time series: newest first, 8 requests a minute and 800 a day (until midnight UTC) for free.

Errors may come with HTTP 200: ``{"code": 429, "message": …, "status": "error"}``. Bars are adjusted for
splits by default. https://twelvedata.com/docs#time-series, https://support.twelvedata.com/en/articles/5615854-credits
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.events import NS, Candle
from engine.feeds.base import Request, UnreachableError
from engine.feeds.rest import BusyError, RefusedError
from engine.feeds.sources.budget import DAY_NS, Limits
from engine.feeds.sources.candles import (
    DAY_S,
    candle,
    local_ns,
    number,
    second_text,
)
from engine.feeds.sources.rest_source import BUSY_S, Headers, RestSource
from engine.text import clean

_INTERVALS = {60: "1min", 300: "5min", 900: "15min", 1800: "30min", 3600: "1h", 7200: "2h", 14400: "4h"}
_INTERVALS[DAY_S] = "1day"
_PAGE = 5000
"""Bars in an answer, at most."""


class _Value(msgspec.Struct, frozen=True):
    datetime: str
    open: str
    high: str
    low: str
    close: str
    volume: str | None = None


class _Body(msgspec.Struct, frozen=True):
    values: list[_Value] = []
    status: str = ""
    code: int | None = None
    message: str | None = ""
    meta: dict[str, Any] = {}


_body = msgspec.json.Decoder(_Body)


def read(body: bytes, now_ns: int) -> list[_Value]:
    """Raises RefusedError or UnreachableError for an error in ``body``, ValueError for what is no answer."""
    answer = _body.decode(body)
    if answer.status == "ok":
        return answer.values
    if answer.status != "error":
        raise ValueError("neither ok nor an error")
    message = answer.message or ""
    why = f"twelve-data: error {answer.code or 0}: {clean(message, 100)}"
    if answer.code == 429:
        day = "day" in message.lower() or "daily" in message.lower()
        raise BusyError(why, (DAY_NS - now_ns % DAY_NS) / NS if day else BUSY_S)
    if answer.code in (400, 404) and "no data" in message.lower():
        return []
    if answer.code is not None and 400 <= answer.code < 500:
        raise RefusedError(why)
    raise UnreachableError(why)


class TwelveData(RestSource):
    name = "twelve-data"
    url = "https://api.twelvedata.com"
    limits = Limits(per_minute=8, per_day=800, day="utc")
    variable = "TWELVE_DATA_API_KEY"
    split_adjusted = True
    intervals_s = frozenset(_INTERVALS)

    def latest_request(self, native: str, now_ns: int) -> Request:
        return self._request(native, 60, ("outputsize", "3"))

    def bars_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request:
        # The end is told as the last second that is wanted: of days it is inclusive.
        dates = (("start_date", second_text(start_ns)), ("end_date", second_text(end_ns - NS)))
        return self._request(native, interval_s, *dates, ("outputsize", str(_PAGE)))

    def _request(self, native: str, interval_s: int, *more: tuple[str, str]) -> Request:
        key = Headers(Authorization=f"apikey {self._key}")
        params = (("symbol", native), ("interval", _INTERVALS[interval_s]), ("timezone", "UTC"), *more)
        return Request("/time_series", params, secret=key)

    def page_ns(self, interval_s: int, at_ns: int) -> int:
        return at_ns + _PAGE * interval_s * NS

    def parse_bars(
        self, symbol: str, native: str, interval_s: int, body: bytes, recv_ns: int
    ) -> list[Candle]:
        return [
            candle(
                symbol,
                interval_s,
                local_ns(value.datetime),
                (number(value.open), number(value.high), number(value.low), number(value.close)),
                None if value.volume is None else number(value.volume),
                source=self.name,
                recv_ns=recv_ns,
            )
            for value in read(body, recv_ns)
        ]
