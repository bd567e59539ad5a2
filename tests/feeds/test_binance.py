"""Binance spot frames and REST replies to events."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import Malformed, MarketEvent, Quote, Trade
from engine.feeds.base import Request
from engine.feeds.binance import MAX_SYMBOLS, Binance, BinanceDecoder, read_instruments

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
    assert isinstance(event, Malformed) and "Unknown property" in event.error


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


def test_depth_frames_are_skipped() -> None:
    decoder = BinanceDecoder()
    update = '{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}'
    frame = f'{{"stream":"btcusdt@depth@100ms","data":{update}}}'
    assert decode(frame, frame, decoder=decoder) == []
    assert decoder.skipped == 2


def test_the_url_subscribes() -> None:
    url = Binance(FeedConfig(symbols=("BTCUSDT", "ETHUSDT"))).connect_url("ws://127.0.0.1:9/")
    assert url == (
        "ws://127.0.0.1:9/stream?streams=btcusdt@trade/btcusdt@bookTicker/ethusdt@trade/ethusdt@bookTicker"
    )


def test_more_symbols_than_a_connection_carries_are_refused() -> None:
    names = tuple(f"A{n}" for n in range(MAX_SYMBOLS + 1))
    assert Binance(FeedConfig(symbols=names[1:])).connect_url("ws://x").count("@") == 1024
    with pytest.raises(ConfigError, match=r"feeds\.binance\.symbols names 513: .* 512 at most"):
        Binance(FeedConfig(symbols=names))


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
