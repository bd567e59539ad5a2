"""Kraken v2 frames, the checked book, and REST replies to events."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.events import FeedState, FeedStatus, Malformed, MarketEvent, Quote, Trade
from engine.feeds.base import UnreachableError
from engine.feeds.kraken import Kraken, KrakenDecoder
from engine.feeds.kraken_book import Book

# The example of the venue's checksum guide, in v2 form.
ASKS = [(f"0.050{n:02}", "0.00000500") for n in range(5, 55, 5)]
BIDS = [(f"0.0{n}", "0.00000500") for n in (5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950)]
GUIDE_CRC = 974947235


def decode(*frames: str | bytes, decoder: KrakenDecoder | None = None) -> list[MarketEvent]:
    decoder = decoder or KrakenDecoder()
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, 7, out)
    return out


def levels(rows: list[tuple[str, str]]) -> str:
    return "[" + ",".join(f'{{"price":{price},"qty":{size}}}' for price, size in rows) + "]"


def book(kind: str, asks: list[tuple[str, str]], bids: list[tuple[str, str]], crc: int | None) -> str:
    checksum = "" if crc is None else f',"checksum":{crc}'
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"A/B","bids":{levels(bids)},"asks":{levels(asks)}'
        f'{checksum},"timestamp":"2021-04-17T16:48:53.365913Z"}}]}}'
    )


def test_the_checksum_of_the_venues_own_guide() -> None:
    checked = Book(10)
    checked.apply(ASKS, BIDS)
    assert checked.checksum() == GUIDE_CRC


def test_a_right_book_quotes_its_top() -> None:
    (quote,) = decode(book("snapshot", ASKS, BIDS, GUIDE_CRC))
    assert quote == Quote("kraken:A/B", 0.05, 5e-06, 0.05005, 5e-06, 1618678133365913000, 7)


def test_a_wrong_book_is_thrown_away_and_asked_for_anew() -> None:
    decoder = KrakenDecoder()
    decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), decoder=decoder)
    (stale,) = decode(book("update", [("0.05001", "1")], [], 1), decoder=decoder)
    assert isinstance(stale, FeedStatus) and stale.state is FeedState.STALE
    methods = [json.loads(frame)["method"] for frame in decoder.outbox]
    assert methods == ["unsubscribe", "subscribe"]
    assert decode(book("update", [("0.05001", "2")], [], None), decoder=decoder) == []
    again = decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), decoder=decoder)
    assert [type(event) for event in again] == [FeedStatus, Quote]
    assert isinstance(again[0], FeedStatus) and again[0].state is FeedState.UP


def test_a_crossed_book_is_thrown_away_like_a_wrong_one() -> None:
    decoder = KrakenDecoder()
    decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), decoder=decoder)
    (stale,) = decode(book("update", [], [("0.05006", "1")], None), decoder=decoder)
    assert isinstance(stale, FeedStatus) and stale.state is FeedState.STALE and "is crossed" in stale.detail
    assert decoder.troubles == {"A/B": stale.detail} and len(decoder.outbox) == 2
    decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), decoder=decoder)
    assert decoder.troubles == {}


def test_a_book_that_stays_wrong_asks_for_a_new_connection() -> None:
    decoder = KrakenDecoder()
    decode(*[book("snapshot", ASKS, BIDS, 1)] * 6, decoder=decoder)
    assert "A/B" in decoder.reconnect and len(decoder.outbox) == 10


def test_the_book_is_cut_to_the_subscribed_depth() -> None:
    checked = Book(2)
    checked.apply([("1", "1"), ("2", "1"), ("3", "1")], [])
    checked.apply([("1", "0")], [("0.5", "1")])
    assert checked.best() == (0.5, 1.0, 2.0, 1.0)
    checked.apply([("2", "0")], [])
    assert checked.best() is None  # the level at 3 was beyond the depth


def test_a_crossed_book_quotes_nothing() -> None:
    checked = Book(10)
    checked.apply([("1.0", "1")], [("1.1", "1")])
    assert checked.best() is None and checked.crossed
    checked.apply([], [("1.1", "0")])
    assert not checked.crossed


@pytest.mark.parametrize("price", ["1e999", "1E+40"])
def test_absurd_numbers_do_not_enter_a_book(price: str) -> None:
    with pytest.raises(ValueError, match="not a price"):
        Book(10).apply([(price, "1")], [])


def test_trades_and_their_snapshot() -> None:
    frame = (
        '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":105910.5,"qty":0.0001246,'
        '"ord_type":"market","trade_id":10218209,"timestamp":"2023-10-06T17:35:56.123456Z"}]}'
    )
    expected = Trade("kraken:BTC/USD", 10218209, 105910.5, 0.0001246, -1, 1696613756123456000, 7)
    assert decode(frame) == [expected]
    (old,) = decode(frame.replace('"update"', '"snapshot"'))
    assert isinstance(old, Trade) and old.backfilled


def test_acks_statuses_heartbeats_and_errors() -> None:
    decoder = KrakenDecoder()
    ack = '{"method":"subscribe","result":{"channel":"book","depth":25,"symbol":"A/B"},"success":true}'
    status = '{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2"}]}'
    assert decode(ack, status, '{"channel":"heartbeat"}', decoder=decoder) == []
    assert (decoder.acks, decoder.heartbeats) == (2, 1)
    (maintenance,) = decode(status.replace("online", "maintenance"), decoder=decoder)
    assert isinstance(maintenance, FeedStatus) and maintenance.state is FeedState.STALE
    assert decoder.reconnect_delay_s == 5 and decoder.troubles == {"": maintenance.detail}
    (online,) = decode(status, decoder=decoder)
    assert isinstance(online, FeedStatus) and online.state is FeedState.UP and decoder.troubles == {}
    refusal = (
        '{"error":"Currency pair not supported X/Y","method":"subscribe","success":false,"symbol":"X/Y"}'
    )
    (event,) = decode(refusal, decoder=decoder)
    assert isinstance(event, Malformed) and "not supported X/Y" in event.error


PAIRS = (
    b'{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","pair_decimals":1,"lot_decimals":8,'
    b'"costmin":"0.5","tick_size":"0.1"}}}'
)


def test_instruments_under_their_v2_names() -> None:
    venue = Kraken(FeedConfig(symbols=("BTC/USD",)))
    (spec,) = venue.parse_instruments(PAIRS)
    assert (spec.symbol, spec.tick_size, spec.lot_size) == (
        "kraken:BTC/USD",
        Decimal("0.1"),
        Decimal("1e-8"),
    )
    assert dict(venue.quote_request("BTC/USD").params) == {"pair": "XBTUSD"}
    with pytest.raises(FeedError, match="XBTUSD"):
        Kraken(FeedConfig(symbols=("XBTUSD",))).parse_instruments(PAIRS)


def rest_trades(rows: list[tuple[int, int]]) -> bytes:
    body = ",".join(f'["1.5","2",{seconds}.5000001,"s","l","",{trade_id}]' for trade_id, seconds in rows)
    return f'{{"error":[],"result":{{"XXBTZUSD":[{body}],"last":"1"}}}}'.encode()


def test_missing_trades_are_paged_by_time() -> None:
    found: list[Trade] = []
    fetch = Kraken(FeedConfig(symbols=("BTC/USD",))).missing("BTC/USD", 3, 5, 2_000_000_000, 9, found)
    assert dict(next(fetch).params)["since"] == "1999999999"
    assert dict(fetch.send(rest_trades([(2, 2), (3, 3)])).params)["since"] == "3500000100"
    with pytest.raises(StopIteration):
        fetch.send(rest_trades([(4, 4), (5, 5), (6, 6)]))
    assert [trade.trade_id for trade in found] == [2, 3, 4, 5, 6]
    assert found[1].event_ns == 3_500_000_100 and found[1].aggressor == -1


def test_a_rest_error_is_a_value_error() -> None:
    venue = Kraken(FeedConfig(symbols=("A/B",)))
    with pytest.raises(ValueError, match="Unknown asset pair"):
        venue.parse_trades("A/B", b'{"error":["EQuery:Unknown asset pair"]}', 0)


def test_a_busy_venue_is_worth_another_try() -> None:
    venue = Kraken(FeedConfig(symbols=("A/B",)))
    with pytest.raises(UnreachableError, match="Too many requests") as caught:
        venue.parse_trades("A/B", b'{"error":["EGeneral:Too many requests"]}', 0)
    assert caught.value.retry_after_s > 0


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "books"), [("v2_DERIVED_5pairs_depth1000", 2897), ("v2_real_btcusd_depth10_first60", 61)]
)
def test_every_checksum_of_the_captures_holds(data_dir: Path, name: str, books: int) -> None:
    decoder = KrakenDecoder()
    out: list[MarketEvent] = []
    with gzip.open(data_dir / f"feeds/kraken/{name}.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            if row["ch"] == "ws":
                decoder.decode(row["raw"], row["t"] or 0, out)
    assert (decoder.checksums, decoder.mismatches) == (books, 0)
    assert out and all(isinstance(event, Quote) and event.bid < event.ask for event in out)


@pytest.mark.data
def test_one_changed_digit_is_noticed(data_dir: Path) -> None:
    decoder = KrakenDecoder()
    with gzip.open(data_dir / "feeds/kraken/v2_real_btcusd_depth10_first60.jsonl.gz", "rt") as lines:
        first = json.loads(next(lines))["raw"]
    (event,) = decode(first.replace("0.18967538", "0.18967539"), decoder=decoder)
    assert isinstance(event, FeedStatus) and decoder.mismatches == 1
