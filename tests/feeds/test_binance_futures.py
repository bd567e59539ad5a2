"""Binance USD-M futures: frames, REST, and a feed of two connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise

import pytest
from aiohttp import web

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import NS, Depth, FeedState, FeedStatus, Malformed, MarketEvent, Quote, Trade
from engine.feeds.base import Request, UnreachableError
from engine.feeds.binance_futures import (
    BinanceFutures,
    BinanceFuturesDecoder,
    BookConnection,
    TradeConnection,
    parts,
    read_instruments,
)
from engine.feeds.checking.feed import FeedCheck
from engine.feeds.checking.report import Line
from engine.feeds.joined import JoinedFeed
from engine.feeds.registry import open_feed

AGGREGATE = (
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1756220468101,"s":"BTCUSDT","a":5933014,'
    '"p":"110500.10","q":"0.005","nq":"0.005","f":100,"l":105,"T":1756220468099,"m":true}}'
)
TICKER = (
    '{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":400900217,"E":1756220468103,'
    '"T":1756220468101,"s":"BTCUSDT","b":"110500.00","B":"3.1","a":"110500.10","A":"0.4"}}'
)
PRINT = (
    '{"stream":"btcusdt@trade","data":{"e":"trade","E":1756220468099,"T":1756220468099,"s":"BTCUSDT",'
    '"t":6587981240,"p":"110500.10","q":"0.005","X":"MARKET","m":true}}'
)
SYMBOL = "binance-futures:BTCUSDT"


def decode(*frames: str, decoder: BinanceFuturesDecoder | None = None) -> list[MarketEvent]:
    decoder = decoder or BinanceFuturesDecoder()
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, 7, out)
    return out


def test_trades_and_quotes_have_the_venues_time() -> None:
    assert decode(AGGREGATE, TICKER) == [
        Trade(SYMBOL, 5933014, 110500.1, 0.005, -1, 1756220468099000000, 7),
        Quote(SYMBOL, 110500.0, 3.1, 110500.1, 0.4, 1756220468101000000, 7),
    ]


def test_what_is_no_trade_of_the_market_is_none() -> None:
    """An id that was spent comes at price 0, the insurance fund's at whatever price."""
    decoder = BinanceFuturesDecoder()
    spent = PRINT.replace('"MARKET"', '"NA"').replace("110500.10", "0").replace("0.005", "0")
    spent = spent.replace("6587981240", "6587981241")
    fund = PRINT.replace('"MARKET"', '"INSURANCE_FUND"').replace("6587981240", "6587981242")
    (trade,) = decode(PRINT, spent, fund, decoder=decoder)
    assert isinstance(trade, Trade) and trade.trade_id == 6587981240
    assert list(decoder.spent) == [(SYMBOL, 6587981241), (SYMBOL, 6587981242)]
    assert decoder.malformed == 0
    (bad,) = decode(PRINT.replace("110500.10", "0"))
    assert isinstance(bad, Malformed)
    check = FeedCheck("binance-futures")
    for raw in (PRINT, spent, fund, PRINT.replace("6587981240", "6587981243")):
        check.row(Line(ch="ws", t=7, raw=raw))
    report = check.finish(truncated=False)
    assert (report.trade_gaps, report.trades_missing, report.duplicates) == (0, 0, 0)


def test_only_aggregated_trades_count_where_they_are_subscribed() -> None:
    live = BinanceFuturesDecoder(["BTCUSDT"])
    (trade,) = decode(PRINT, AGGREGATE, decoder=live)
    assert isinstance(trade, Trade) and trade.trade_id == 5933014 and live.skipped == 1


def test_each_channel_is_asked_for_where_the_venue_tells_it() -> None:
    config = FeedConfig(symbols=("BTCUSDT",), candles=True)
    books, trades = (part.connect_url("wss://fstream.binance.com/") for part in parts(config))
    root = "wss://fstream.binance.com"
    assert books == f"{root}/public/stream?streams=btcusdt@bookTicker/btcusdt@depth@100ms"
    assert trades == f"{root}/market/stream?streams=btcusdt@aggTrade/btcusdt@kline_1m"
    assert BookConnection(config).decoder().wanted == ["BTCUSDT"]
    assert TradeConnection(config).decoder().wanted == []
    assert BookConnection(config).recent_request("BTCUSDT") is None
    request = BookConnection(config).book_request("BTCUSDT")
    assert request == Request("/fapi/v1/depth", (("symbol", "BTCUSDT"), ("limit", "500")))
    assert TradeConnection(config).book_request("BTCUSDT") is None


def test_more_symbols_than_a_connection_carries_are_refused() -> None:
    names = tuple(f"A{n}" for n in range(101))
    with pytest.raises(ConfigError, match=r"feeds\.binance-futures\.symbols names 101: .* 100 at most"):
        parts(FeedConfig(symbols=names))
    assert len(TradeConnection(FeedConfig(symbols=names[1:])).subscribe()) == 0


INFO = (
    b'{"symbols":[{"symbol":"BTCUSDT","contractType":"PERPETUAL","quoteAsset":"USDT","filters":['
    b'{"filterType":"PRICE_FILTER","tickSize":"0.10"},{"filterType":"LOT_SIZE","stepSize":"0.001",'
    b'"maxQty":"1000"},{"filterType":"MARKET_LOT_SIZE","stepSize":"0.001","maxQty":"120"},'
    b'{"filterType":"MIN_NOTIONAL","notional":"50"},{"filterType":"MAX_NUM_ORDERS","limit":200}]}]}'
)


def test_instruments_come_with_their_grid() -> None:
    (spec,) = read_instruments(INFO)
    assert (spec.symbol, spec.tick_size, spec.lot_size) == (SYMBOL, Decimal("0.1"), Decimal("0.001"))
    assert (spec.min_notional, spec.quote_currency, spec.max_quantity) == (50, "USDT", 1000)
    assert BinanceFutures(FeedConfig(symbols=("BTCUSDT",))).parse_instruments(INFO) == [spec]


def page(first: int, last: int) -> bytes:
    rows = [
        {"a": i, "p": "1.5", "q": "2", "f": i, "l": i, "T": 1_000 + i, "m": False}
        for i in range(first, last + 1)
    ]
    return json.dumps(rows).encode()


def test_missing_trades_are_paged_by_id() -> None:
    found: list[Trade] = []
    fetch = BinanceFutures(FeedConfig(symbols=("BTCUSDT",))).missing("BTCUSDT", 100, 1500, 0, 9, found)
    first = next(fetch)
    assert first.path == "/fapi/v1/aggTrades" and dict(first.params)["fromId"] == "100"
    assert dict(fetch.send(page(100, 1099)).params)["fromId"] == "1100"
    with pytest.raises(StopIteration):
        fetch.send(page(1100, 2099))
    assert [trade.trade_id for trade in found] == list(range(100, 2100))


def test_an_error_is_told_by_its_words() -> None:
    venue = BinanceFutures(FeedConfig(symbols=("BTCUSDT",)))
    with pytest.raises(UnreachableError, match="Too many"):
        venue.parse_trades("BTCUSDT", b'{"code":-1003,"msg":"Too many requests."}', 1)
    with pytest.raises(ValueError, match="Invalid symbol"):
        venue.parse_trades("BTCUSDT", b'{"code":-1121,"msg":"Invalid symbol."}', 1)
    quote = venue.parse_quote(
        "BTCUSDT",
        b'{"symbol":"BTCUSDT","bidPrice":"4.0","bidQty":"431","askPrice":"4.1","askQty":"9","time":1589437530011}',
        7,
    )
    assert quote == Quote(SYMBOL, 4.0, 431.0, 4.1, 9.0, 1589437530011000000, 7)


class Futures:
    """Both entry points of the venue, each telling only what is its own."""

    def __init__(self) -> None:
        self.asked: dict[str, list[str]] = {"public": [], "market": []}
        self.number = 100
        self.trade = 1
        self.sockets: set[web.WebSocketResponse] = set()

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        route = request.match_info["route"]
        self.asked[route].append(request.query["streams"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        with contextlib.suppress(ConnectionError, RuntimeError):
            while not socket.closed:
                for frame in self.frames(route):
                    await socket.send_str(frame)
                await asyncio.sleep(0.01)
        self.sockets.discard(socket)
        return socket

    def frames(self, route: str) -> list[str]:
        if route == "market":
            self.trade += 1
            return [AGGREGATE.replace("5933014", str(self.trade))]
        last, self.number = self.number, self.number + 5
        levels = '"b":[["110499","1"]],"a":[]'
        update = f'"E":1,"T":1,"s":"BTCUSDT","U":{last + 2},"u":{self.number},"pu":{last},{levels}'
        return [TICKER, f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate",{update}}}}}']

    async def rest(self, request: web.Request) -> web.Response:
        if request.path == "/fapi/v1/depth":
            body = {"lastUpdateId": self.number, "bids": [["110500", "1"]], "asks": [["110500.1", "2"]]}
            return web.json_response(body)
        if request.path == "/fapi/v1/aggTrades":
            first = int(request.query.get("fromId", self.trade))
            return web.json_response(json.loads(page(first, self.trade)))
        return web.Response(body=INFO, content_type="application/json")

    def hang_up(self, route: str) -> None:
        for socket in list(self.sockets):
            request = socket._req
            if request is not None and request.match_info["route"] == route and request.transport:
                request.transport.abort()


@contextlib.asynccontextmanager
async def served(venue: Futures) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{route:public|market}/stream", venue.socket)
    app.router.add_get("/{path:.*}", venue.rest)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        for route in ("public", "market"):
            venue.hang_up(route)
        await runner.cleanup()


async def until(condition: object, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_one_feed_of_two_connections() -> None:
    venue = Futures()
    events: list[MarketEvent] = []
    async with served(venue) as address:
        config = FeedConfig(
            symbols=("BTCUSDT",), ws_url=f"ws://{address}", rest_url=f"http://{address}", backoff_max_s=0.2
        )
        feed = open_feed("binance-futures", config, clock=time.time_ns, rng=random.Random(1))
        assert isinstance(feed, JoinedFeed) and feed.venue == "binance-futures"
        assert feed.without_quotes == {1}
        assert [spec.symbol for spec in await feed.instruments()] == [SYMBOL]
        task = asyncio.create_task(feed.run(events.extend))

        def brought(kind: type) -> int:
            return sum(isinstance(event, kind) for event in events)

        await until(lambda: brought(Trade) > 5 and brought(Quote) > 5 and brought(Depth) > 2)
        await until(lambda: feed.stats.state is FeedState.UP)
        states = [event.state for event in events if isinstance(event, FeedStatus)]
        assert states == [FeedState.CONNECTING, FeedState.UP]
        await until(lambda: feed.stats.messages > 10)
        assert abs(feed.stats.last_data_ns - time.time_ns()) < 5 * NS

        venue.hang_up("market")
        await until(lambda: feed.stats.state is not FeedState.UP)
        trades = brought(Trade)
        await until(lambda: brought(Trade) > trades + 5 and feed.stats.state is FeedState.UP)
        assert (len(venue.asked["public"]), len(venue.asked["market"])) == (1, 2)
        assert feed.stats.reconnects == 1
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    told = [event for event in events if isinstance(event, FeedStatus)]
    assert all(before.state is not after.state for before, after in pairwise(told))
    ids = [event.trade_id for event in events if isinstance(event, Trade)]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
