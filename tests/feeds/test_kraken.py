"""Kraken v2 frames, the checked book, and REST replies to events."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.events import NS, BookStatus, Candle, Depth, FeedState, FeedStatus, MarketEvent, Quote, Trade
from engine.feeds.base import UnreachableError
from engine.feeds.book import Book
from engine.feeds.books import PUBLISH_NS
from engine.feeds.kraken import Kraken, KrakenDecoder
from engine.feeds.kraken_book import Checksum

# The example of the venue's checksum guide, in v2 form.
ASKS = [(f"0.050{n:02}", "0.00000500") for n in range(5, 55, 5)]
BIDS = [(f"0.0{n}", "0.00000500") for n in (5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950)]
GUIDE_CRC = 974947235


def decode(*frames: str | bytes, decoder: KrakenDecoder | None = None, recv_ns: int = 7) -> list[MarketEvent]:
    decoder = decoder or KrakenDecoder()
    out: list[MarketEvent] = []
    for frame in frames:
        decoder.decode(frame, recv_ns, out)
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
    checked.apply(BIDS, ASKS)
    assert Checksum().of(checked) == GUIDE_CRC


def test_lost_trailing_zeros_are_padded_and_written_ones_count() -> None:
    full, cut = Book(), Book()
    full.apply([("1.00", "0.20")], [("1.50", "0.25")])
    cut.apply([("1.0", "0.2")], [("1.5", "0.25")])
    longer = Book()
    longer.apply([("1.00", "0.200")], [("1.50", "0.250")])
    assert Checksum().of(full) == zlib.crc32(b"15025" + b"10020") != Checksum().of(longer)
    running = Checksum()
    running.of(cut)
    cut.apply([("1.00", "0.2")], [])
    assert running.of(cut) == Checksum().of(full)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 3)), max_size=60))
def test_a_running_checksum_is_that_of_the_book_as_it_is(changes: list[tuple[bool, int, int]]) -> None:
    book, running = Book(12), Checksum()
    for bid, price, size in changes:
        level = (f"{price if bid else price + 50}.50", f"{size}.000")
        book.apply([level] if bid else [], [] if bid else [level])
        assert running.of(book) == Checksum().of(book)


@pytest.mark.parametrize("price", ["1E+40", "1." + "0" * 80])
def test_absurd_numbers_have_no_checksum(price: str) -> None:
    absurd = Book()
    absurd.apply([(price, "1")], [])
    with pytest.raises(ValueError, match="not a price"):
        Checksum().of(absurd)


def test_a_right_book_quotes_its_top_and_shows_its_depth() -> None:
    out: list[MarketEvent] = []
    KrakenDecoder().decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), PUBLISH_NS, out)
    quote, depth = out
    assert quote == Quote("kraken:A/B", 0.05, 5e-06, 0.05005, 5e-06, 1618678133365913000, PUBLISH_NS)
    assert isinstance(depth, Depth) and len(depth.bids) == len(depth.asks) == 10


def test_a_wrong_book_is_thrown_away_within_the_message_and_asked_for_anew() -> None:
    decoder = KrakenDecoder(["A/B"])
    decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), decoder=decoder)
    (wrong,) = decode(book("update", [("0.05001", "1")], [], 1), decoder=decoder)
    assert wrong == BookStatus("kraken:A/B", False, "does not match the venue's checksum", True, 7)
    assert decoder.troubles == {
        "A/B": "A/B book does not match the venue's checksum: asking for a new snapshot"
    }
    sent = [json.loads(frame) for frame in decoder.outbox]
    assert [one["method"] for one in sent] == ["unsubscribe", "subscribe"]
    assert sent[1]["params"] == {"channel": "book", "symbol": ["A/B"], "depth": 10}
    assert decode(book("update", [("0.05001", "2")], [], None), decoder=decoder) == []
    assert decode(TICKER, decoder=decoder) == []  # no quote while the book that quotes is wrong
    again = decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), decoder=decoder)
    assert again[0] == BookStatus("kraken:A/B", True, "", True, 7)
    assert [type(event) for event in again[1:]] == [Quote] and decoder.troubles == {}


def test_a_crossed_book_is_thrown_away_like_a_wrong_one() -> None:
    decoder = KrakenDecoder(["A/B"])
    decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), decoder=decoder)
    (wrong,) = decode(book("update", [], [("0.05006", "1")], None), decoder=decoder)
    assert wrong == BookStatus("kraken:A/B", False, "is crossed", True, 7)
    assert list(decoder.troubles) == ["A/B"] and len(decoder.outbox) == 2


def test_an_update_that_cannot_be_read_leaves_a_wrong_book() -> None:
    other = book("snapshot", ASKS, BIDS, GUIDE_CRC).replace("A/B", "C/D")
    for broken in (
        book("update", [("0.05001", '"x"')], [], None),
        book("update", [("1E-31", "1")], [], 5),
        book("update", ASKS, BIDS, None)[:-9],
        book("update", [], [], None).replace("2021", "1021"),
    ):
        decoder = KrakenDecoder(["A/B", "C/D"])
        decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), other, decoder=decoder)
        told = [event for event in decode(broken, decoder=decoder) if isinstance(event, BookStatus)]
        assert [(one.symbol, one.live) for one in told] == [("kraken:A/B", False)], broken
        assert decoder.malformed == 1 and len(decoder.books) == 1
    decode('{"channel":"book","type":"update","data":[{"sym', decoder=decoder)
    assert len(decoder.books) == 0  # whose it was is not known: all are wrong


def test_a_book_that_stays_wrong_asks_for_a_new_connection() -> None:
    """Though each snapshot is right for a moment; and it is asked for less and less often."""
    decoder = KrakenDecoder(["A/B"])
    asked = 0
    for second in range(14):
        for one in (book("snapshot", ASKS, BIDS, GUIDE_CRC), book("update", [], BIDS[:1], 1)):
            decoder.decode(one, second * NS, [])
            asked += len(decoder.outbox) // 2
            decoder.outbox.clear()
            if decoder.reconnect:
                assert "A/B" in decoder.reconnect and second == 5
                return
    raise AssertionError(f"asked {asked} times")


def test_a_book_that_is_wrong_again_soon_is_asked_for_later() -> None:
    decoder = KrakenDecoder(["A/B"])
    wrong = book("snapshot", ASKS, BIDS, 1)
    decoder.decode(wrong, 0, [])
    sent = []
    for tenth in range(100):
        decoder.flush(tenth * NS // 10, [])
        if decoder.outbox:
            sent.append(tenth)
            decoder.outbox.clear()
            decoder.decode(wrong, tenth * NS // 10, [])
    assert sent == [0, 10, 30, 70] and decoder.reconnect == ""


def test_a_book_that_was_right_for_a_while_is_asked_for_at_once() -> None:
    decoder = KrakenDecoder(["A/B"])
    for minute in range(20):
        decoder.decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), 60 * minute * NS, [])
        decoder.decode(book("update", [], BIDS[:1], 1), 60 * minute * NS, [])
        assert len(decoder.outbox) == 2 and decoder.reconnect == ""
        decoder.outbox.clear()


def test_a_book_that_never_came_is_asked_for() -> None:
    """Its snapshot was lost, or could not be read."""
    decoder, told = KrakenDecoder(["A/B", "C/D"]), list[MarketEvent]()
    decoder.decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), 0, [])
    for second in range(32):
        decoder.flush(second * NS, told)
    assert [(one.symbol, one.live) for one in told if isinstance(one, BookStatus)] == [("kraken:C/D", False)]
    assert ["C/D" in frame for frame in decoder.outbox] == [True, True] and decoder.reconnect == ""
    decoder.decode(book("snapshot", ASKS, BIDS, GUIDE_CRC).replace("A/B", "C/D"), 33 * NS, told)
    decoder.flush(100 * NS, told)
    assert decoder.reconnect == "" and len(decoder.books) == 2 and decoder.troubles == {}


def test_nobody_is_asked_for_the_books_of_a_tape() -> None:
    decoder = KrakenDecoder()
    decode(*[book("snapshot", ASKS, BIDS, 1)] * 3, decoder=decoder)
    assert decoder.outbox == [] and decoder.mismatches == 3


def test_books_are_kept_to_the_depth_that_was_subscribed() -> None:
    decoder = KrakenDecoder(["A/B"], book_levels=20)
    ack = '{"method":"subscribe","result":{"channel":"book","depth":25,"symbol":"A/B"},"success":true}'
    rows = [(f"{price}.5", "1") for price in range(100, 140)]
    decode(ack, book("snapshot", rows[:25], [], None), book("update", rows[25:], [], None), decoder=decoder)
    kept = decoder.books.get("kraken:A/B")
    assert kept is not None and len(kept.asks.keys) == 25
    decode(book("update", [("100.5", "0")], [], None), decoder=decoder)
    assert len(kept.asks.keys) == 24  # what was pushed out does not come back


def test_a_thin_snapshot_in_midstream_replaces_the_book_and_not_its_depth() -> None:
    decoder = KrakenDecoder()
    decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), decoder=decoder)
    decode(book("snapshot", [("2", "1")], [("1", "1")], None), decoder=decoder)
    kept = decoder.books.get("kraken:A/B")
    assert kept is not None and kept.best() == (1.0, 1.0, 2.0, 1.0) and kept.depth == 10


def test_subscriptions_follow_the_configuration() -> None:
    def channels(config: FeedConfig) -> list[dict[str, object]]:
        return [json.loads(frame)["params"] for frame in Kraken(config).subscribe()]

    both = {"symbol": ["A/B", "C/D"]}
    assert channels(FeedConfig(symbols=("A/B", "C/D"), book_levels=26, candles=True)) == [
        {"channel": "trade", **both, "snapshot": True},
        {"channel": "book", **both, "depth": 100},
        {"channel": "ohlc", **both, "interval": 1},
    ]
    assert channels(FeedConfig(symbols=("A/B", "C/D"), book_levels=0))[1] == {
        "channel": "ticker", **both, "event_trigger": "bbo"
    }  # fmt: skip


TICKER = (
    '{"channel":"ticker","type":"update","data":[{"symbol":"A/B","bid":1.5,"bid_qty":2,"ask":3,"ask_qty":4}]}'
)


def test_the_ticker_quotes_where_no_book_does() -> None:
    assert decode(TICKER) == [Quote("kraken:A/B", 1.5, 2.0, 3.0, 4.0, 7, 7)]
    (bad,) = decode(TICKER.replace("1.5", "-1.5"))
    assert not isinstance(bad, Quote)


def bar(minute: int, close: float, interval: int = 1) -> str:
    return (
        f'{{"symbol":"A/B","open":1.0,"high":9.0,"low":0.5,"close":{close},"trades":3,"volume":2.5,"vwap":1.0,'
        f'"interval_begin":"2026-08-12T19:{minute:02}:00.000000000Z","interval":{interval}}}'
    )


def bars(*rows: str, kind: str = "update") -> str:
    return (
        f'{{"channel":"ohlc","type":"{kind}","timestamp":"2026-08-12T19:28:44Z","data":[{",".join(rows)}]}}'
    )


def test_only_its_successor_closes_a_bar() -> None:
    decoder = KrakenDecoder()
    frames = (
        bars(bar(26, 1.0), bar(27, 2.0), kind="snapshot"),
        bars(bar(27, 3.0)),
        bars(bar(28, 4.0)),
        bars(bar(27, 5.0)),
    )
    out = decode(*frames, decoder=decoder, recv_ns=2**62)
    told = [event for event in out if isinstance(event, Candle)]
    minutes = [(one.open_ns // (60 * NS) % 60, one.close, one.closed) for one in told]
    expected = [(26, 1.0, False), (26, 1.0, True), (27, 2.0, False), (27, 3.0, False), (27, 3.0, True)]
    assert minutes == [*expected, (28, 4.0, False)]
    assert (told[0].interval_s, told[0].volume, told[0].trades, told[0].symbol) == (60, 2.5, 3, "kraken:A/B")


def test_bars_by_rest_are_final_up_to_the_last_committed_one() -> None:
    venue = Kraken(FeedConfig(symbols=("BTC/USD",)))
    request = venue.candles_request("BTC/USD", 60, 600 * NS, 1200 * NS)
    assert request is not None and request.path == "/0/public/OHLC"
    assert dict(request.params) == {"pair": "XBTUSD", "interval": "1", "since": "599"}
    assert venue.candles_request("BTC/USD", 120, 0, NS) is None
    rows = '[660,"1","3","1","2","1.5","7.5",4],[720,"2","2","2","2","2","0",0]'
    body = f'{{"error":[],"result":{{"XXBTZUSD":[{rows}],"last":660}}}}'.encode()
    first, second = venue.parse_candles("BTC/USD", 60, body, 9)
    assert first == Candle(
        "kraken:BTC/USD", 60, 660 * NS, 1.0, 3.0, 1.0, 2.0, 7.5, True, 720 * NS, 9, 4, "kraken"
    )
    assert not second.closed and second.trades == 0


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
    assert decode('{"method":"pong","req_id":1}', decoder=decoder) == [] and decoder.heartbeats == 2


def test_an_error_is_of_its_symbol_and_the_others_go_on() -> None:
    decoder = KrakenDecoder(["X/Y", "A/B"])
    refusal = (
        '{"error":"Currency pair not supported X/Y","method":"subscribe","success":false,"symbol":"X/Y"}'
    )
    book_told, feed_told = decode(refusal, decoder=decoder)
    assert book_told == BookStatus(
        "kraken:X/Y", False, "was refused: Currency pair not supported X/Y", True, 7
    )
    assert isinstance(feed_told, FeedStatus) and "not supported X/Y" in feed_told.detail
    assert list(decoder.troubles) == ["X/Y"] and not decoder.reconnect and decoder.malformed == 0
    assert decode(book("snapshot", ASKS, BIDS, GUIDE_CRC), decoder=decoder)
    for harmless in (
        refusal.replace('"subscribe"', '"unsubscribe"'),
        refusal.replace("Currency pair not supported", "Already subscribed"),
    ):
        assert decode(harmless, decoder=decoder) == []


def test_an_error_of_the_moment_is_tried_again_on_a_new_connection() -> None:
    decoder = KrakenDecoder(["A/B"])
    busy = '{"error":"Exceeded msg rate","method":"subscribe","success":false,"symbol":"A/B"}'
    assert decode(busy, decoder=decoder) == [] and not decoder.refused
    assert "Exceeded msg rate" in decoder.reconnect and decoder.reconnect_delay_s == 5


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


def test_an_error_of_the_venue_itself_is_no_refusal() -> None:
    venue = Kraken(FeedConfig(symbols=("A/B",)))
    for error in ("EGeneral:Internal error", "EService:Unavailable", "EGeneral:Temporary lockout"):
        with pytest.raises(UnreachableError, match=error):
            venue.parse_trades("A/B", f'{{"error":["{error}"]}}'.encode(), 0)


def test_a_busy_venue_is_worth_another_try() -> None:
    venue = Kraken(FeedConfig(symbols=("A/B",)))
    with pytest.raises(UnreachableError, match="Too many requests") as caught:
        venue.parse_trades("A/B", b'{"error":["EGeneral:Too many requests"]}', 0)
    assert caught.value.retry_after_s > 0
