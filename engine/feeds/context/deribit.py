"""Deribit: what options are open and traded, and which side takers are on, by its public JSON-RPC over REST.

GET /api/v2/public/get_book_summary_by_currency?currency=BTC&kind=option: by instrument ``open_interest`` and
the 24 h ``volume``, in units of the underlying. /api/v2/public/get_last_trades_by_currency with
``start_timestamp`` (ms), ``count`` (at most 1,000) and ``sorting=asc``: ``{"trades": [...], "has_more"}``,
where ``direction`` is the taker's side. Instruments are named BTC-27JUN25-100000-C. An error is
``{"error": {"code", "message"}}``, whatever the HTTP status; 10028 is too_many_requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from engine.config import OptionsConfig
from engine.errors import ConfigError
from engine.events import ContextEvent, OptionsFlow
from engine.feeds.address import check_url, place
from engine.feeds.base import Request, UnreachableError
from engine.feeds.context.source import AHEAD_MS, AnswerError, each
from engine.feeds.rest import Rest
from engine.text import clean

VENUE = "deribit"
REST_URL = "https://www.deribit.com"
PER_S = 5.0
"""Well inside the 20 requests a second of clients without a key."""
PAGE = 1000
MAX_PAGES = 5
"""Of trades in one round; what is left comes in the next."""
PAST_S = 3600
"""So much of the past is asked for at start, and after a silence: older flow would count as fresh."""
TOO_MANY = 10028
_PAUSE_S = 5.0
_MS = 1_000_000
_MAX_BODY = 16 << 20

T = TypeVar("T")


class _Summary(msgspec.Struct, frozen=True):
    instrument_name: str
    open_interest: float
    volume: float


class OptionTrade(msgspec.Struct, frozen=True):
    """One print of an option."""

    trade_id: str
    instrument_name: str
    direction: str
    """``"buy"`` or ``"sell"``: the taker's."""
    amount: float
    """Units of the underlying."""
    timestamp: int
    """Milliseconds."""


class _Trades(msgspec.Struct, frozen=True):
    trades: list[OptionTrade]
    has_more: bool = False


class _Error(msgspec.Struct, frozen=True):
    code: int
    message: str = ""


class _Reply(msgspec.Struct, Generic[T], frozen=True):
    result: T | None = None
    error: _Error | None = None


_SUMMARIES = msgspec.json.Decoder(_Reply[list[_Summary]])
_TRADES = msgspec.json.Decoder(_Reply[_Trades])


def _result(reply: _Reply[T]) -> T:
    if reply.error is not None:
        told = f"error {reply.error.code}: {clean(reply.error.message, 100)}"
        if reply.error.code == TOO_MANY:
            raise UnreachableError(f"{VENUE} answered with {told}", _PAUSE_S)
        raise AnswerError(told)
    if reply.result is None:
        raise AnswerError("an answer without a result")
    return reply.result


def kind_of(instrument: str) -> str:
    """``"C"`` or ``"P"``; "" for what is no option."""
    parts = instrument.split("-")
    return parts[-1] if len(parts) == 4 and parts[-1] in ("C", "P") else ""


def totals(body: bytes) -> tuple[float, float, float, float]:
    """(call volume, put volume, call open interest, put open interest). Raises AnswerError."""
    volume, held = {"C": 0.0, "P": 0.0}, {"C": 0.0, "P": 0.0}
    for summary in _result(_SUMMARIES.decode(body)):
        kind = kind_of(summary.instrument_name)
        if kind:
            volume[kind] += _amount(summary.volume)
            held[kind] += _amount(summary.open_interest)
    return volume["C"], volume["P"], held["C"], held["P"]


def page(body: bytes) -> tuple[list[OptionTrade], bool]:
    """Trades in the venue's order, and whether there are more. Raises AnswerError."""
    found = _result(_TRADES.decode(body))
    return [trade for trade in found.trades if kind_of(trade.instrument_name)], found.has_more


def _amount(figure: float) -> float:
    return figure if 0.0 <= figure < math.inf else 0.0


class Tally:
    """Adds up new trades of one currency; each is counted once, by its id."""

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        """The newest trade's time: the next page begins with it, because others may share it."""
        self._seen: set[str] = set()
        """Ids of the trades at ``since_ms``."""
        self.clear()

    def clear(self) -> None:
        self.taken = {("C", "buy"): 0.0, ("C", "sell"): 0.0, ("P", "buy"): 0.0, ("P", "sell"): 0.0}
        self.trades = 0

    def forget(self, before_ms: int) -> None:
        """Leave out what was traded before that."""
        if self.since_ms < before_ms:
            self.since_ms = before_ms
            self._seen.clear()
            self.clear()

    def add(self, trades: list[OptionTrade], latest_ms: int) -> int:
        """How many of them were new. One later than ``latest_ms`` is not taken: all others would look old."""
        new = 0
        for trade in trades:
            if not self.since_ms <= trade.timestamp <= latest_ms or trade.trade_id in self._seen:
                continue
            if trade.timestamp > self.since_ms:
                self.since_ms = trade.timestamp
                self._seen.clear()
            self._seen.add(trade.trade_id)
            new += 1
            side = kind_of(trade.instrument_name), trade.direction
            if side in self.taken:
                self.taken[side] += _amount(trade.amount)
                self.trades += 1
        return new


class Deribit:
    """See ContextSource."""

    venue = VENUE

    def __init__(self, config: OptionsConfig, clock: Callable[[], int]) -> None:
        """Raises ConfigError for an address or a currency that cannot be asked."""
        base = config.url or REST_URL
        check_url("quant.options.url", base, ("http", "https"))
        for currency in config.currencies:
            if not (currency.isalnum() and currency.isupper()):
                raise ConfigError(
                    f"quant.options.currencies: {clean(currency, 30)} is no currency: write it as BTC"
                )
        if not config.currencies:
            raise ConfigError("quant.options.currencies: name at least one, as BTC")
        self.host = place(base)
        self.interval_s = config.interval_s
        self.troubles: dict[str, str] = {}
        self._currencies = config.currencies
        self._clock = clock
        self._tallies: dict[str, Tally] = {}
        self._rest = Rest(VENUE, base, PER_S, timeout_s=config.timeout_s, max_body=_MAX_BODY)

    async def poll(self) -> list[ContextEvent]:
        return await each(self._currencies, self._poll, self.troubles)

    async def _poll(self, currency: str) -> list[ContextEvent]:
        asked = (("currency", currency), ("kind", "option"))
        path = "/api/v2/public/get_book_summary_by_currency"
        call_volume, put_volume, calls, puts = totals(await self._rest.get(Request(path, asked)))
        since_ms = self._clock() // _MS - PAST_S * 1000
        tally = self._tallies.setdefault(currency, Tally(since_ms))
        tally.forget(since_ms)
        for _ in range(MAX_PAGES):
            since = (("start_timestamp", str(tally.since_ms)), ("count", str(PAGE)), ("sorting", "asc"))
            path = "/api/v2/public/get_last_trades_by_currency"
            trades, more = page(await self._rest.get(Request(path, (*asked, *since))))
            if not tally.add(trades, self._clock() // _MS + AHEAD_MS) or not more:
                break
        taken, count, now_ns = tally.taken, tally.trades, self._clock()
        tally.clear()
        return [
            OptionsFlow(
                VENUE,
                currency,
                call_volume,
                put_volume,
                calls,
                puts,
                taken["C", "buy"],
                taken["C", "sell"],
                taken["P", "buy"],
                taken["P", "sell"],
                count,
                tally.since_ms * _MS,
                now_ns,
            )
        ]

    async def close(self) -> None:
        await self._rest.close()
