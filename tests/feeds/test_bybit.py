"""Bybit's frames: the real capture, update numbers, level 1, trade ids, bars, REST."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import BookStatus, Candle, Depth, FeedStatus, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds.base import UnreachableError
from engine.feeds.bybit import BybitDecoder, BybitLinearDecoder
from engine.feeds.bybit_rest import Bybit, BybitLinear, read_instruments, read_linear_instruments

CAPTURE = "bybit/v5_xrpusdt_ob500_20241201_first15"


def rows(data_dir: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(data_dir / f"feeds/{name}.jsonl.gz", "rt") as lines:
        yield from map(json.loads, lines)


def decoded(decoder: BybitDecoder, *frames: str, ns: int = 1) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, ns, out)
    return out


def book(kind: str, update: int, *, depth: int = 50, **sides: list[list[str]]) -> str:
    data = {"s": "BTCUSDT", "b": sides.get("b", []), "a": sides.get("a", []), "u": update, "seq": 1}
    frame = {"topic": f"orderbook.{depth}.BTCUSDT", "ts": 5, "type": kind, "data": data, "cts": 4}
    return json.dumps(frame, separators=(",", ":"))


SNAPSHOT = book("snapshot", 10, b=[["99", "1"], ["98", "2"]], a=[["101", "1"], ["102", "2"]])


@pytest.mark.data
def test_the_capture_without_a_gap(data_dir: Path) -> None:
    decoder, out = BybitLinearDecoder(), list[MarketEvent]()
    for row in rows(data_dir, CAPTURE):
        decoder.decode(row["raw"], row["t"], out)
    assert (decoder.malformed, decoder.sequence_gaps, decoder.books.resyncs) == (0, 0, 0)
    assert {type(event) for event in out} == {Depth}
    held = decoder.books.get("bybit-linear:XRPUSDT")
    assert held is not None and not held.crossed and held.depth == 500


@pytest.mark.data
@pytest.mark.parametrize("fault", ["dropped", "duplicated", "swapped"])
def test_each_fault_in_the_capture_is_told_within_the_message_that_shows_it(
    data_dir: Path, fault: str
) -> None:
    frames = [row["raw"] for row in rows(data_dir, CAPTURE)]
    for at in range(1, len(frames) - 1):
        decoder = BybitLinearDecoder()
        decoded(decoder, *frames[:at])
        if fault == "duplicated":
            assert not any(isinstance(event, BookStatus) for event in decoded(decoder, frames[at]))
        (status,) = decoded(decoder, frames[at] if fault == "duplicated" else frames[at + 1])
        assert isinstance(status, BookStatus) and not status.live and "misses" in status.reason
        assert decoder.sequence_gaps == 1 and len(decoder.books) == 0
        assert decoded(decoder, frames[at]) == []
        out = decoded(decoder, frames[0], ns=10**9)
        assert isinstance(out[0], BookStatus) and out[0].live


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (book("delta", 12), "misses an update"),
        (book("delta", 10), "misses an update"),
        (book("delta", 11, b=[["101", "1"]]), "is crossed"),
        (book("delta", 11, b=[["inf", "1"]]), "is none"),
        (book("delta", 11, a=[["101", "-1"]]), "is none"),
        (book("snapshot", 40, b=[["x", "1"]]), "is none"),
    ],
)
def test_a_wrong_book_is_told_asked_for_anew_and_mended_by_its_snapshot(frame: str, why: str) -> None:
    decoder = BybitDecoder(["BTCUSDT"])
    decoded(decoder, SNAPSHOT)
    (status, *rest) = decoded(decoder, frame, ns=5)
    assert isinstance(status, BookStatus) and not status.live and why in status.reason and status.recv_ns == 5
    assert all(isinstance(event, Malformed) for event in rest)
    assert decoder.outbox == [
        '{"op":"unsubscribe","args":["orderbook.50.BTCUSDT"]}',
        '{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}',
    ]
    assert decoded(decoder, book("delta", 13)) == [] and "BTCUSDT" in decoder.troubles
    live, depth = decoded(decoder, SNAPSHOT, ns=10**9)
    assert isinstance(live, BookStatus) and live.live and isinstance(depth, Depth) and not decoder.troubles


def test_a_snapshot_that_does_not_come_costs_the_socket() -> None:
    decoder = BybitDecoder(["BTCUSDT"])
    decoded(decoder, SNAPSHOT, book("delta", 12))
    decoder.flush(1, [])
    decoder.flush(29 * 10**9, [])
    assert not decoder.reconnect
    decoder.flush(31 * 10**9, [])
    assert "no new snapshot" in decoder.reconnect


def test_a_book_is_wrong_as_soon_as_an_update_cannot_be_read() -> None:
    decoder = BybitDecoder(["BTCUSDT", "ETHUSDT"])
    decoded(decoder, SNAPSHOT, SNAPSHOT.replace("BTCUSDT", "ETHUSDT"))
    frame = book("delta", 8, b=[["99", "3"]])
    malformed, wrong = decoded(decoder, frame[:-9])
    assert isinstance(malformed, Malformed)
    assert isinstance(wrong, BookStatus) and not wrong.live and wrong.symbol == "bybit:BTCUSDT"
    assert decoder.books.get("bybit:ETHUSDT") is not None
    top = book("snapshot", 8, depth=1, b=[["99", "3"]])
    assert len(decoded(decoder, frame[:-9], top[:-9])) == 2  # told once, and not of another depth


@pytest.mark.parametrize("kind", ["snapshot", "delta"])
def test_a_new_snapshot_and_number_one_replace_the_book(kind: str) -> None:
    decoder = BybitDecoder(["BTCUSDT"])
    decoded(decoder, SNAPSHOT, book("delta", 11, b=[["99", "3"]]))
    out = decoded(decoder, book(kind, 1, b=[["50", "1"]], a=[["51", "1"]]), book("delta", 2, a=[["51", "2"]]))
    assert not any(isinstance(event, BookStatus) for event in out) and decoder.sequence_gaps == 0
    held = decoder.books.get("bybit:BTCUSDT")
    assert held is not None and held.best() == (50.0, 1.0, 51.0, 2.0)


def test_level_one_is_the_quote_and_no_book() -> None:
    decoder = BybitDecoder(["BTCUSDT"])
    one = book("snapshot", 7, depth=1, b=[["99", "1"]], a=[["101", "2"]])
    quotes = decoded(decoder, one, one, SNAPSHOT, ns=9)  # again after 3 s: the number does not change
    assert quotes[:2] == [Quote("bybit:BTCUSDT", 99.0, 1.0, 101.0, 2.0, 4_000_000, 9)] * 2
    assert decoded(decoder, book("snapshot", 8, depth=1, b=[["99", "1"]])) == [] and decoder.skipped == 1
    # Contracts once told changes of it.
    decoded(decoder, one)
    (quote,) = decoded(decoder, book("delta", 9, depth=1, b=[["99", "0"], ["98", "4"]]))
    assert isinstance(quote, Quote) and (quote.bid, quote.bid_size, quote.ask) == (98.0, 4.0, 101.0)
    (bad,) = decoded(decoder, book("snapshot", 8, depth=1, b=[["nan", "1"]], a=[["101", "1"]]))
    assert isinstance(bad, Malformed)
    # A book of another depth is another channel: it does not mix with the first.
    assert decoded(decoder, SNAPSHOT.replace("orderbook.50", "orderbook.200"), ns=10**9) == []


def print_of(number: str, **other: object) -> str:
    row = {"T": 3, "s": "BTCUSDT", "S": "Sell", "v": "0.5", "p": "100", "i": number, "BT": False} | other
    return json.dumps({"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 4, "data": [row]}).replace(
        '{"topic": "', '{"topic":"'
    )


def test_trade_ids_tell_trades_apart() -> None:
    decoder = BybitDecoder(["BTCUSDT"])
    uuids = [f"20f43950-d8dd-5b31-9112-a178eb6023a{one}" for one in "aba"]
    found = [event.trade_id for event in decoded(decoder, *map(print_of, uuids)) if isinstance(event, Trade)]
    assert len(found) == 3 and found[0] == found[2] != found[1] and min(found) >= 0 and max(found) < 1 << 63
    (spot,) = decoded(decoder, print_of("2290000000068683805"), ns=9)
    assert spot == Trade("bybit:BTCUSDT", 2290000000068683805, 100.0, 0.5, -1, 3_000_000, 9)
    (odd,) = decoded(decoder, print_of("9999999999999999999"))
    assert isinstance(odd, Trade) and odd.trade_id == -1
    assert decoded(decoder, print_of("1", BT=True)) == [] and decoder.skipped == 1  # not from the book


@pytest.mark.parametrize(
    "wrong", [{"p": "0"}, {"p": "nan"}, {"v": "-1"}, {"v": "0"}, {"p": "inf"}, {"T": -1}]
)
def test_no_bad_trade_is_let_through(wrong: dict[str, object]) -> None:
    event, gap = decoded(BybitDecoder(["BTCUSDT"]), print_of("1", **wrong))
    assert isinstance(event, Malformed)
    assert isinstance(gap, Gap) and (gap.symbol, gap.first_id) == ("bybit:BTCUSDT", -1)


def test_bars_acks_heartbeats_and_refusals() -> None:
    decoder = BybitDecoder(["BTCUSDT"])
    bar = {"start": 60_000, "end": 119_999, "interval": "1", "open": "1", "close": "2", "high": "3"}
    bar |= {"low": "0.5", "volume": "10", "turnover": "15", "confirm": True, "timestamp": 119_000}
    frame = json.dumps({"topic": "kline.1.BTCUSDT", "data": [bar], "ts": 120_001, "type": "snapshot"})
    (candle,) = decoded(decoder, frame, ns=9)
    expected = (60, 60 * 10**9, 1.0, 3.0, 0.5, 2.0, 10.0, True, 120_001_000_000)
    assert candle == Candle("bybit:BTCUSDT", *expected, 9)
    assert decoded(decoder, frame.replace('"interval": "1"', '"interval": "W"')) == []
    pongs = '{"success":true,"ret_msg":"pong","conn_id":"a","op":"ping"}', '{"op":"pong","args":["1"]}'
    ack = '{"success":true,"ret_msg":"subscribe","conn_id":"a","req_id":"1","op":"subscribe"}'
    assert decoded(decoder, *pongs, ack) == [] and (decoder.heartbeats, decoder.acks) == (2, 1)
    (told,) = decoded(decoder, '{"success":false,"ret_msg":"Invalid topic: x","op":"subscribe"}')
    assert isinstance(told, FeedStatus) and "Invalid topic: x" in told.detail and decoder.malformed == 0


def test_subscriptions_keep_the_venues_limits() -> None:
    natives = tuple(f"C{at}USDT" for at in range(9))
    venue = Bybit(FeedConfig(symbols=natives, book_levels=100, candles=True))
    frames = [json.loads(frame)["args"] for frame in venue.subscribe()]
    assert max(map(len, frames)) == 10 and sum(map(len, frames)) == 36
    assert {topic.rpartition(".")[0] for args in frames for topic in args} == {
        "publicTrade", "orderbook.1", "orderbook.200", "kline.1",
    }  # fmt: skip
    linear = BybitLinear(FeedConfig(symbols=("BTCUSDT",)))
    assert linear.ws_url.endswith("/linear") and linear.decoder().venue == "bybit-linear"
    assert json.loads(linear.subscribe()[0])["args"][-1] == "orderbook.50.BTCUSDT"
    assert linear.ping_frame == '{"op":"ping"}' and linear.ping_s <= 20 and linear.connect_gap_s >= 300 / 500
    with pytest.raises(ConfigError, match="does not carry so many"):
        Bybit(FeedConfig(symbols=tuple(f"COIN{at}USDT" for at in range(500))))


def reply(result: object, code: int = 0, text: str = "OK") -> bytes:
    return json.dumps({"retCode": code, "retMsg": text, "result": result}).encode()


def test_rest() -> None:
    venue = BybitLinear(FeedConfig(symbols=("BTCUSDT",)))
    request = venue.recent_request("BTCUSDT")
    assert dict(request.params) == {"category": "linear", "symbol": "BTCUSDT", "limit": "1000"}
    trade = {"symbol": "BTCUSDT", "price": "100", "size": "1", "side": "Buy", "isBlockTrade": False}
    told = [trade | {"execId": str(at), "time": str(at)} for at in (3, 2, 1)]
    told.append(told[0] | {"isBlockTrade": True})
    found = venue.parse_trades("BTCUSDT", reply({"list": told}), 9)
    assert [(one.trade_id, one.event_ns, one.aggressor) for one in found] == [
        (at, at * 10**6, 1) for at in (1, 2, 3)
    ]
    tick = {"bid1Price": "99", "bid1Size": "1", "ask1Price": "101", "ask1Size": "2"}
    quote = venue.parse_quote("BTCUSDT", reply({"list": [tick]}), 9)
    assert quote == Quote("bybit-linear:BTCUSDT", 99.0, 1.0, 101.0, 2.0, 9, 9)
    bars = [[str(ms), "1", "3", "0.5", "2", "10", "15"] for ms in (120_000, 60_000)]
    first, last = venue.parse_candles("BTCUSDT", 60, reply({"list": bars}), 121 * 10**9)
    assert (first.open_ns, first.closed, last.closed) == (60 * 10**9, True, False)
    asked = venue.candles_request("BTCUSDT", 60, 60 * 10**9, 10**16)
    assert asked is not None
    params = dict(asked.params)
    assert (params["interval"], params["start"], params["end"]) == ("1", "60000", "60059999")
    with pytest.raises(UnreachableError):
        venue.parse_quote("BTCUSDT", reply({}, 10006, "Too many visits!"), 1)
    with pytest.raises(ValueError, match="10001"):
        venue.parse_quote("BTCUSDT", reply({}, 10001, "params error"), 1)


def test_instruments() -> None:
    entry = {"symbol": "BTCUSDT", "quoteCoin": "USDT", "priceFilter": {"tickSize": "0.10"}}
    spot = {"basePrecision": "0.000001", "minOrderAmt": "5", "maxLimitOrderQty": "80"}
    (spec,) = read_instruments(reply({"list": [entry | {"lotSizeFilter": spot}]}))
    assert (spec.symbol, spec.quote_currency) == ("bybit:BTCUSDT", "USDT")
    assert (spec.tick_size, spec.lot_size) == (Decimal("0.1"), Decimal("0.000001"))
    assert (spec.min_notional, spec.max_quantity) == (Decimal(5), Decimal(80))
    linear = {"qtyStep": "0.001", "minNotionalValue": "5", "maxOrderQty": "1190.000"}
    body = reply({"list": [entry | {"lotSizeFilter": linear}]})
    (spec,) = read_linear_instruments(body)
    assert (spec.symbol, spec.lot_size, spec.max_quantity) == ("bybit-linear:BTCUSDT", Decimal("0.001"), 1190)
    with pytest.raises(FeedError, match=r"symbol ETHUSDT: correct feeds\.bybit-linear\.symbols"):
        BybitLinear(FeedConfig(symbols=("ETHUSDT",))).parse_instruments(body)


@pytest.mark.data
def test_samples(data_dir: Path) -> None:
    for row in rows(data_dir, "bybit/v5_samples"):
        decoder = BybitDecoder()
        decoded(decoder, row["raw"])
        if not row["kind"].startswith("http"):
            assert decoder.malformed == 0, row["kind"]
        elif "instruments" in row["kind"]:
            assert len(read_instruments(row["raw"])) == 2
