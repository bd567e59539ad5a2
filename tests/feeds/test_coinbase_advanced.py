"""Coinbase Advanced Trade frames and REST replies to events; its one sequence over all channels."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import NS, BookStatus, Candle, FeedStatus, Malformed, MarketEvent, Quote, Trade
from engine.feeds.coinbase_advanced import AdvancedDecoder, CoinbaseAdvanced

SYMBOL = "coinbase-advanced:BTC-USD"
TIME_NS = 1_786_562_868_364_886_251


def message(number: int, channel: str, *events: dict[str, Any]) -> str:
    body = {
        "channel": channel,
        "timestamp": "2026-08-12T19:27:48.364886251Z",
        "sequence_num": number,
        "events": events,
    }
    return json.dumps(body, separators=(",", ":"))


def levels(
    number: int, *updates: tuple[str, str, str], kind: str = "update", product: str = "BTC-USD"
) -> str:
    rows = [
        {"side": side, "event_time": "1970-01-01T00:00:00Z", "price_level": price, "new_quantity": size}
        for side, price, size in updates
    ]
    return message(number, "l2_data", {"type": kind, "product_id": product, "updates": rows})


def snapshot(number: int, product: str = "BTC-USD") -> str:
    return levels(
        number,
        ("bid", "99.5", "1.50"),
        ("bid", "99", "2"),
        ("offer", "100", "3"),
        kind="snapshot",
        product=product,
    )


def trade(trade_id: int, side: str = "SELL") -> dict[str, str]:
    return {
        "product_id": "BTC-USD",
        "trade_id": str(trade_id),
        "price": "99.75",
        "size": "0.5",
        "time": "2026-08-12T19:27:48.298771Z",
        "side": side,
    }


def trades(number: int, *rows: dict[str, str], kind: str = "update") -> str:
    return message(number, "market_trades", {"type": kind, "trades": rows})


def beat(number: int) -> str:
    return message(number, "heartbeats", {"current_time": "x", "heartbeat_counter": 3049})


def ticker(number: int, bid: str = "99.5", ask: str = "100") -> str:
    tick = {
        "type": "ticker",
        "product_id": "BTC-USD",
        "best_bid": bid,
        "best_ask": ask,
        "best_bid_quantity": "1.5",
        "best_ask_quantity": "3",
    }
    return message(number, "ticker", {"type": "update", "tickers": [tick]})


def bar(start: int, close: str) -> dict[str, str]:
    return {
        "product_id": "BTC-USD",
        "start": str(start),
        "open": "1",
        "high": "9",
        "low": "1",
        "close": close,
        "volume": "7.5",
    }


def bars(number: int, *rows: dict[str, str]) -> str:
    return message(number, "candles", {"type": "update", "candles": rows})


def decode(
    *frames: str | bytes, decoder: AdvancedDecoder | None = None, recv_ns: int = 7
) -> list[MarketEvent]:
    decoder = decoder or AdvancedDecoder()
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, recv_ns, out)
    return out


def live() -> AdvancedDecoder:
    return AdvancedDecoder(["BTC-USD", "ETH-USD"], candles=True)


def test_trades_come_in_order_of_id_and_tell_the_makers_side() -> None:
    first, second = decode(trades(5, trade(12, "BUY"), trade(11)))
    assert first == Trade(SYMBOL, 11, 99.75, 0.5, 1, 1_786_562_868_298_771_000, 7)
    assert isinstance(second, Trade) and (second.trade_id, second.aggressor) == (12, -1)
    (old,) = decode(trades(0, trade(11), kind="snapshot"))
    assert isinstance(old, Trade) and old.backfilled


def test_the_ticker_quotes() -> None:
    assert decode(ticker(0)) == [Quote(SYMBOL, 99.5, 1.5, 100.0, 3.0, TIME_NS, 7)]
    decoder = AdvancedDecoder()
    assert decode(ticker(0, bid="0"), decoder=decoder) == [] and decoder.skipped == 1
    (bad,) = decode(ticker(0, bid="-1"))
    assert isinstance(bad, Malformed)


def test_a_book_from_its_snapshot_and_updates() -> None:
    decoder = AdvancedDecoder()
    decode(snapshot(0), levels(1, ("bid", "99.5", "0"), ("offer", "99.90", "7.0")), decoder=decoder)
    book = decoder.books.get(SYMBOL)
    assert book is not None and book.best() == (99.0, 2.0, 99.9, 7.0)
    assert book.exact(book.asks, 1) == [(Decimal("99.90"), Decimal("7.0"))]


@pytest.mark.parametrize(
    "next_frame", [beat(5), ticker(5), levels(5, ("bid", "98", "1")), trades(5, trade(14))]
)
def test_a_hole_in_the_sequence_breaks_all_books_in_the_message_that_shows_it(next_frame: str) -> None:
    decoder = live()
    decode(snapshot(0), snapshot(1, "ETH-USD"), beat(2), decoder=decoder)
    told = [event for event in decode(next_frame, decoder=decoder) if isinstance(event, BookStatus)]
    assert [(one.symbol, one.live, one.reason) for one in told] == [
        (SYMBOL, False, "missed 2 messages"),
        ("coinbase-advanced:ETH-USD", False, "missed 2 messages"),
    ]
    assert decoder.sequence_gaps == 1 and len(decoder.books) == 0
    sent = [json.loads(frame) for frame in decoder.outbox]
    assert [(one["type"], one["channel"]) for one in sent] == [
        (kind, channel)
        for channel in ("market_trades", "level2", "candles")
        for kind in ("unsubscribe", "subscribe")
    ]
    assert all(one["product_ids"] == ["BTC-USD", "ETH-USD"] for one in sent)
    mended = decode(levels(6, ("bid", "98", "1")), snapshot(7), decoder=decoder)
    quote = Quote(SYMBOL, 99.5, 1.5, 100.0, 3.0, TIME_NS, 7)
    assert mended == [BookStatus(SYMBOL, True, "", True, 7), quote] and list(decoder.troubles) == ["ETH-USD"]


def test_what_comes_twice_or_late_is_no_news_for_a_book() -> None:
    decoder = AdvancedDecoder()
    decode(snapshot(0), levels(1, ("bid", "99.5", "0")), beat(2), decoder=decoder)
    assert decode(levels(1, ("bid", "99.7", "9")), decoder=decoder) == []
    book = decoder.books.get(SYMBOL)
    assert book is not None and book.best() == (99.0, 2.0, 100.0, 3.0) and decoder.sequence_gaps == 0
    (late,) = decode(trades(1, trade(11)), decoder=AdvancedDecoder())
    assert isinstance(late, Trade)  # told apart by its id further on


def test_swapped_messages_are_noticed_by_the_first_of_them() -> None:
    decoder = live()
    decode(snapshot(0), decoder=decoder)
    (told,) = decode(levels(2, ("bid", "98", "1")), decoder=decoder)
    assert isinstance(told, BookStatus) and not told.live
    assert decode(levels(1, ("bid", "97", "1")), beat(3), decoder=decoder) == []
    assert decoder.sequence_gaps == 1


def test_a_count_that_went_wrong_is_found_again() -> None:
    decoder = live()
    decode(snapshot(0), beat(1_000_000), decoder=decoder)
    decode(beat(2), beat(3), snapshot(4), decoder=decoder)
    assert decoder.books.get(SYMBOL) is not None
    decode(levels(5, ("bid", "99.7", "1")), decoder=decoder)
    assert decoder.sequence_gaps == 2 and len(decoder.books) == 1


def test_holes_again_and_again_ask_for_a_new_connection() -> None:
    decoder = live()
    decode(*(beat(number) for number in range(0, 12, 2)), decoder=decoder)
    assert decoder.reconnect == "" and len(decoder.outbox) == 6
    decode(beat(12), decoder=decoder)
    assert "again and again" in decoder.reconnect


def test_a_hole_soon_after_another_is_answered_later() -> None:
    """What waits to be sent does not grow with the holes."""
    decoder = live()
    sent = []
    for tenth in range(40):
        decoder.decode(beat(2 * tenth if tenth < 4 else tenth + 3), tenth * NS // 10, [])
        decoder.flush(tenth * NS // 10, [])
        if decoder.outbox:
            sent.append((tenth, len(decoder.outbox)))
            decoder.outbox.clear()
    assert sent == [(1, 6), (21, 6)] and decoder.sequence_gaps == 3 and decoder.reconnect == ""


def test_a_snapshot_that_cannot_be_read_leaves_its_book_wrong_and_no_other() -> None:
    decoder = live()
    decode(snapshot(0), snapshot(1, "ETH-USD"), levels(2, ("bid", "99", "3")), decoder=decoder)
    told = decode(snapshot(3).replace('"99"', '"x"'), decoder=decoder)
    assert [(one.symbol, one.live) for one in told if isinstance(one, BookStatus)] == [(SYMBOL, False)]
    assert list(decoder.books.symbols) == ["coinbase-advanced:ETH-USD"]
    assert [json.loads(one)["product_ids"] for one in decoder.outbox] == [["BTC-USD"], ["BTC-USD"]]
    decoder.flush(NS, [])


def test_a_tape_of_two_connections_begins_anew() -> None:
    decoder = AdvancedDecoder()
    decode(snapshot(0), beat(1), beat(2), decoder=decoder)
    (told,) = decode(message(0, "subscriptions", {"subscriptions": {}}), decoder=decoder)
    assert isinstance(told, BookStatus) and not told.live and decoder.sequence_gaps == 0
    assert decode(snapshot(1), decoder=decoder)[0] == BookStatus(SYMBOL, True, "", True, 7)


@pytest.mark.parametrize(
    "broken",
    [
        levels(2, ("bid", "x", "1")),
        levels(2, ("middle", "99", "1")),
        levels(2, ("bid", "99", "-1")),
        levels(2, ("bid", "99", "1")).replace("2026", "20"),
        levels(2, ("bid", "99", "1"))[:-4],
    ],
)
def test_an_update_that_cannot_be_read_leaves_a_wrong_book(broken: str) -> None:
    decoder = live()
    decode(snapshot(0), snapshot(1, "ETH-USD"), decoder=decoder)
    told = decode(broken, decoder=decoder)
    assert Counter(type(event) for event in told) == {BookStatus: 1, Malformed: 1}
    assert decoder.books.get(SYMBOL) is None and len(decoder.books) == 1
    assert decode(beat(3), decoder=decoder) == [] and decoder.sequence_gaps == 0


def test_a_crossed_book_is_asked_for_anew() -> None:
    decoder = live()
    _, told = decode(snapshot(0), levels(1, ("bid", "100", "1")), decoder=decoder)
    assert told == BookStatus(SYMBOL, False, "is crossed", True, 7)
    assert [json.loads(frame)["product_ids"] for frame in decoder.outbox] == [["BTC-USD"]] * 2


def test_a_snapshot_that_never_comes_needs_a_new_connection() -> None:
    decoder = live()
    decode(snapshot(0), levels(1, ("bid", "100", "1")), decoder=decoder)
    for second in range(30):
        decoder.flush(second * NS, [])
    assert decoder.reconnect == ""
    decoder.flush(31 * NS, [])
    assert decoder.reconnect == "no new snapshot of the book of BTC-USD came"


def test_only_its_successor_closes_a_bar_and_no_hole_does() -> None:
    decoder = AdvancedDecoder()
    frames = bars(0, bar(600, "2"), bar(300, "3")), bars(1, bar(600, "4"))
    out = decode(*frames, decoder=decoder, recv_ns=2000 * NS)
    told = [(one.open_ns // NS, one.close, one.closed) for one in out if isinstance(one, Candle)]
    assert told == [(300, 3.0, False), (300, 3.0, True), (600, 2.0, False), (600, 4.0, False)]
    assert isinstance(out[0], Candle) and out[0].interval_s == 300 and out[0].volume == 7.5
    (after,) = decode(bars(9, bar(900, "5")), decoder=decoder, recv_ns=2000 * NS)
    assert isinstance(after, Candle) and not after.closed  # what was missed may belong to the bar before


def test_acks_heartbeats_and_errors() -> None:
    decoder = live()
    frames = (
        message(0, "subscriptions", {"subscriptions": {"level2": ["BTC-USD"]}}),
        beat(1),
        message(2, "user"),
    )
    assert decode(*frames, decoder=decoder) == []
    assert (decoder.acks, decoder.heartbeats, decoder.skipped, decoder.sequence_gaps) == (1, 1, 1, 0)
    book, feed = decode('{"type":"error","message":"failed: ETH-USD is no product"}', decoder=decoder)
    assert isinstance(book, BookStatus) and book.symbol.endswith("ETH-USD")
    assert isinstance(feed, FeedStatus) and list(decoder.troubles) == ["ETH-USD"] and decoder.malformed == 0
    decode(snapshot(3), decoder=decoder)
    assert decoder.books.get(SYMBOL) is not None
    (unknown,) = decode('{"channel":"weather","sequence_num":4}', decoder=decoder)
    assert isinstance(unknown, Malformed)


def test_one_channel_a_frame_and_heartbeats_first() -> None:
    frames = CoinbaseAdvanced(FeedConfig(symbols=("BTC-USD",), candles=True)).subscribe()
    told = [(one["channel"], one.get("product_ids")) for one in map(json.loads, frames)]
    assert told == [
        ("heartbeats", None),
        ("market_trades", ["BTC-USD"]),
        ("ticker", ["BTC-USD"]),
        ("level2", ["BTC-USD"]),
        ("candles", ["BTC-USD"]),
    ]
    assert len(CoinbaseAdvanced(FeedConfig(symbols=("BTC-USD",), book_levels=0)).subscribe()) == 3
    with pytest.raises(ConfigError, match="BTC-USDC under the name of BTC-USD"):
        CoinbaseAdvanced(FeedConfig(symbols=("USDT-USDC", "BTC-USDC")))


def test_instruments_and_the_unknown_one() -> None:
    product = {
        "product_id": "BTC-USD",
        "quote_currency_id": "USD",
        "quote_increment": "0.01",
        "price_increment": "0.05",
        "base_increment": "0.00000001",
        "quote_min_size": "1",
        "base_max_size": "3400",
    }
    unlisted = product | {"product_id": "X-1", "base_increment": ""}
    body = json.dumps({"products": [unlisted, product]}).encode()
    venue = CoinbaseAdvanced(FeedConfig(symbols=("BTC-USD",)))
    (spec,) = venue.parse_instruments(body)
    assert (spec.symbol, spec.tick_size, spec.max_quantity) == (SYMBOL, Decimal("0.05"), Decimal(3400))
    assert venue.instruments_request().params == (("product_ids", "BTC-USD"),)
    with pytest.raises(FeedError, match=r"NOPE-USD: correct feeds\.coinbase-advanced\.symbols"):
        CoinbaseAdvanced(FeedConfig(symbols=("NOPE-USD",))).parse_instruments(body)


def page(newest: int, oldest: int) -> bytes:
    """Ten trades a second."""
    rows = [
        {
            "trade_id": str(n),
            "side": "SELL",
            "size": "1",
            "price": "2",
            "time": f"1970-01-01T00:00:{n // 10:02}Z",
        }
        for n in range(newest, oldest - 1, -1)
    ]
    return json.dumps({"trades": rows}).encode()


def test_missing_trades_are_paged_from_new_to_old_by_time() -> None:
    found: list[Trade] = []
    venue = CoinbaseAdvanced(FeedConfig(symbols=("BTC-USD",)))
    fetch = venue.missing("BTC-USD", 100, 300, 9 * NS, 50 * NS, found)
    first = next(fetch)
    assert first.path == "/api/v3/brokerage/market/products/BTC-USD/ticker"
    assert dict(first.params) == {"limit": "1000", "start": "8", "end": "52"}
    assert dict(fetch.send(page(400, 250)).params)["end"] == "26"
    assert dict(fetch.send(page(259, 150)).params)["end"] == "16"
    with pytest.raises(StopIteration):
        fetch.send(page(159, 90))
    assert {trade.trade_id for trade in found} >= set(range(100, 301)) and found[0].aggressor == 1


@pytest.mark.parametrize("body", [b'{"trades":[]}', page(459, 450)])
def test_a_page_that_leads_nowhere_ends_the_search(body: bytes) -> None:
    fetch = CoinbaseAdvanced(FeedConfig(symbols=("A-B",))).missing("A-B", 100, 300, 44 * NS, 44 * NS, [])
    next(fetch)
    with pytest.raises(StopIteration):
        fetch.send(body)
        fetch.send(body)


def test_bars_by_rest() -> None:
    venue = CoinbaseAdvanced(FeedConfig(symbols=("A-B",)))
    request = venue.candles_request("A-B", 60, 90 * NS, 86_400 * NS)
    assert request is not None and dict(request.params) == {
        "start": "120",
        "end": str(120 + 349 * 60),
        "granularity": "ONE_MINUTE",
        "limit": "350",
    }
    assert venue.candles_request("A-B", 61, 0, NS) is None
    body = json.dumps({"candles": [bar(180, "5"), bar(120, "4")]}).encode()
    first, second = venue.parse_candles("A-B", 60, body, 200 * NS)
    assert (first.open_ns, first.close, first.closed) == (120 * NS, 4.0, True)
    assert (second.closed, second.source) == (False, "coinbase-advanced")
    assert venue.parse_candles("A-B", 60, body, 251 * NS)[1].closed
