"""Binance spot frames and REST replies to events."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import NS, Candle, FeedStatus, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds import connection
from engine.feeds.base import LeavesOut, Request, UnreachableError
from engine.feeds.binance import Binance, BinanceDecoder, read_instruments
from engine.feeds.registry import open_feed
from engine.feeds.transport import Transport, TransportError
from tests.feeds.small_venue import Line, SmallVenue

TRADE = (
    '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
    '"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
BOOK = (
    '{"stream":"btcusdt@bookTicker","data":{"u":50093239219,"s":"BTCUSDT","b":"61837.63000000",'
    '"B":"3.78826000","a":"61837.64000000","A":"1.60520000"}}'
)


def decode(*frames: str | bytes, decoder: BinanceDecoder | None = None) -> list[MarketEvent]:
    decoder = decoder or BinanceDecoder()
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, 7, out)
    return out


EXPECTED_TRADE = Trade("binance:BTCUSDT", 3735683259, 61837.63, 0.02, -1, 1723161255342000000, 7)
EXPECTED_QUOTE = Quote("binance:BTCUSDT", 61837.63, 3.78826, 61837.64, 1.6052, 7, 7)


def test_a_maker_buyer_means_that_the_taker_sold() -> None:
    buyer_took = TRADE.replace('"m":true', '"m":false')
    assert decode(TRADE, buyer_took) == [EXPECTED_TRADE, Trade(*_with(EXPECTED_TRADE, aggressor=1))]


def _with(trade: Trade, aggressor: int) -> tuple[object, ...]:
    return (
        trade.symbol,
        trade.trade_id,
        trade.price,
        trade.size,
        aggressor,
        trade.event_ns,
        trade.recv_ns,
        trade.backfilled,
    )


def test_the_fast_way_and_the_general_way_agree() -> None:
    spaced = [frame.replace('{"stream":', '{ "stream" : ') for frame in (TRADE, BOOK)]
    bare = [frame.partition('"data":')[2][:-1] for frame in (TRADE, BOOK)]
    expected = [EXPECTED_TRADE, EXPECTED_QUOTE]
    assert decode(TRADE, BOOK) == expected  # a stream's first frame goes the general way
    decoder = BinanceDecoder()
    assert decode(TRADE, BOOK, TRADE, BOOK, decoder=decoder) == expected * 2
    assert decode(*spaced) == expected
    assert decode(*bare) == expected
    assert decode(TRADE.encode(), BOOK.encode()) == expected


def test_a_stream_name_that_lies_is_malformed_not_misread() -> None:
    decoder = BinanceDecoder()
    decode(TRADE, BOOK, decoder=decoder)
    liar = BOOK.replace("bookTicker", "trade")
    (event,) = decode(liar, decoder=decoder)
    assert isinstance(event, Malformed)


def test_acks_are_noted_and_errors_told() -> None:
    decoder = BinanceDecoder()
    assert decode('{"result":null,"id":1}', decoder=decoder) == []
    assert decoder.acks == 1
    (event,) = decode('{"code":0,"msg":"Unknown property","id":1}', decoder=decoder)
    assert isinstance(event, FeedStatus) and "Unknown property" in event.detail
    assert "Unknown property" in decoder.troubles[""] and decoder.malformed == 0


@pytest.mark.parametrize(
    "frame",
    [
        '{"e":"serverShutdown","E":1770123456789}',
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
    ],
)
def test_a_server_shutdown_asks_for_a_new_connection(frame: str) -> None:
    decoder = BinanceDecoder()
    assert decode(frame, decoder=decoder) == []
    assert "shutdown" in decoder.reconnect


def test_frames_of_other_channels_are_skipped() -> None:
    decoder = BinanceDecoder(book_levels=0)
    update = '{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}'
    partial = '{"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":7,"bids":[],"asks":[]}}'
    frame = f'{{"stream":"btcusdt@depth@100ms","data":{update}}}'
    ticker = '{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","s":"BTCUSDT"}}'
    assert decode(*[frame, partial, ticker] * 2, decoder=decoder) == []
    assert decoder.skipped == 6


AGGREGATE = (
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1633998523963,"s":"BTCUSDT","a":15683430,'
    '"p":"0.35280000","q":"58.00000000","f":19862790,"l":19862790,"T":1633998523963,"m":false,"M":true}}'
)


def test_what_two_channels_tell_counts_once() -> None:
    """A tape may hold both ways of telling trades: the first one found is taken."""
    aggregated = Trade("binance:BTCUSDT", 15683430, 0.3528, 58.0, 1, 1633998523963000000, 7)
    assert decode(TRADE, AGGREGATE, TRADE) == [EXPECTED_TRADE] * 2
    assert decode(AGGREGATE, TRADE, AGGREGATE) == [aggregated] * 2
    subscribed = BinanceDecoder(["BTCUSDT"], book_levels=0)
    assert decode(AGGREGATE, TRADE, decoder=subscribed) == [EXPECTED_TRADE]
    assert subscribed.skipped == 1


def test_times_in_microseconds() -> None:
    fine = TRADE.replace("1723161255342", "1723161255342123")
    (trade,) = decode(fine)
    assert isinstance(trade, Trade) and trade.event_ns == 1723161255342123000
    (bad,) = decode(TRADE.replace("1723161255342", "99999999999999"))
    assert isinstance(bad, Malformed)


def test_a_book_of_one_side_has_no_quote() -> None:
    decoder = BinanceDecoder()
    one_sided = BOOK.replace('"61837.63000000","B":"3.78826000"', '"0.00000000","B":"0.00000000"')
    assert decode(one_sided, one_sided, decoder=decoder) == [] and decoder.skipped == 2


@pytest.mark.parametrize("number", ["0.00000000", "-1", "nan", "inf", "1e999", "", "x"])
def test_no_tick_without_a_price(number: str) -> None:
    for frame in (TRADE, AGGREGATE):
        for field in "pq":
            broken = re.sub(f'"{field}":"[^"]*"', f'"{field}":"{number}"', frame)
            assert [type(event) for event in decode(broken)] == [Malformed]
    for field in "bBaA":
        broken = re.sub(f'"{field}":"[^"]*"', f'"{field}":"{number}"', BOOK)
        assert not any(isinstance(event, Quote) for event in decode(broken, broken))


KLINE = (
    '{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1633998523963,"s":"BTCUSDT","k":{"t":1633998480000,'
    '"T":1633998539999,"s":"BTCUSDT","i":"1m","f":19862761,"L":19862790,"o":"0.35270000","c":"0.35280000",'
    '"h":"0.35290000","l":"0.35220000","v":"25877.00000000","n":30,"x":false,"q":"9116.04600000",'
    '"V":"58.00000000","Q":"20.46240000","B":"0"}}}'
)


def test_a_bar_is_closed_by_the_venues_word() -> None:
    bar = Candle(
        "binance:BTCUSDT", 60, 1633998480000000000, 0.3527, 0.3529, 0.3522, 0.3528, 25877.0, False,
        1633998523963000000, 7, 30,
    )  # fmt: skip
    closed = msgspec.structs.replace(bar, closed=True)
    assert decode(KLINE, KLINE.replace('"x":false', '"x":true')) == [bar, closed]
    odd = KLINE.replace("kline_1m", "kline_1M").replace('"i":"1m"', '"i":"1M"')
    assert decode(odd, odd) == []


def test_the_url_subscribes() -> None:
    venue = Binance(FeedConfig(symbols=("BTCUSDT", "ETHUSDT")))
    names = [
        f"{one}@{kind}" for one in ("btcusdt", "ethusdt") for kind in ("trade", "bookTicker", "depth@100ms")
    ]
    assert venue.connect_url("ws://127.0.0.1:9/") == f"ws://127.0.0.1:9/stream?streams={'/'.join(names)}"
    assert venue.subscribe() == []
    bare = Binance(FeedConfig(symbols=("BTCUSDT",), book_levels=0, candles=True))
    assert bare.connect_url("ws://x").endswith("=btcusdt@trade/btcusdt@bookTicker/btcusdt@kline_1m")
    assert bare.book_request("BTCUSDT") is None


def test_many_streams_are_subscribed_by_messages() -> None:
    names = tuple(f"A{n}" for n in range(512))
    venue = Binance(FeedConfig(symbols=names, book_levels=0))
    assert venue.connect_url("ws://x") == "ws://x/stream"
    frames = [json.loads(frame) for frame in venue.subscribe()]
    streams = [stream for frame in frames for stream in frame["params"]]
    assert len(set(streams)) == len(streams) == 1024 and max(len(frame["params"]) for frame in frames) <= 100
    assert [frame["id"] for frame in frames] == list(range(1, 12))


def test_more_symbols_than_a_connection_carries_are_refused() -> None:
    names = tuple(f"A{n}" for n in range(513))
    with pytest.raises(ConfigError, match=r"feeds\.binance\.symbols names 513: .* 512 at most"):
        Binance(FeedConfig(symbols=names, book_levels=0))
    with pytest.raises(ConfigError, match=r"341 at most"):
        Binance(FeedConfig(symbols=names))


def klines(*opens_ms: int) -> bytes:
    row = '"1.5","3","1","2","10.5",{1},"1313200.01",617,"12.28","745719.4","0"'
    rows = ",".join(f"[{ms},{row.replace('{1}', str(ms + 59_999))}]" for ms in opens_ms)
    return f"[{rows}]".encode()


def test_bars_by_rest() -> None:
    venue = Binance(FeedConfig(symbols=("BTCUSDT",)))
    asked = venue.candles_request("BTCUSDT", 60, 120 * NS, 240 * NS)
    assert asked == Request(
        "/api/v3/klines",
        (
            ("symbol", "BTCUSDT"),
            ("interval", "1m"),
            ("startTime", "120000"),
            ("endTime", "239999"),
            ("limit", "1000"),
        ),
    )
    assert venue.candles_request("BTCUSDT", 77, 0, 1) is None
    bars = venue.parse_candles("BTCUSDT", 60, klines(180_000, 120_000), 185 * NS)
    assert [(bar.open_ns // NS, bar.closed) for bar in bars] == [(120, True), (180, False)]
    first = bars[0]
    assert (first.open, first.high, first.low, first.close, first.volume) == (1.5, 3.0, 1.0, 2.0, 10.5)
    assert (first.trades, first.source, first.event_ns) == (617, "binance", 180 * NS)
    with pytest.raises(ValueError, match="not the answer"):
        venue.parse_candles("BTCUSDT", 60, b"[[1]]", 1)
    with pytest.raises(ValueError, match="Invalid symbol"):
        venue.parse_candles("BTCUSDT", 60, b'{"code":-1121,"msg":"Invalid symbol."}', 1)
    with pytest.raises(UnreachableError, match="Too much"):
        venue.parse_candles("BTCUSDT", 60, b'{"code":-1003,"msg":"Too much request weight used."}', 1)


INFO = (
    b'{"symbols":[{"symbol":"BTCUSDT","quoteAsset":"USDT","filters":['
    b'{"filterType":"PRICE_FILTER","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","stepSize":"0.00001000",'
    b'"maxQty":"9000.00000000"},'
    b'{"filterType":"NOTIONAL","minNotional":"5.00000000"},{"filterType":"ICEBERG_PARTS","limit":10}]}]}'
)


def test_instruments_come_with_their_grid() -> None:
    (spec,) = Binance(FeedConfig(symbols=("BTCUSDT",))).parse_instruments(INFO)
    assert (spec.symbol, spec.quote_currency) == ("binance:BTCUSDT", "USDT")
    assert (spec.tick_size, spec.lot_size, spec.min_notional) == (
        Decimal("0.01"),
        Decimal("0.00001"),
        Decimal("5"),
    )
    assert spec.max_quantity == 9000
    assert read_instruments(INFO) == [spec]


def test_an_unknown_symbol_is_named() -> None:
    with pytest.raises(FeedError, match=r"NOPE.*feeds\.binance\.symbols"):
        Binance(FeedConfig(symbols=("NOPE",))).parse_instruments(INFO)


def rest_page(first: int, last: int) -> bytes:
    rows = ",".join(
        f'{{"id":{i},"price":"1.5","qty":"2","quoteQty":"3","time":{i},"isBuyerMaker":false,"isBestMatch":true}}'
        for i in range(first, last + 1)
    )
    return f"[{rows}]".encode()


def test_missing_trades_are_paged_from_old_to_new() -> None:
    found: list[Trade] = []
    fetch = Binance(FeedConfig(symbols=("BTCUSDT",))).missing("BTCUSDT", 100, 2600, 0, 9, found)
    assert next(fetch).path == "/api/v3/trades"
    requests = [fetch.send(rest_page(2301, 3300)), fetch.send(rest_page(100, 1099))]
    requests.append(fetch.send(rest_page(1100, 2099)))
    assert [dict(one.params).get("fromId") for one in requests] == ["100", "1100", "2100"]
    with pytest.raises(StopIteration):
        fetch.send(rest_page(2100, 3099))
    assert {trade.trade_id for trade in found} == set(range(100, 3301))


def test_recent_trades_alone_do_when_they_reach_back_far_enough() -> None:
    found: list[Trade] = []
    fetch = Binance(FeedConfig(symbols=("BTCUSDT",))).missing("BTCUSDT", 100, 102, 0, 9, found)
    assert next(fetch) == Request("/api/v3/trades", (("symbol", "BTCUSDT"), ("limit", "1000")))
    with pytest.raises(StopIteration):
        fetch.send(rest_page(50, 200))
    assert [trade.trade_id for trade in found] == list(range(50, 201))


@pytest.mark.data
def test_the_capture_decodes_without_loss(data_dir: Path) -> None:
    from engine.feeds.tape import Tape

    tape = Tape([data_dir / "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz"])
    events = [event for batch in tape.batches() for event in batch]
    trades = [event for event in events if isinstance(event, Trade)]
    assert (len(trades), sum(isinstance(event, Quote) for event in events)) == (19_904, 73_174)
    assert (tape.lines, tape.undecodable, tape.truncated, tape.venue) == (99_574, 0, False, "binance")
    assert [trade.trade_id for trade in trades] == list(
        range(trades[0].trade_id, trades[0].trade_id + len(trades))
    )


async def test_the_address_names_what_is_brought_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named once and for all it named no stream of many symbols, nor did the subscription of those left."""
    asked: list[str] = []

    async def refuse(url: str) -> Transport:
        asked.append(url)
        raise TransportError("nobody listens")

    monkeypatch.setattr(connection, "transport", lambda name, place: refuse)
    natives = tuple(f"A{number}USDT" for number in range(60))
    config = FeedConfig(symbols=natives, rest_url="http://127.0.0.1:9")
    feed = open_feed("binance", config, clock=time.time_ns, rng=random.Random(1))
    assert isinstance(feed, LeavesOut)
    feed.leave_out(natives[2:])
    task = asyncio.create_task(feed.run(lambda events: None))
    async with asyncio.timeout(5):
        while not asked:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "a0usdt@trade" in asked[0] and "a1usdt@bookTicker" in asked[0] and "a2usdt" not in asked[0]


async def test_what_was_being_fetched_when_a_feed_was_ended_is_fetched_when_it_runs_again() -> None:
    """Else all that came after it waited for 15 s, and then it was told as missing."""

    def told(trade_id: int) -> str:
        return TRADE.replace("3735683259", str(trade_id))

    async def talk(line: Line) -> None:
        await line.tell(*([told(1), told(2), told(5)] if line.number == 1 else [told(6)]))

    def answer(path: str, query: dict[str, str]) -> str:
        assert (path, query["symbol"]) == ("/api/v3/trades", "BTCUSDT")
        row = {"price": "1", "qty": "2", "quoteQty": "2", "time": 1, "isBuyerMaker": True}
        return json.dumps([row | {"id": one} for one in range(3, 6)])

    seen: list[MarketEvent] = []
    async with SmallVenue(talk, answer, path="/stream") as server:
        base = server.ws_url.removesuffix("/stream")
        config = FeedConfig(symbols=("BTCUSDT",), ws_url=base, rest_url=server.rest_url, book_levels=0)
        feed = open_feed("binance", config, clock=time.time_ns, rng=random.Random(1))
        task = asyncio.create_task(feed.run(seen.extend))
        async with asyncio.timeout(5):
            while not server.requests:
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ids = [one.trade_id for one in seen if isinstance(one, Trade)]
        assert ids == [1, 2]
        task = asyncio.create_task(feed.run(seen.extend))
        async with asyncio.timeout(5):
            while not any(isinstance(one, Trade) and one.trade_id == 6 for one in seen):
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    trades = [one for one in seen if isinstance(one, Trade)]
    assert [(one.trade_id, one.backfilled) for one in trades[2:]] == [
        *[(3, True), (4, True)],
        *[(5, False), (6, False)],
    ]
    assert not any(isinstance(one, Gap) for one in seen)
