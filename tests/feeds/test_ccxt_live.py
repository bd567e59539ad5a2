"""A real class of ccxt, pointed at a venue on this machine: a burst that its own cache would not hold."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from typing import Any

import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import BookStatus, Depth, FeedState
from engine.feeds.ccxt_feed import OPTIONS, CcxtFeed
from tests.feeds.conftest import Listener
from tests.feeds.small_venue import Line, SmallVenue
from tests.feeds.test_okx import INSTRUMENTS, book

pro = pytest.importorskip("ccxt.pro")
BURST = 6_000
"""Six times ccxt's own cache."""


def rest(path: str, query: dict[str, str]) -> str:
    if path == "/api/v5/market/trades":
        return json.dumps({"code": "0", "data": []})
    found: dict[str, Any] = {"code": "0", "msg": "", "data": []}
    if query.get("instType") == "SPOT":
        entry = INSTRUMENTS["SPOT"]["data"][0]  # type: ignore[index]
        extra = {"instType": "SPOT", "baseCcy": "BTC", "state": "live", "minSz": "0.00001", "instFamily": ""}
        found["data"] = [entry | extra]
    return json.dumps(found)


def trade(number: int) -> str:
    ms = str(time.time_ns() // 10**6)
    row = {"instId": "BTC-USDT", "tradeId": str(number), "px": "100", "sz": "1", "side": "buy", "ts": ms}
    return json.dumps({"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [row]})


async def subscribed(line: Line) -> None:
    """Answer until trades and the book are subscribed."""
    wanted: set[str] = set()
    while not {"trades", "books"} <= wanted:
        for arg in (await line.hear("subscribe"))["args"]:
            wanted.add(arg["channel"])
            await line.tell(json.dumps({"event": "subscribe", "arg": arg, "connId": "a"}))


def exchange_at(server: SmallVenue) -> Any:
    exchange = pro.okx(OPTIONS | {"enableRateLimit": False})
    exchange.options["fetchMarkets"] = {"types": ["spot"]}
    exchange.has["fetchCurrencies"] = False
    exchange.has["watchBidsAsks"] = False
    exchange.urls["api"] = {"rest": server.rest_url, "ws": f"ws://127.0.0.1:{server.port}/ws/v5"}
    return exchange


async def test_a_burst_is_delivered_whole() -> None:
    async def talk(line: Line) -> None:
        await subscribed(line)
        await line.tell(book("snapshot", 10, -1, bids=[["99", "1"]], asks=[["101", "1"]]))
        for start in range(1, BURST + 1, 500):
            await line.tell(*[trade(one) for one in range(start, start + 500)])

    async with SmallVenue(talk, rest, path="/ws/v5/public") as server:
        config = FeedConfig(symbols=("BTC/USDT",), silence_s=20.0)
        feed = CcxtFeed(
            "ccxt-okx", config, clock=time.time_ns, rng=random.Random(1), make=lambda: exchange_at(server)
        )
        (spec,) = await feed.instruments()
        assert spec.symbol == "ccxt-okx:BTC/USDT" and spec.quote_currency == "USDT"
        listener = Listener(feed)
        task = asyncio.create_task(feed.run(listener.events.extend))
        try:
            await listener.until(lambda: len(listener.trades) >= BURST, within_s=30)
            await listener.until(lambda: bool(listener.quotes))
            assert feed.stats.state is FeedState.UP and feed.stats.best_effort
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert [one.trade_id for one in listener.trades] == list(range(1, BURST + 1))
    assert not listener.gaps and not listener.malformed
    assert any(isinstance(event, Depth) for event in listener.events)
    assert not any(isinstance(event, BookStatus) for event in listener.events)
    assert listener.quotes[0].bid == 99.0


def test_a_venue_that_ccxt_does_not_know() -> None:
    with pytest.raises(
        ConfigError, match=r"feeds\.ccxt-atlantis: ccxt has no socket for a venue of this name"
    ):
        CcxtFeed("ccxt-atlantis", FeedConfig(symbols=("BTC/USDT",)), clock=time.time_ns, rng=random.Random(1))
