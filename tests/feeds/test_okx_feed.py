"""OKX on the wire: subscribe, acknowledge, data, a lost update, a cut, bars on a socket of their own."""

from __future__ import annotations

import asyncio
import json
import math
import time

from engine.events import BookStatus, Candle, Depth, FeedState
from tests.feeds.conftest import listening
from tests.feeds.small_venue import Answer, Line, SmallVenue
from tests.feeds.test_okx import SNAPSHOT, book, trade

NATIVE = "BTC-USDT"


def now(frame: str) -> str:
    """With the time of this moment."""
    return frame.replace("1700000000000", str(time.time_ns() // 10**6))


def top() -> str:
    levels = '"asks":[["101","1","0","1"]],"bids":[["99","2","0","1"]]'
    return now(
        f'{{"arg":{{"channel":"bbo-tbt","instId":"{NATIVE}"}},"data":[{{{levels},"ts":"1700000000000"}}]}}'
    )


def rest_since(start_ms: int) -> Answer:
    """REST of a venue whose trade N was N ms behind the start."""

    def rest(path: str, query: dict[str, str]) -> str:
        trade = {"px": "100", "sz": "1", "side": "buy"}
        rows = [trade | {"tradeId": str(one), "ts": str(start_ms + one)} for one in range(106, 99, -1)]
        tick = {"bidPx": "99", "bidSz": "1", "askPx": "101", "askSz": "2", "ts": str(start_ms)}
        return {
            "/api/v5/market/trades": json.dumps({"code": "0", "data": rows}),
            "/api/v5/market/ticker": json.dumps({"code": "0", "data": [tick]}),
        }[path]

    return rest


async def acknowledge(line: Line) -> list[str]:
    """Answer a subscription; its channels."""
    args = (await line.hear("subscribe"))["args"]
    for arg in args:
        await line.tell(json.dumps({"event": "subscribe", "arg": arg, "connId": "a"}))
    return [arg["channel"] for arg in args]


async def test_a_lost_update_and_a_cut() -> None:
    heard: list[str] = []
    start_ms = time.time_ns() // 10**6

    def told(number: int, count: int) -> str:
        return trade(number, count).replace("1700000000000", str(start_ms + number))

    async def talk(line: Line) -> None:
        heard.extend(await acknowledge(line))
        await line.tell(now(SNAPSHOT), top())
        if line.number > 1:
            await line.tell(told(106, 2))  # 105 and 106 in one
            return
        await line.tell(told(100, 1), told(102, 2), now(book("update", 30, 20)))
        heard.append((await line.hear("unsubscribe"))["op"])
        heard.extend(await acknowledge(line))
        await line.tell(now(book("snapshot", 40, -1, bids=[["98", "1"]], asks=[["99", "1"]])))
        heard.append(await line.hear("ping"))
        await line.tell("pong", told(103, 1))
        await line.cut()

    async with (
        SmallVenue(talk, rest_since(start_ms)) as server,
        listening(server, "okx", NATIVE, silence_s=2.0) as feed,
    ):
        await feed.until(lambda: any(one.trade_id == 106 for one in feed.trades))
    ids = [one.trade_id for one in feed.trades]
    # Told: 100, the sum of 101 and 102, 103; while away 104 by REST; then the sum of 105 and 106.
    assert ids == [100, 102, 103, 104, 106] and not feed.gaps and not feed.malformed
    assert [one.backfilled for one in feed.trades] == [False, False, False, True, False]
    assert heard[:3] == ["trades", "bbo-tbt", "books"] and heard[3:6] == ["unsubscribe", "books", "ping"]
    books = [event for event in feed.events if isinstance(event, BookStatus)]
    assert [one.live for one in books[:3]] == [False, True, False]
    assert books[0].reason == "misses an update" and not books[0].quotes
    at = feed.events.index(books[0])
    mended = feed.events.index(books[1])
    assert not any(isinstance(event, Depth) for event in feed.events[at:mended])
    assert feed.quotes and FeedState.UP in feed.states


async def test_bars_come_by_a_second_socket() -> None:
    channels: dict[int, list[str]] = {}
    row = ["60000", "1", "3", "0.5", "2", "10", "20", "20", "1"]
    bar = {"arg": {"channel": "candle1m", "instId": NATIVE}, "data": [row]}

    async def talk(line: Line) -> None:
        channels[line.number] = await acknowledge(line)
        if "candle1m" in channels[line.number]:
            await line.tell(json.dumps(bar, separators=(",", ":")))
        else:
            await line.tell(top(), now(trade(100, 1)))

    async with (
        SmallVenue(talk, rest_since(time.time_ns() // 10**6), path="/{where:public|business}") as server,
        listening(Public(server), "okx", NATIVE, candles=True, book_levels=0) as feed,
    ):
        await feed.until(
            lambda: any(isinstance(event, Candle) for event in feed.events) and bool(feed.trades)
        )
        await feed.until(lambda: feed.feed.stats.state is FeedState.UP)
    assert sorted(channels.values()) == [["candle1m"], ["trades", "bbo-tbt"]]
    (candle,) = {event for event in feed.events if isinstance(event, Candle)}
    assert candle.closed and (candle.symbol, candle.close) == (f"okx:{NATIVE}", 2.0)


async def test_the_cut_of_the_bars_socket_costs_no_trade() -> None:
    row = ["60000", "1", "3", "0.5", "2", "10", "20", "20", "1"]
    bars: list[Line] = []

    async def talk(line: Line) -> None:
        if "candle1m" in await acknowledge(line):
            bar = {"arg": {"channel": "candle1m", "instId": NATIVE}, "data": [row]}
            await line.tell(json.dumps(bar, separators=(",", ":")))
            await line.hear("ping")
            bars.append(line)
            if len(bars) == 1:
                await line.cut()
        else:
            await line.tell(top(), now(trade(100, 1)))

    async with (
        SmallVenue(talk, rest_since(time.time_ns() // 10**6), path="/{where:public|business}") as server,
        listening(Public(server), "okx", NATIVE, candles=True, book_levels=0, silence_s=1.0) as feed,
    ):
        await feed.until(lambda: bool(feed.trades) and len(bars) > 1)
    assert not feed.gaps and feed.feed.stats.gaps == 0


async def test_a_connection_takes_over_once_all_is_acknowledged() -> None:
    """The venue answers each channel by itself: of the last one trades would be lost, and nothing show it."""
    half, told = asyncio.Event(), asyncio.Event()
    args: list[dict[str, str]] = []
    happened: list[dict[str, str]] = []

    def rest(path: str, query: dict[str, str]) -> str:
        rows = happened[::-1] if query["instId"] == "ETH-USDT" else []
        return json.dumps({"code": "0", "data": rows})

    def happens(number: int) -> str:
        told = now(trade(number, 1, native="ETH-USDT"))
        happened.extend(json.loads(told)["data"])
        return told

    async def talk(line: Line) -> None:
        args[:] = (await line.hear("subscribe"))["args"]
        answers = [json.dumps({"event": "subscribe", "arg": arg}) for arg in args]
        if line.number == 1:
            await line.tell(*answers, top(), happens(100))
            await line.tell('{"event":"notice","code":"64008","msg":"The connection will soon be closed"}')
            await half.wait()
            await line.hear("ping")
            await line.tell(happens(101))
            told.set()
        else:
            await line.tell(*answers[:2], top())
            half.set()
            await told.wait()
            await line.tell(*answers[2:], top(), happens(102))

    async with (
        SmallVenue(talk, rest) as server,
        listening(server, "okx", NATIVE, "ETH-USDT", book_levels=0, silence_s=2.0) as feed,
    ):
        await feed.until(lambda: any(one.trade_id == 102 for one in feed.trades))
    assert [arg["instId"] for arg in args] == [NATIVE, NATIVE, "ETH-USDT", "ETH-USDT"]
    assert [one.trade_id for one in feed.trades] == [100, 101, 102] and not feed.gaps


async def test_contracts_that_are_learned_late_are_told_no_more() -> None:
    native = "BTC-USDT-SWAP"
    swap = {"instId": native, "tickSz": "0.1", "lotSz": "1", "ctVal": "0.01", "ctType": "linear"}

    def rest(path: str, query: dict[str, str]) -> str:
        return json.dumps({"code": "0", "data": [swap] if path.endswith("/instruments") else []})

    async def talk(line: Line) -> None:
        await acknowledge(line)
        await line.tell(top().replace(NATIVE, native))
        while await line.hear("ping"):
            await line.tell("pong", top().replace(NATIVE, native))

    async with SmallVenue(talk, rest) as server, listening(server, "okx", native, silence_s=2.0) as feed:
        await feed.until(lambda: bool(feed.quotes))
        assert math.isnan(feed.quotes[0].bid_size)
        await feed.until(lambda: "until instruments are known" in feed.feed.stats.detail)
        await feed.feed.instruments()
        await feed.until(lambda: "until instruments are known" not in feed.feed.stats.detail)
        await feed.until(lambda: feed.quotes[-1].bid_size == 0.02)


class Public:
    """The server, by the address of its public socket."""

    def __init__(self, server: SmallVenue) -> None:
        self.ws_url = f"ws://127.0.0.1:{server.port}/public"
        self.rest_url = server.rest_url
