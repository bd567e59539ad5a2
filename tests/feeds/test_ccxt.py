"""Venues by way of ccxt: what it tells becomes checked events; a cut, a wrong book, silence, refusals."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import random
import threading
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import BookStatus, Candle, Depth, FeedState
from engine.feeds.base import Feed, InstrumentSpec, UnknownSymbolsError, UnreachableError
from engine.feeds.ccxt_feed import CcxtFeed
from engine.feeds.registry import open_feed
from tests.feeds.conftest import Listener

NATIVE = "BTC/USDT"
MARKET = {
    "symbol": NATIVE, "quote": "USDT", "contract": False, "precision": {"price": 0.01, "amount": 0.0001},
    "limits": {"cost": {"min": 5}, "amount": {"max": 100}},
}  # fmt: skip


class NetworkError(Exception):
    """Named as ccxt's."""


class BaseError(Exception):
    """Named as ccxt's."""


class BadSymbol(BaseError):
    """Named as ccxt's."""


class ChecksumError(BaseError):
    """Named as ccxt's."""


class FakeExchange:
    """Answers from queues; an exception in a queue is raised."""

    precisionMode = 4

    def __init__(self, load: Exception | None = None, **has: bool) -> None:
        self.has: dict[str, Any] = {"watchTrades": True, "watchOrderBook": True, "fetchTrades": True} | has
        self.markets: Any = {NATIVE: MARKET}
        self.queues: dict[str, asyncio.Queue[Any]] = {}
        self.past: list[dict[str, Any]] = []
        self.closed = False
        self._load = load

    def put(self, kind: str, *answers: Any) -> None:
        queue = self.queues.setdefault(kind, asyncio.Queue())
        for answer in answers:
            queue.put_nowait(answer)

    async def _next(self, kind: str) -> Any:
        answer = await self.queues.setdefault(kind, asyncio.Queue()).get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def load_markets(self) -> Any:
        if self._load is not None:
            raise self._load
        return self.markets

    async def watch_trades(self, symbol: str) -> Any:
        return await self._next("trades")

    async def watch_bids_asks(self, symbols: list[str]) -> Any:
        return {symbols[0]: await self._next("best")}

    async def watch_ticker(self, symbol: str) -> Any:
        return await self._next("ticker")

    async def watch_order_book(self, symbol: str) -> Any:
        return await self._next("book")

    async def watch_ohlcv(self, symbol: str, timeframe: str) -> Any:
        return await self._next("bars")

    async def fetch_trades(self, symbol: str) -> Any:
        return self.past

    async def close(self) -> None:
        self.closed = True


def now_ms() -> int:
    return time.time_ns() // 10**6


def trade(number: int, **other: Any) -> dict[str, Any]:
    row = {"id": str(number), "price": 100.0, "amount": 0.5, "side": "buy", "timestamp": now_ms() + number}
    return row | other


def book(bid: float = 99.0, ask: float = 101.0) -> dict[str, Any]:
    return {
        "bids": [[bid, 1.0, 3], [bid - 1, 2.0]],
        "asks": [[ask, 1.5], [ask + 1, 2.0]],
        "timestamp": now_ms(),
    }


@contextlib.asynccontextmanager
async def running(*exchanges: FakeExchange, **settings: Any) -> AsyncIterator[Listener]:
    """A feed of one session with each of ``exchanges``; after that of silent ones."""
    left = list(exchanges)

    def make() -> FakeExchange:
        return left.pop(0) if left else FakeExchange()

    config = FeedConfig(**({"symbols": (NATIVE,), "silence_s": 5.0, "backoff_max_s": 0.1} | settings))
    feed = CcxtFeed("ccxt-some", config, clock=time.time_ns, rng=random.Random(1), make=make)
    listener = Listener(feed)
    task = asyncio.create_task(feed.run(listener.events.extend))
    try:
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_trades_books_and_health() -> None:
    exchange = FakeExchange()
    exchange.put("trades", [trade(1), trade(2)], [trade(2), trade(3)])
    exchange.put("book", book(), book(98.0, 99.5))
    async with running(exchange) as feed:
        await feed.until(lambda: len(feed.trades) == 3 and len(feed.quotes) == 2)
        stats = feed.feed.stats
        assert stats.state is FeedState.UP and stats.best_effort and "best effort" in stats.detail
        await feed.until(lambda: stats.books == 1)
    assert [one.trade_id for one in feed.trades] == [1, 2, 3] and not feed.gaps
    assert feed.trades[0].symbol == "ccxt-some:BTC/USDT" and feed.trades[0].aggressor == 1
    assert [(one.bid, one.ask, one.ask_size) for one in feed.quotes] == [
        (99.0, 101.0, 1.5),
        (98.0, 99.5, 1.5),
    ]
    depth = next(event for event in feed.events if isinstance(event, Depth))
    assert depth.bids == ((99.0, 1.0), (98.0, 2.0)) and exchange.closed


async def test_a_cut_is_joined_by_rest_and_books_are_wrong_meanwhile() -> None:
    first, second = FakeExchange(), FakeExchange()
    first.put("trades", [trade(1)])
    first.put("book", book())
    second.past = [trade(one) for one in (1, 2, 3)]
    second.put("trades", [trade(3), trade(4)])
    second.put("book", book(97.0))
    async with running(first, second) as feed:
        await feed.until(lambda: len(feed.trades) == 1 and len(feed.quotes) == 1)
        first.put("trades", NetworkError("connection closed by remote server"))
        await feed.until(lambda: len(feed.trades) == 4)
        assert feed.feed.stats.reconnects == 1
    assert [one.trade_id for one in feed.trades] == [1, 2, 3, 4] and not feed.gaps
    assert [one.backfilled for one in feed.trades] == [False, True, False, False]
    states = [event.live for event in feed.events if isinstance(event, BookStatus)]
    assert states[:2] == [False, True] and FeedState.DOWN in feed.states


async def test_what_rest_does_not_tell_is_a_gap() -> None:
    first, second = FakeExchange(), FakeExchange(fetchTrades=False)
    first.put("trades", [trade(1)])
    second.put("trades", [trade(9)])
    async with running(first, second) as feed:
        await feed.until(lambda: len(feed.trades) == 1)
        first.put("trades", NetworkError("reset"))
        await feed.until(lambda: len(feed.trades) == 2)
    (gap,) = feed.gaps
    assert gap.first_id == -1 and "past trades" in gap.reason and feed.feed.stats.gaps == 1


@pytest.mark.parametrize(
    "wrong", [ChecksumError("broken"), book(102.0, 101.0), book(-1.0), {"bids": [["x"]], "asks": []}, {}]
)
async def test_a_wrong_book_is_told_at_once_and_mended_by_the_next(wrong: Any) -> None:
    exchange = FakeExchange()
    exchange.put("book", book(), wrong, book(98.0))
    async with running(exchange) as feed:
        await feed.until(lambda: len([one for one in feed.events if isinstance(one, BookStatus)]) >= 2)
    assert [one.live for one in feed.events if isinstance(one, BookStatus)][:2] == [False, True]
    assert feed.feed.stats.reconnects == 0 and [one.bid for one in feed.quotes] == [99.0, 98.0]


async def test_a_book_that_stays_wrong_starts_everything_over() -> None:
    exchange = FakeExchange()
    exchange.put("book", book(), *[book(102.0, 101.0)] * 5)
    async with running(exchange) as feed:
        await feed.until(lambda: exchange.closed and feed.feed.stats.reconnects > 0)


async def test_a_book_that_is_wrong_again_and_again_is_asked_for_less_and_less_often() -> None:
    exchange = FakeExchange()
    exchange.put("book", *[book(), ChecksumError("broken")] * 40)
    async with running(exchange) as feed:
        await feed.until(lambda: len([one for one in feed.events if isinstance(one, BookStatus)]) >= 3)
        await asyncio.sleep(0.3)
        assert exchange.queues["book"].qsize() >= 76  # each right for a moment, and the third waits


async def test_silence_is_stale_and_then_the_end_of_the_session() -> None:
    exchange = FakeExchange()
    async with running(exchange, silence_s=0.2) as feed:
        await feed.until(lambda: exchange.closed)
        assert "no data for" in feed.feed.stats.detail or feed.feed.stats.reconnects > 0


async def test_bars_and_best_prices() -> None:
    exchange = FakeExchange(watchBidsAsks=True, watchOHLCV=True)
    minute = now_ms() // 60_000 * 60_000
    exchange.put(
        "best", {"bid": 99.0, "ask": None}, {"bid": 99.0, "ask": 101.0, "bidVolume": 2.0, "askVolume": None}
    )
    exchange.put("bars", [[minute - 60_000, 1, 3, 0.5, 2, 10]], [[minute, 2, 2, 2, 2, 1]])
    async with running(exchange, candles=True, book_levels=0) as feed:
        await feed.until(lambda: any(isinstance(one, Candle) and one.closed for one in feed.events))
        await feed.until(lambda: len(feed.quotes) == 1)
    (quote,) = feed.quotes
    assert quote.bid_size == 2.0 and math.isnan(quote.ask_size)
    bars = [event for event in feed.events if isinstance(event, Candle)]
    assert [(one.closed, one.close) for one in bars] == [(False, 2.0), (True, 2.0), (False, 2.0)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": None},
        {"price": "nan"},
        {"price": -1},
        {"amount": 0},
        {"amount": float("inf")},
        {"timestamp": -5},
    ],
)
async def test_no_bad_trade_is_let_through(wrong: dict[str, Any]) -> None:
    exchange = FakeExchange()
    exchange.put("trades", [trade(1, **wrong), None, trade(2)])
    async with running(exchange) as feed:
        await feed.until(lambda: len(feed.trades) == 1)
    assert len(feed.malformed) == 2 and feed.feed.stats.malformed == 2 and feed.trades[0].trade_id == 2


@pytest.mark.parametrize(
    ("exchange", "words"),
    [
        (FakeExchange(watchTrades=False), "ccxt has no live trades"),
        (FakeExchange(load=BadSymbol("some has no BTC/USDT")), "some has no BTC/USDT; correct feeds"),
    ],
)
async def test_what_cannot_work_ends_the_feed(exchange: FakeExchange, words: str) -> None:
    with pytest.raises(FeedError, match=words):
        await asyncio.wait_for(a_feed(exchange, NATIVE).run(lambda events: None), 5)
    assert exchange.closed


async def test_a_market_that_is_gone_ends_the_feed() -> None:
    exchange = FakeExchange()
    exchange.put("trades", BadSymbol("some does not have market symbol BTC/USDT"))
    with pytest.raises(ExceptionGroup) as told:
        await asyncio.wait_for(a_feed(exchange, NATIVE).run(lambda events: None), 5)
    assert told.group_contains(FeedError, match="does not have market symbol") and exchange.closed


async def test_trades_told_as_the_cache_itself_are_kept() -> None:
    exchange = FakeExchange()
    cache = [trade(1), trade(2)]
    exchange.trades = {NATIVE: cache}  # type: ignore[attr-defined]
    exchange.put("trades", cache)
    async with running(exchange) as feed:
        await feed.until(lambda: len(feed.trades) == 2)
    assert cache == []


async def test_ccxt_is_imported_beside_the_loop() -> None:
    made_in: set[int] = set()
    exchange = FakeExchange()

    def make() -> FakeExchange:
        made_in.add(threading.get_ident())
        return exchange

    config = FeedConfig(symbols=(NATIVE,))
    feed = CcxtFeed("ccxt-some", config, clock=time.time_ns, rng=random.Random(1), make=make)
    await feed.instruments()
    assert made_in and threading.get_ident() not in made_in


def a_feed(exchange: FakeExchange, *natives: str) -> CcxtFeed:
    config = FeedConfig(symbols=natives)
    return CcxtFeed("ccxt-some", config, clock=time.time_ns, rng=random.Random(1), make=lambda: exchange)


async def instruments(exchange: FakeExchange, *natives: str) -> list[InstrumentSpec]:
    return await a_feed(exchange, *natives).instruments()


async def test_instruments() -> None:
    (spec,) = await instruments(FakeExchange(), NATIVE)
    assert (spec.symbol, spec.tick_size, spec.lot_size) == (
        "ccxt-some:BTC/USDT",
        Decimal("0.01"),
        Decimal("0.0001"),
    )
    assert (spec.min_notional, spec.max_quantity, spec.quote_currency) == (Decimal(5), Decimal(100), "USDT")
    with pytest.raises(FeedError, match="does not know ETH/USDT"):
        await instruments(FakeExchange(), "ETH/USDT")
    away = FakeExchange(load=NetworkError("no route"))
    with pytest.raises(UnreachableError, match="no route"):
        await instruments(away, NATIVE)
    assert away.closed


async def test_an_unknown_symbol_costs_the_others_nothing() -> None:
    exchange = FakeExchange()
    with pytest.raises(UnknownSymbolsError, match="does not know ETH/USDT: correct") as told:
        await instruments(exchange, "ETH/USDT", NATIVE)
    assert told.value.natives == ("ETH/USDT",)
    assert [spec.symbol for spec in told.value.known] == ["ccxt-some:BTC/USDT"]
    assert exchange.closed

    exchange.put("trades", [trade(1)])
    feed = a_feed(exchange, "ETH/USDT", NATIVE)
    feed.leave_out(["ETH/USDT"])
    listener = Listener(feed)
    task = asyncio.create_task(feed.run(listener.events.extend))
    await listener.until(lambda: len(listener.trades) == 1)
    await listener.until(lambda: "without ETH/USDT, which it does not know" in feed.stats.detail)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_symbol_that_is_delisted_while_it_runs_is_left_out_and_the_rest_told_once() -> None:
    other = "ETH/USDT"
    before, without, after = FakeExchange(), FakeExchange(), FakeExchange()
    before.markets = {NATIVE: MARKET, other: MARKET | {"symbol": other}}
    before.put("trades", [trade(1)], NetworkError("cut"))
    after.past = [trade(1)]
    after.put("trades", [trade(1), trade(2)])
    async with running(before, without, after, symbols=(NATIVE, other)) as listener:
        await listener.until(lambda: len(listener.trades) == 2)
        assert listener.feed._order._symbols == ("ccxt-some:BTC/USDT",)  # type: ignore[attr-defined]
        await listener.until(lambda: "without ETH/USDT" in listener.feed.stats.detail)
        assert [event.trade_id for event in listener.trades] == [1, 2]


async def test_a_feed_all_of_whose_symbols_went_ends() -> None:
    gone = FakeExchange()
    gone.markets = {}
    with pytest.raises(UnknownSymbolsError, match="does not know BTC/USDT"):
        await a_feed(gone, NATIVE).run(lambda events: None)


def test_absence_of_ccxt_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name == "ccxt" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(ConfigError) as told:
        opened("ccxt-kucoin")
    assert str(told.value) == "feeds.ccxt-kucoin needs ccxt: pip install 'tickdesk[ccxt]'"
    with pytest.raises(ConfigError, match="with ccxt's own name"):
        opened("ccxt-../kucoin")
    with pytest.raises(ConfigError, match="leave ws_url"):
        opened("ccxt-kucoin", ws_url="wss://x")
    with pytest.raises(ConfigError, match=r"feeds\.atlantis: no such venue; the desk knows alpaca, .*ccxt"):
        opened("atlantis")


def opened(venue: str, **settings: str) -> Feed:
    config = FeedConfig(symbols=(NATIVE,), **settings)
    return open_feed(venue, config, clock=time.time_ns, rng=random.Random(1))
