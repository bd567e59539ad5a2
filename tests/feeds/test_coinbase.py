"""Coinbase Exchange frames and REST replies to events."""

from __future__ import annotations

import gzip
import json
import math
from decimal import Decimal
from pathlib import Path

import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import NS, BookStatus, Candle, Depth, FeedStatus, Malformed, MarketEvent, Quote, Trade
from engine.feeds.books import PUBLISH_NS
from engine.feeds.coinbase import Coinbase, CoinbaseDecoder
from engine.feeds.tape import Tape
from engine.feeds.timestamps import rfc3339_ns

MATCH = (
    '{"type":"match","trade_id":881613,"maker_order_id":"a","taker_order_id":"b","side":"sell","size":"0.04",'
    '"price":"14.7775","product_id":"BAND-GBP","sequence":333938798,"time":"2021-04-17T16:43:30.244075Z"}'
)
TICKER = (
    '{"type":"ticker","sequence":1,"product_id":"BAND-GBP","price":"14.7775","best_bid":"14.7550",'
    '"best_ask":"14.8060","side":"buy","time":"2021-04-17T16:43:30.244075Z","trade_id":881613,"last_size":"0.04"}'
)
TIME_NS = 1_618_677_810_244_075_000


def decode(*frames: str | bytes, decoder: CoinbaseDecoder | None = None) -> list[MarketEvent]:
    decoder = decoder or CoinbaseDecoder()
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, 7, out)
    return out


def test_a_match_tells_the_makers_side() -> None:
    assert decode(MATCH) == [Trade("coinbase:BAND-GBP", 881613, 14.7775, 0.04, 1, TIME_NS, 7)]
    (bought,) = decode(MATCH.replace('"sell"', '"buy"'))
    assert isinstance(bought, Trade) and bought.aggressor == -1


def test_the_last_match_before_the_subscription_is_history() -> None:
    (trade,) = decode(MATCH.replace('"match"', '"last_match"'))
    assert isinstance(trade, Trade) and trade.backfilled


def test_a_ticker_without_sizes_quotes_unknown_sizes() -> None:
    (quote,) = decode(TICKER)
    assert isinstance(quote, Quote) and (quote.bid, quote.ask, quote.event_ns) == (14.755, 14.806, TIME_NS)
    assert math.isnan(quote.bid_size) and math.isnan(quote.ask_size)
    (sized,) = decode(TICKER.replace('"side"', '"best_bid_size":"3.5","best_ask_size":"4","side"'))
    assert isinstance(sized, Quote) and (sized.bid_size, sized.ask_size) == (3.5, 4.0)


def test_a_frame_that_names_its_type_last_decodes_too() -> None:
    moved = "{" + MATCH[len('{"type":"match",') : -1] + ',"type":"match"}'
    assert decode(moved) == decode(MATCH)


def test_the_ticker_quotes_where_no_book_is_wanted_and_on_tapes_without_books() -> None:
    live = CoinbaseDecoder(["BAND-GBP"])
    assert decode(TICKER, decoder=live) == []  # its first one may be of a trade that is long past
    assert len(decode(TICKER, decoder=CoinbaseDecoder(["BAND-GBP"], book_levels=0))) == 1
    tape = CoinbaseDecoder()
    assert len(decode(TICKER, decoder=tape)) == 1
    decode(SNAPSHOT, decoder=tape)
    assert decode(TICKER, decoder=tape) == []


def test_an_empty_side_is_no_quote() -> None:
    decoder = CoinbaseDecoder()
    assert decode(TICKER.replace('"14.7550"', '"0"'), decoder=decoder) == [] and decoder.skipped == 1
    (bad,) = decode(TICKER.replace('"14.7550"', '"-14"'))
    assert isinstance(bad, Malformed)


def test_heartbeats_and_acks_append_nothing() -> None:
    decoder = CoinbaseDecoder()
    assert decode(beat(20), '{"type":"subscriptions","channels":[]}', decoder=decoder) == []
    assert (decoder.heartbeats, decoder.acks) == (1, 1)


def beat(last_id: int) -> str:
    return (
        f'{{"type":"heartbeat","sequence":90,"last_trade_id":{last_id},"product_id":"BAND-GBP",'
        '"time":"2021-04-17T16:43:31.464459Z"}'
    )


def test_a_trade_that_only_heartbeats_tell_of_is_asked_for_by_subscribing_anew() -> None:
    decoder = CoinbaseDecoder(["BAND-GBP"])
    decode(MATCH, beat(881613), beat(881614), beat(881614), decoder=decoder)
    assert decoder.outbox == [] and decoder.sequence_gaps == 0  # it may still be on its way
    decode(beat(881615), decoder=decoder)
    assert decoder.sequence_gaps == 1
    sent = [json.loads(frame) for frame in decoder.outbox]
    assert [(one["type"], one["product_ids"], one["channels"]) for one in sent] == [
        ("unsubscribe", ["BAND-GBP"], ["matches"]),
        ("subscribe", ["BAND-GBP"], ["matches"]),
    ]
    decode(*[beat(881615)] * 20, decoder=decoder)
    assert len(decoder.outbox) == 2
    decode(MATCH.replace("881613", "881615").replace('"match"', '"last_match"'), decoder=decoder)
    decode(*[beat(881615)] * 20, decoder=decoder)
    assert len(decoder.outbox) == 2 and decoder.sequence_gaps == 1


def test_a_trade_that_overtakes_its_heartbeat_is_not_missed() -> None:
    decoder = CoinbaseDecoder(["BAND-GBP"])
    for trade_id in range(881613, 881640):
        decode(MATCH.replace("881613", str(trade_id)), beat(trade_id + 1), decoder=decoder)
    assert decoder.outbox == [] and decoder.sequence_gaps == 0


SNAPSHOT = (
    '{"type":"snapshot","product_id":"BAND-GBP","asks":[["14.81","2.50"],["14.82","1"]],'
    '"bids":[["14.75","1.0"],["14.70","3"]],"time":"2021-04-17T16:43:30Z"}'
)


def update(*changes: tuple[str, str, str], second: int = 31) -> str:
    return json.dumps(
        {
            "type": "l2update",
            "product_id": "BAND-GBP",
            "changes": changes,
            "time": f"2021-04-17T16:43:{second}Z",
        },
        separators=(",", ":"),
    )


def test_a_book_from_its_snapshot_and_changes() -> None:
    decoder, out = CoinbaseDecoder(), list[MarketEvent]()
    decoder.decode(SNAPSHOT, PUBLISH_NS, out)
    decoder.decode(update(("buy", "14.75", "0.00"), ("sell", "14.80", "7.10")), 2 * PUBLISH_NS, out)
    quote, first, after, second = out
    assert quote == Quote("coinbase:BAND-GBP", 14.75, 1.0, 14.81, 2.5, 1_618_677_810 * NS, PUBLISH_NS)
    assert isinstance(after, Quote) and (after.bid, after.ask_size) == (14.7, 7.1)
    assert isinstance(first, Depth) and first.bids == ((14.75, 1.0), (14.7, 3.0))
    assert isinstance(second, Depth) and second.bids == ((14.7, 3.0),) and second.asks[0] == (14.8, 7.1)
    book = decoder.books.get("coinbase:BAND-GBP")
    assert book is not None and book.exact(book.asks, 1) == [(Decimal("14.80"), Decimal("7.10"))]


def test_a_crossed_book_is_told_in_the_message_and_asked_for_anew() -> None:
    decoder = CoinbaseDecoder(["BAND-GBP"])
    decode(SNAPSHOT, decoder=decoder)
    (told,) = decode(update(("buy", "14.81", "1")), decoder=decoder)
    assert told == BookStatus("coinbase:BAND-GBP", False, "is crossed", True, 7)
    assert [json.loads(frame)["channels"] for frame in decoder.outbox] == [["level2_batch"]] * 2
    assert decode(update(("buy", "14.6", "1")), decoder=decoder) == []
    assert decode(TICKER, decoder=decoder) == []  # nor does the ticker quote while the book is wrong
    mended, quote = decode(SNAPSHOT, decoder=decoder)
    assert mended == BookStatus("coinbase:BAND-GBP", True, "", True, 7) and isinstance(quote, Quote)
    assert decoder.troubles == {}


@pytest.mark.parametrize(
    "broken",
    [
        update(("buy", "x", "1")),
        update(("hold", "14.6", "1")),
        update(("buy", "14.6", "-1")),
        update(("buy", "14.6", "1"))[:-3],
        update(("buy", "14.6", "1")).replace("2021", "21"),
        SNAPSHOT.replace("14.82", "inf"),
    ],
)
def test_a_change_that_cannot_be_read_leaves_a_wrong_book(broken: str) -> None:
    decoder = CoinbaseDecoder(["BAND-GBP", "BTC-USD"])
    decode(SNAPSHOT, SNAPSHOT.replace("BAND-GBP", "BTC-USD"), decoder=decoder)
    told = decode(broken, decoder=decoder)
    assert {type(event) for event in told} == {BookStatus, Malformed} and len(told) == 2
    assert decoder.books.get("coinbase:BAND-GBP") is None and len(decoder.books) == 1


def ticker(bid: str, second: int) -> str:
    return TICKER.replace("14.7550", bid).replace("14.8060", "14.81").replace(":30.244075Z", f":{second}Z")


def test_a_book_that_keeps_disagreeing_with_the_ticker_is_wrong() -> None:
    decoder = CoinbaseDecoder(["BAND-GBP"])
    decode(SNAPSHOT, decoder=decoder)
    told: list[MarketEvent] = []
    for second in range(31, 45, 3):
        told += decode(ticker("14.76", second), decoder=decoder)
        told += decode(update(("sell", "14.99", "1"), second=second + 2), decoder=decoder)
    (wrong,) = (event for event in told if isinstance(event, BookStatus))
    assert wrong.reason == "does not agree with the venue's ticker" and not wrong.live


def test_a_book_that_stands_still_while_the_ticker_moves_is_wrong() -> None:
    """Its changes do not come any more: nothing but the ticker can show it."""
    decoder = CoinbaseDecoder(["BAND-GBP"])
    decode(SNAPSHOT, decoder=decoder)
    told: list[tuple[int, MarketEvent]] = []
    for second in range(31, 60):
        told += [(second, event) for event in decode(ticker("14.76", second), decoder=decoder)]
    ((second, wrong),) = told
    assert isinstance(wrong, BookStatus) and not wrong.live and second == 49
    assert [json.loads(frame)["channels"] for frame in decoder.outbox] == [["level2_batch"]] * 2


def test_a_book_that_stands_still_as_the_ticker_does_is_right() -> None:
    decoder = CoinbaseDecoder(["BAND-GBP"])
    decode(SNAPSHOT, *(ticker("14.75", second) for second in range(31, 60)), decoder=decoder)
    assert decoder.books.resyncs == 0 and decoder.check.compared > 3 and decoder.check.differed == 0


def test_a_ticker_that_races_with_the_book_breaks_nothing() -> None:
    """Told before its change of the book, or after the one that follows; and before the snapshot."""
    decoder = CoinbaseDecoder(["BAND-GBP"])
    decode(ticker("11", 29), SNAPSHOT, ticker("12", 29), decoder=decoder)
    told: list[MarketEvent] = []
    for second in range(31, 58, 3):
        bid, after = f"14.7{second % 10}", f"14.6{second % 10}"
        told += decode(ticker(bid, second), decoder=decoder)
        told += decode(update(("buy", "14.75", "0"), ("buy", bid, "1"), second=second), decoder=decoder)
        told += decode(update(("buy", bid, "0"), ("buy", after, "1"), second=second), decoder=decoder)
        told += decode(ticker(bid, second), update(("sell", "15", "1"), second=second + 2), decoder=decoder)
        told += decode(update(("buy", after, "0"), second=second + 2), decoder=decoder)
    assert decoder.books.resyncs == 0
    assert (decoder.check.compared, decoder.check.differed) == (9, 0)


def test_a_refused_product_is_told_and_the_others_are_subscribed_without_it() -> None:
    decoder = CoinbaseDecoder(["NOPE-USD", "BTC-USD"])
    frame = '{"type":"error","message":"Failed to subscribe","reason":"NOPE-USD is not a valid product"}'
    book, feed = decode(frame, decoder=decoder)
    assert isinstance(book, BookStatus) and book.symbol == "coinbase:NOPE-USD" and not book.live
    assert isinstance(feed, FeedStatus) and "NOPE-USD is not a valid product" in feed.detail
    assert list(decoder.troubles) == ["NOPE-USD"] and decoder.malformed == 0
    (again,) = map(json.loads, decoder.outbox)
    assert again["product_ids"] == ["BTC-USD"] and "level2_batch" in again["channels"]
    decode(frame, decoder=decoder)
    assert len(decoder.outbox) == 1
    (general,) = decode('{"type":"error","message":"slow down"}', decoder=decoder)
    assert isinstance(general, FeedStatus) and "slow down" in decoder.troubles[""]


def test_channels_follow_the_configuration() -> None:
    (frame,) = Coinbase(FeedConfig(symbols=("A-B",))).subscribe()
    assert json.loads(frame)["channels"] == ["matches", "ticker", "heartbeat", "level2_batch"]
    (frame,) = Coinbase(FeedConfig(symbols=("A-B",), book_levels=0)).subscribe()
    assert json.loads(frame)["channels"] == ["matches", "ticker", "heartbeat"]
    with pytest.raises(ConfigError, match=r"feeds\.coinbase\.candles.*collection\.sources"):
        Coinbase(FeedConfig(symbols=("A-B",), candles=True))


def test_bars_by_rest_come_newest_first_and_in_pages_of_300() -> None:
    venue = Coinbase(FeedConfig(symbols=("A-B",)))
    request = venue.candles_request("A-B", 60, 90 * NS, 86_400 * NS)
    assert request is not None and request.path == "/products/A-B/candles"
    asked = {"granularity": "60", "start": "1970-01-01T00:02:00Z", "end": "1970-01-01T05:01:00Z"}
    assert dict(request.params) == asked
    short = venue.candles_request("A-B", 60, 120 * NS, 180 * NS)
    assert short is not None and dict(short.params)["end"] == "1970-01-01T00:02:00Z"
    assert venue.candles_request("A-B", 120, 0, NS) is None
    body = b"[[180,1.5,2.5,2,2.25,10],[120,1,3,2,2.5,0.5]]"
    first, second = venue.parse_candles("A-B", 60, body, 200 * NS)
    assert first == Candle(
        "coinbase:A-B", 60, 120 * NS, 2.0, 3.0, 1.0, 2.5, 0.5, True, 180 * NS, 200 * NS, source="coinbase"
    )
    assert not second.closed and (second.open, second.low) == (2.0, 1.5)
    assert all(one.closed for one in venue.parse_candles("A-B", 60, body, 260 * NS))
    assert venue.parse_candles("A-B", 60, b"[]", 0) == []
    with pytest.raises(ValueError, match="Expected"):
        venue.parse_candles("A-B", 60, b'{"message":"NotFound"}', 0)


PRODUCTS = (
    b'[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01",'
    b'"base_increment":"0.00000001","min_market_funds":"1"}]'
)


def test_instruments_and_the_unknown_one() -> None:
    (spec,) = Coinbase(FeedConfig(symbols=("BTC-USD",))).parse_instruments(PRODUCTS)
    assert (spec.tick_size, spec.lot_size) == (Decimal("0.01"), Decimal("0.00000001"))
    assert (spec.min_notional, spec.quote_currency) == (Decimal(1), "USD")
    with pytest.raises(FeedError, match="NOPE-USD"):
        Coinbase(FeedConfig(symbols=("BTC-USD", "NOPE-USD"))).parse_instruments(PRODUCTS)


def page(newest: int, oldest: int) -> bytes:
    rows = ",".join(
        f'{{"trade_id":{i},"side":"sell","size":"1","price":"2","time":"2021-04-17T16:43:30Z"}}'
        for i in range(newest, oldest - 1, -1)
    )
    return f"[{rows}]".encode()


def test_missing_trades_are_paged_from_new_to_old() -> None:
    found: list[Trade] = []
    fetch = Coinbase(FeedConfig(symbols=("BTC-USD",))).missing("BTC-USD", 10, 30, 0, 9, found)
    first = next(fetch)
    assert first.path == "/products/BTC-USD/trades" and dict(first.params)["after"] == "31"
    assert dict(fetch.send(page(30, 21)).params)["after"] == "21"
    with pytest.raises(StopIteration):
        fetch.send(page(20, 5))
    assert {trade.trade_id for trade in found} == set(range(5, 31))


@pytest.mark.data
def test_the_capture_decodes_without_loss(data_dir: Path) -> None:
    tape = Tape([data_dir / "feeds/coinbase/exchange_5products_20210417.jsonl.gz"])
    events = [event for batch in tape.batches() for event in batch]
    trades = [event for event in events if isinstance(event, Trade)]
    assert (len(trades), sum(trade.backfilled for trade in trades)) == (84, 5)
    assert sum(isinstance(event, Quote) for event in events) > 1000
    assert sum(isinstance(event, Depth) for event in events) > 500
    assert not any(isinstance(event, BookStatus) for event in events)
    assert tape.undecodable == 0 and len(tape.specs) == 10


@pytest.mark.data
def test_books_of_the_capture_agree_with_the_ticker(data_dir: Path) -> None:
    """But for four tickers that are older than their book's snapshot."""
    decoder = CoinbaseDecoder()
    with gzip.open(data_dir / "feeds/coinbase/exchange_5products_20210417.jsonl.gz", "rt") as lines:
        rows = [row for row in map(json.loads, lines) if row["ch"] == "ws"]
    equal, began, older = 0, dict[str, int](), 0
    for row in rows:
        decoder.decode(row["raw"], row["t"], [])
        told = json.loads(row["raw"])
        if told["type"] == "snapshot":
            began[told["product_id"]] = row["t"]
        elif told["type"] == "ticker":
            book = decoder.books.get(f"coinbase:{told['product_id']}")
            best = book.best() if book is not None else None
            assert best is not None
            same = (best[0], best[2]) == (float(told["best_bid"]), float(told["best_ask"]))
            equal += same
            older += not same and rfc3339_ns(told["time"]) < began[told["product_id"]]
    assert (equal, older) == (80, 4)
    assert decoder.check.compared >= 20 and decoder.check.differed == 0
    assert (decoder.malformed, decoder.books.crossed, decoder.sequence_gaps) == (0, 0, 0)


@pytest.mark.data
def test_a_capture_with_lost_changes_is_found_out(data_dir: Path) -> None:
    """Without sequence numbers a lost change is noticed late, by a crossing or by the ticker: of the five
    products here, by those that trade enough."""
    decoder, out = CoinbaseDecoder(), list[MarketEvent]()
    with gzip.open(data_dir / "feeds/coinbase/exchange_5products_20210417.jsonl.gz", "rt") as lines:
        rows = [row for row in map(json.loads, lines) if row["ch"] == "ws"]
    for at, row in enumerate(rows):
        if at < 2000 or '"l2update"' not in row["raw"] or at % 3:
            decoder.decode(row["raw"], row["t"], out)
    wrong = {event.symbol for event in out if isinstance(event, BookStatus) and not event.live}
    assert wrong == {"coinbase:BAND-GBP", "coinbase:DASH-BTC", "coinbase:SKL-USD"}
