"""Binance USD-M futures: open interest and mark price, by REST (the venue has no stream of open interest).

GET /fapi/v1/openInterest?symbol= (weight 1), /fapi/v1/premiumIndex?symbol= (weight 1), and once at start
/futures/data/openInterestHist?symbol=&period=5m&limit= (1,000 requests in 5 minutes per IP). An error is
``{"code": -1121, "msg": "..."}``, whatever the HTTP status.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import msgspec

from engine.config import OpenInterestConfig
from engine.errors import ConfigError
from engine.events import ContextEvent, OpenInterest
from engine.feeds.address import check_url, place
from engine.feeds.base import Request
from engine.feeds.binance_futures import NAME, REST_URL
from engine.feeds.context.source import AHEAD_MS, AnswerError, each
from engine.feeds.rest import Rest
from engine.symbols import base_currency
from engine.text import clean

VENUE = NAME
SOURCE = "open-interest"
"""Its name beside the feeds: rows of health are known by it, and the venue's own feed has the venue's."""
PER_S = 10.0
"""Two of weight 1 a symbol; the venue allows 2,400 a minute."""
_MS = 1_000_000
_MAX_BODY = 1 << 20


class _OpenInterest(msgspec.Struct, frozen=True):
    symbol: str
    openInterest: float
    time: int


class _PremiumIndex(msgspec.Struct, frozen=True):
    symbol: str
    markPrice: float
    time: int


class _Point(msgspec.Struct, frozen=True):
    symbol: str
    sumOpenInterest: float
    sumOpenInterestValue: float
    timestamp: int


class _Error(msgspec.Struct, frozen=True):
    code: int
    msg: str = ""


T = TypeVar("T")

# The venue writes its numbers as text.
_OPEN_INTEREST = msgspec.json.Decoder(_OpenInterest, strict=False)
_PREMIUM_INDEX = msgspec.json.Decoder(_PremiumIndex, strict=False)
_HISTORY = msgspec.json.Decoder(list[_Point], strict=False)
_ERROR = msgspec.json.Decoder(_Error)


def open_interest(interest: bytes, premium: bytes, symbol: str, recv_ns: int) -> OpenInterest:
    """Raises AnswerError for a body that is an error, another symbol's, or without a figure above 0."""
    now = _decoded(interest, _OPEN_INTEREST)
    price = _decoded(premium, _PREMIUM_INDEX)
    if not (now.symbol == price.symbol == symbol):
        raise AnswerError(f"asked for {symbol}, told of {clean(now.symbol, 30)}")
    if not (_positive(now.openInterest) and _positive(price.markPrice)):
        raise AnswerError(f"{symbol} has no open interest or no mark price")
    if not 0 <= now.time <= recv_ns // _MS + AHEAD_MS:
        raise AnswerError(f"{symbol} is told of another time: is this machine's clock right?")
    return OpenInterest(
        VENUE, base_currency(symbol), now.openInterest, price.markPrice, now.time * _MS, recv_ns
    )


def _positive(figure: float) -> bool:
    return 0.0 < figure < math.inf


def history(body: bytes, symbol: str, recv_ns: int) -> list[OpenInterest]:
    """Points of the past, oldest first; the price is value / amount."""
    points = _decoded(body, _HISTORY)
    return [
        OpenInterest(
            VENUE,
            base_currency(symbol),
            point.sumOpenInterest,
            point.sumOpenInterestValue / point.sumOpenInterest,
            point.timestamp * _MS,
            recv_ns,
            backfilled=True,
        )
        for point in sorted(points, key=lambda point: point.timestamp)
        if point.symbol == symbol
        and 0 <= point.timestamp <= recv_ns // _MS
        and _positive(point.sumOpenInterest)
        and _positive(point.sumOpenInterestValue)
    ]


def _decoded(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """``body`` as what was asked for; AnswerError with the venue's words when it is an error instead."""
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as wrong:
        try:
            error = _ERROR.decode(body)
        except msgspec.MsgspecError:
            raise AnswerError(f"not the answer expected ({clean(wrong, 80)})") from None
        raise AnswerError(f"error {error.code}: {clean(error.msg, 100)}") from None


class BinanceFutures:
    """See ContextSource."""

    venue = SOURCE

    def __init__(self, config: OpenInterestConfig, clock: Callable[[], int]) -> None:
        """Raises ConfigError for an address or a symbol that cannot be asked."""
        base = config.url or REST_URL
        check_url("quant.open_interest.url", base, ("http", "https"))
        for symbol in config.symbols:
            if not base_currency(symbol) or not symbol.isalnum():
                raise ConfigError(
                    f"quant.open_interest.symbols: {clean(symbol, 30)} is no future: write it as BTCUSDT"
                )
        if not config.symbols:
            raise ConfigError("quant.open_interest.symbols: name at least one future, as BTCUSDT")
        bases = [base_currency(symbol) for symbol in config.symbols]
        for base_asset in bases:
            if bases.count(base_asset) > 1:
                # Both would be samples of one series.
                raise ConfigError(
                    f"quant.open_interest.symbols: two futures of {base_asset}: name one of each asset"
                )
        self.host = place(base)
        self.interval_s = config.interval_s
        self.troubles: dict[str, str] = {}
        self._symbols = config.symbols
        self._history = config.history
        self._taught: set[str] = set()
        self._clock = clock
        self._rest = Rest(VENUE, base, PER_S, timeout_s=config.timeout_s, max_body=_MAX_BODY)

    async def poll(self) -> list[ContextEvent]:
        return await each(self._symbols, self._poll, self.troubles)

    async def _poll(self, symbol: str) -> list[ContextEvent]:
        asked = (("symbol", symbol),)
        events: list[ContextEvent] = []
        if self._history and symbol not in self._taught:
            limit = (("period", "5m"), ("limit", str(self._history)))
            body = await self._rest.get(Request("/futures/data/openInterestHist", (*asked, *limit)))
            events += history(body, symbol, self._clock())
        interest = await self._rest.get(Request("/fapi/v1/openInterest", asked))
        premium = await self._rest.get(Request("/fapi/v1/premiumIndex", asked))
        events.append(open_interest(interest, premium, symbol, self._clock()))
        self._taught.add(symbol)
        return events

    async def close(self) -> None:
        await self._rest.close()
