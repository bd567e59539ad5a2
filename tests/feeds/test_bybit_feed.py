"""Bybit on the wire: subscribe, acknowledge, ping, data, a lost update, a cut."""

from __future__ import annotations

import asyncio
import json
import random
import time

import pytest

from engine.config import FeedConfig
from engine.events import BookStatus, Depth, FeedState, MarketEvent, Quote, Trade
from engine.feeds.base import LeavesOut, UnknownSymbolsError
from engine.feeds.bybit import BybitDecoder
from engine.feeds.bybit_rest import Bybit
from engine.feeds.registry import open_feed
from tests.feeds.conftest import listening
from tests.feeds.small_venue import Line, SmallVenue
from tests.feeds.test_bybit import SNAPSHOT, book, print_of

ACK = '{"success":true,"ret_msg":"subscribe","conn_id":"a","req_id":"1","op":"subscribe"}'
PONG = '{"success":true,"ret_msg":"pong","conn_id":"a","op":"ping"}'
MS = time.time_ns() // 10**6


def rest(path: str, query: dict[str, str]) -> str:
    trade = {"symbol": "BTCUSDT", "price": "100", "size": "0.5", "side": "Sell", "isBlockTrade": False}
    rows = [trade | {"execId": str(one), "time": str(MS + one)} for one in range(104, 99, -1)]
    tick = {"bid1Price": "99", "bid1Size": "1", "ask1Price": "101", "ask1Size": "2"}
    found = {"/v5/market/recent-trade": rows, "/v5/market/tickers": [tick]}[path]
    return json.dumps({"retCode": 0, "retMsg": "OK", "result": {"list": found}})


async def test_a_lost_update_and_a_cut() -> None:
    topics: list[str] = []

    async def talk(line: Line) -> None:
        topics.extend((await line.hear('"subscribe"'))["args"])
        await line.tell(ACK, SNAPSHOT, book("snapshot", 7, depth=1, b=[["99", "1"]], a=[["101", "2"]]))
        if line.number > 1:
            await line.tell(print_of("104", T=MS + 104))
            return
        await line.tell(print_of("100", T=MS + 100), print_of("101", T=MS + 101), book("delta", 12))
        await line.hear('"unsubscribe"')
        topics.extend((await line.hear('"subscribe"'))["args"])
        await line.tell(ACK, book("snapshot", 40, b=[["98", "1"]], a=[["99", "1"]]))
        await line.hear('"ping"')
        await line.tell(PONG, print_of("102", T=MS + 102))
        await line.cut()

    async with SmallVenue(talk, rest) as server, listening(server, "bybit", "BTCUSDT", silence_s=2.0) as feed:
        await feed.until(lambda: any(one.trade_id == 104 for one in feed.trades))
    assert [one.trade_id for one in feed.trades] == [100, 101, 102, 103, 104]
    assert not feed.gaps and not feed.malformed
    assert [one.trade_id for one in feed.trades if one.backfilled] == [103]
    assert topics[:3] == ["publicTrade.BTCUSDT", "orderbook.1.BTCUSDT", "orderbook.50.BTCUSDT"]
    assert topics[3] == "orderbook.50.BTCUSDT"
    told = [event for event in feed.events if isinstance(event, BookStatus)]
    assert [one.live for one in told[:3]] == [False, True, False] and told[0].reason == "misses an update"
    at, mended = feed.events.index(told[0]), feed.events.index(told[1])
    assert not any(isinstance(event, Depth) for event in feed.events[at:mended])
    assert feed.quotes[0].bid == 99.0


async def test_a_subscription_that_is_refused_is_told() -> None:
    async def talk(line: Line) -> None:
        await line.hear('"subscribe"')
        await line.tell('{"success":false,"ret_msg":"Invalid symbol :[BTCUSDX]","op":"subscribe"}')

    async with SmallVenue(talk, rest) as server, listening(server, "bybit", "BTCUSDX") as feed:
        await feed.until(lambda: "Invalid symbol" in feed.feed.stats.detail)


@pytest.mark.parametrize("named", [True, False])
async def test_a_delisted_symbol_costs_the_others_nothing(
    named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue refuses all of a frame for one topic that is wrong."""
    monkeypatch.setattr(Bybit, "subscribe_per_s", 100.0)
    symbols = ("AUSDT", "OLDUSDT", "BUSDT", "CUSDT")
    subscribed: set[str] = set()

    async def talk(line: Line) -> None:
        while len(subscribed) < 9:
            asked = await line.hear('"subscribe"')
            assert 0 < len(asked["args"]) <= 10
            refused = any("OLDUSDT" in topic for topic in asked["args"])
            why = "Invalid symbol :[publicTrade.OLDUSDT]" if named else "error: invalid params"
            answer = {"success": not refused, "ret_msg": why if refused else "subscribe", "op": "subscribe"}
            await line.tell(json.dumps(answer | {"conn_id": "a", "req_id": asked["req_id"]}))
            subscribed.update(() if refused else asked["args"])
        await line.tell(print_of("100", T=MS + 100).replace("BTCUSDT", "BUSDT"))

    async with SmallVenue(talk, rest) as server, listening(server, "bybit", *symbols) as feed:
        await feed.until(lambda: bool(feed.trades) and "OLDUSDT" in feed.feed.stats.detail)
    kinds = ("publicTrade", "orderbook.1", "orderbook.50")
    assert subscribed == {f"{kind}.{one}USDT" for kind in kinds for one in "ABC"}


def test_what_is_subscribed_already_keeps_no_other_topic_of_its_frame_out() -> None:
    topics = ["publicTrade.AUSDT", "publicTrade.BUSDT", "publicTrade.CUSDT"]
    decoder = BybitDecoder(["AUSDT", "BUSDT", "CUSDT"], asked={"1": topics})
    why = "error:already subscribed,topic:publicTrade.AUSDT"
    told = {"success": False, "ret_msg": why, "conn_id": "a", "op": "subscribe"}
    decoder.decode(json.dumps(told | {"req_id": "1"}), 1, [])
    frames = [json.loads(one) for one in decoder.outbox]
    assert [one["args"] for one in frames] == [[topic] for topic in topics] and decoder.acks == -2
    decoder.outbox.clear()
    decoder.decode(json.dumps(told | {"req_id": frames[0]["req_id"]}), 1, [])
    for one in frames[1:]:
        decoder.decode(json.dumps({"success": True, "op": "subscribe", "req_id": one["req_id"]}), 1, [])
    assert not decoder.outbox and not decoder.refused and decoder.acks == 1


async def test_what_rest_does_not_reach_is_a_gap() -> None:
    async def talk(line: Line) -> None:
        await line.hear('"subscribe"')
        # An hour ago, and now: REST's page begins in between.
        number, ms = ("5", MS - 3_600_000) if line.number == 1 else ("104", MS + 104)
        await line.tell(ACK, print_of(number, T=ms))
        if line.number == 1:
            await line.cut()

    async with SmallVenue(talk, rest) as server, listening(server, "bybit", "BTCUSDT") as feed:
        await feed.until(lambda: any(one.trade_id == 104 for one in feed.trades))
    (gap,) = feed.gaps
    assert (gap.first_id, gap.last_id) == (-1, -1)
    assert feed.events.index(gap) < feed.events.index(feed.trades[1])


async def test_contracts_of_all_pages_are_known_and_a_cursor_that_comes_again_ends_it() -> None:
    def contract(symbol: str) -> dict[str, object]:
        lot = {"qtyStep": "0.1", "minNotionalValue": "5", "maxOrderQty": "100"}
        filters = {"lotSizeFilter": lot, "priceFilter": {"tickSize": "0.01"}}
        return {"symbol": symbol, "quoteCoin": "USDT", **filters}

    pages = {"": ("AUSDT", "first%3DB&x=1"), "first%3DB&x=1": ("BUSDT", "end"), "end": ("CUSDT", "end")}

    def tell(path: str, query: dict[str, str]) -> str:
        assert (path, query["category"]) == ("/v5/market/instruments-info", "linear")
        symbol, cursor = pages[query.get("cursor", "")]
        found = {"list": [contract(symbol)], "nextPageCursor": cursor}
        return json.dumps({"retCode": 0, "retMsg": "OK", "result": found})

    async def silent(line: Line) -> None:
        await line.hear()

    async with SmallVenue(silent, tell) as server:
        config = FeedConfig(symbols=("BUSDT", "CUSDT"), ws_url=server.ws_url, rest_url=server.rest_url)
        feed = open_feed("bybit-linear", config, clock=time.time_ns, rng=random.Random(1))
        for _ in range(2):  # asked anew it begins anew
            specs = await feed.instruments()
            assert [one.symbol for one in specs] == ["bybit-linear:BUSDT", "bybit-linear:CUSDT"]
    assert len(server.requests) == 2 * 3


async def test_what_was_left_out_is_asked_for_and_subscribed_once_it_is_listed() -> None:
    listed = ["AUSDT"]

    def tell(path: str, query: dict[str, str]) -> str:
        lot = {"basePrecision": "0.1", "minOrderAmt": "5"}
        rows = [
            {"symbol": one, "quoteCoin": "USDT", "lotSizeFilter": lot, "priceFilter": {"tickSize": "0.01"}}
            for one in listed
        ]
        return json.dumps({"retCode": 0, "retMsg": "OK", "result": {"list": rows}})

    async def talk(line: Line) -> None:
        await line.hear('"subscribe"')
        await line.tell(ACK, print_of("100", T=MS + 100))

    async with SmallVenue(talk, tell) as server:
        config = FeedConfig(symbols=("AUSDT", "NEWUSDT"), ws_url=server.ws_url, rest_url=server.rest_url)
        feed = open_feed("bybit", config, clock=time.time_ns, rng=random.Random(1))
        assert isinstance(feed, LeavesOut)
        with pytest.raises(UnknownSymbolsError) as caught:
            await feed.instruments()
        feed.leave_out(caught.value.natives)
        assert list(feed.left_out) == ["NEWUSDT"]
        with pytest.raises(UnknownSymbolsError) as caught:
            await feed.instruments()
        assert [one.symbol for one in caught.value.known] == ["bybit:AUSDT"]
        listed.append("NEWUSDT")
        assert [one.symbol for one in await feed.instruments()] == ["bybit:AUSDT", "bybit:NEWUSDT"]
        for brings in (False, True):
            async with asyncio.timeout(5):
                task = asyncio.create_task(feed.run(lambda events: None))
                while not any('"subscribe"' in text for text in server.received):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            assert any("NEWUSDT" in text for text in server.received) is brings
            server.received.clear()
            feed.take_back()
        assert not feed.left_out


async def test_a_feed_that_was_ended_and_runs_again_brings_all_and_what_it_missed() -> None:
    """Else its new connection would wait for ever to take over from one that is gone."""

    def best(number: int) -> str:
        return book("snapshot", number, depth=1, b=[["99", "1"]], a=[["101", str(number)]])

    async def talk(line: Line) -> None:
        await line.hear('"subscribe"')
        await line.tell(ACK, SNAPSHOT, best(line.number))
        await line.tell(print_of(str(99 + line.number * 2), T=MS + 99 + line.number * 2))

    async with SmallVenue(talk, rest) as server:
        config = FeedConfig(symbols=("BTCUSDT",), ws_url=server.ws_url, rest_url=server.rest_url)
        feed = open_feed("bybit", config, clock=time.time_ns, rng=random.Random(1))
        seen: list[MarketEvent] = []
        for number in (1, 2):
            task = asyncio.create_task(feed.run(seen.extend))
            async with asyncio.timeout(5):
                while not any(isinstance(one, Trade) and one.trade_id == 99 + number * 2 for one in seen):
                    await asyncio.sleep(0)
            assert any(isinstance(one, Quote) and one.ask_size == number for one in seen)
            assert feed.stats.state is FeedState.UP
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    trades = [one for one in seen if isinstance(one, Trade)]
    assert [one.trade_id for one in trades] == [101, 102, 103, 104]
    assert [one.backfilled for one in trades] == [False, True, False, True]
