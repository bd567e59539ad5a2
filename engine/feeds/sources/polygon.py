"""Polygon (now Massive): aggregates, splits and dividends; 5 requests a minute for free.

Bars are asked for as they traded, times are milliseconds since the epoch. ``DELAYED`` is a good answer,
``ERROR`` and ``NOT_AUTHORIZED`` come with HTTP 200 too. https://polygon.io/docs/rest/stocks/aggregates
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec

from engine.events import NS, Candle
from engine.feeds.base import Request, UnreachableError
from engine.feeds.rest import BusyError, RefusedError
from engine.feeds.sources.budget import Limits
from engine.feeds.sources.candles import (
    DAY_S,
    candle,
    date_ns,
    day_text,
)
from engine.feeds.sources.rest_source import BUSY_S, Headers, RestSource
from engine.feeds.sources.source import Action, Dividend, Split
from engine.text import clean

_SPANS = {
    60: "1/minute",
    300: "5/minute",
    900: "15/minute",
    1800: "30/minute",
    3600: "1/hour",
    DAY_S: "1/day",
}
_LATEST_S = 4 * DAY_S
"""Back over a weekend."""
_PAGE_MINUTES = 40_000
"""An answer is made of 50,000 base bars at most: minutes, or days."""
_MS = 1_000_000
_ATTEMPTS = 3
_GOOD = ("OK", "DELAYED")

R = TypeVar("R")
Parse = Callable[[bytes], list[Action]]


class _Bar(msgspec.Struct, frozen=True):
    t: int
    o: float
    h: float
    l: float  # noqa: E741 - the service's name
    c: float
    v: float | None = None
    n: int | None = None


class _Split(msgspec.Struct, frozen=True):
    execution_date: str
    split_from: float
    split_to: float


class _Dividend(msgspec.Struct, frozen=True):
    ex_dividend_date: str
    cash_amount: float


class _Body(msgspec.Struct, Generic[R], frozen=True):
    status: str
    results: list[R] = []
    error: str | None = None
    message: str | None = None


_bars = msgspec.json.Decoder(_Body[_Bar])
_splits = msgspec.json.Decoder(_Body[_Split])
_dividends = msgspec.json.Decoder(_Body[_Dividend])


def _read(decoder: msgspec.json.Decoder[_Body[R]], body: bytes) -> list[R]:
    """Raises RefusedError or UnreachableError for an error in ``body``, ValueError for what is no answer."""
    answer = decoder.decode(body)
    if answer.status in _GOOD:
        return answer.results
    message = answer.error or answer.message or ""
    why = f"polygon: {clean(answer.status, 30)}: {clean(message, 100)}"
    if "exceeded" in message and "minute" in message:
        raise BusyError(why, BUSY_S)
    if answer.status in ("NOT_AUTHORIZED", "NOT_FOUND") or "API Key" in message:
        raise RefusedError(why)
    raise UnreachableError(why)


class Polygon(RestSource):
    name = "polygon"
    url = "https://api.polygon.io"
    limits = Limits(per_minute=5)
    variable = "POLYGON_API_KEY"
    tells_actions = True
    intervals_s = frozenset(_SPANS)

    def latest_request(self, native: str, now_ns: int) -> Request:
        return self._aggregates(native, 60, now_ns - _LATEST_S * NS, now_ns, ("sort", "desc"), ("limit", "3"))

    def bars_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request:
        # The end is inclusive there.
        return self._aggregates(
            native, interval_s, start_ns, end_ns - _MS, ("sort", "asc"), ("limit", "50000")
        )

    def _aggregates(
        self, native: str, interval_s: int, start_ns: int, end_ns: int, *more: tuple[str, str]
    ) -> Request:
        between = f"{start_ns // _MS}/{end_ns // _MS}"
        path = f"/v2/aggs/ticker/{quote(native, safe=':')}/range/{_SPANS[interval_s]}/{between}"
        return self._signed(path, ("adjusted", "false"), *more)

    def _signed(self, path: str, *params: tuple[str, str]) -> Request:
        return Request(path, params, secret=Headers(Authorization=f"Bearer {self._key}"))

    def page_ns(self, interval_s: int, at_ns: int) -> int:
        return at_ns + _PAGE_MINUTES * (DAY_S if interval_s == DAY_S else 60) * NS

    def parse_bars(
        self, symbol: str, native: str, interval_s: int, body: bytes, recv_ns: int
    ) -> list[Candle]:
        """A day begins at 00:00 UTC of its date; theirs begins at midnight of the exchange, west of that."""
        return [
            candle(
                symbol,
                interval_s,
                bar.t * _MS,
                (bar.o, bar.h, bar.l, bar.c),
                bar.v,
                source=self.name,
                recv_ns=recv_ns,
                trades=-1 if bar.n is None else bar.n,
            )
            for bar in _read(_bars, body)
        ]

    async def actions(self, symbol: str, native: str, start_ns: int, end_ns: int) -> list[Action]:
        if ":" in native:
            return []  # pairs and indices have none
        found: list[Action] = [
            *await self._reference("splits", "execution_date", native, start_ns, end_ns, parse_splits),
            *await self._reference(
                "dividends", "ex_dividend_date", native, start_ns, end_ns, parse_dividends
            ),
        ]
        return sorted(
            (action for action in found if start_ns <= action.ns < end_ns), key=lambda action: action.ns
        )

    async def _reference(
        self, what: str, by: str, native: str, start_ns: int, end_ns: int, parse: Parse
    ) -> list[Action]:
        params = (
            ("ticker", native),
            (f"{by}.gte", day_text(start_ns)),
            (f"{by}.lte", day_text(end_ns)),
            ("limit", "1000"),
        )
        return await self.ask(self._signed(f"/v3/reference/{what}", *params), parse, _ATTEMPTS)


def parse_splits(body: bytes) -> list[Action]:
    """They count from 00:00 UTC of their date."""
    found: list[Action] = []
    for split in _read(_splits, body):
        if not (0 < split.split_from < 1e9 and 0 < split.split_to < 1e9):
            raise ValueError("a split that is none")
        found.append(Split(date_ns(split.execution_date), split.split_to, split.split_from))
    return found


def parse_dividends(body: bytes) -> list[Action]:
    """They count from 00:00 UTC of their date."""
    found: list[Action] = []
    for dividend in _read(_dividends, body):
        if not 0 < dividend.cash_amount < 1e9:
            raise ValueError("a dividend that is none")
        found.append(Dividend(date_ns(dividend.ex_dividend_date), dividend.cash_amount))
    return found
