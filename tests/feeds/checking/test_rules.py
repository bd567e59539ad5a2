"""The rules of check-feed by themselves: ids, numbers, tickers, connections side by side."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS
from engine.feeds.checking.best import WINDOW_NS, ByNeighbour, ByNumber, Told, allowed
from engine.feeds.checking.feed import FeedCheck, channel
from engine.feeds.checking.files import spoken
from engine.feeds.checking.report import Line
from engine.feeds.checking.sequence import Ids, Sequence


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 6)), min_size=1, max_size=40))
def test_ids_know_every_hole(runs: list[tuple[int, int]]) -> None:
    ids, seen = Ids(), set[int]()
    for start, more in runs:
        if more % 2:
            ids.add_run(start, start + more)
            seen |= set(range(start, start + more + 1))
        else:
            assert ids.add(start) is (start not in seen)
            seen.add(start)
    missing = set(range(min(seen), max(seen) + 1)) - seen
    assert ids.missing == len(missing)
    assert ids.gaps == sum(one - 1 not in missing for one in missing)


def test_the_numbers_of_each_venue() -> None:
    def depth(first: int, last: int) -> str:
        return json.dumps(
            {"stream": "a@depth", "data": {"e": "depthUpdate", "s": "A", "U": first, "u": last}}
        )

    spot = Sequence("binance")
    assert [spot.holes("depth", depth(*one)) for one in ((1, 3), (4, 6), (5, 8), (10, 12))] == [0, 0, 0, 1]
    advanced = Sequence("coinbase-advanced")
    numbers = [0, 1, 2, 4, 5, 0, 1]
    found = [advanced.holes("any", json.dumps({"sequence_num": one})) for one in numbers]
    assert found == [0, 0, 0, 1, 0, 0, 0]
    assert Sequence("kraken").holes("book", "{}") == 0
    assert Sequence("okx").holes("books", "garbage") == 0


def test_a_capture_is_checked_by_the_socket_that_it_was_made_of() -> None:
    def rows(*raw: str, url: str = "") -> list[bytes]:
        return [json.dumps({"t": 1, "ch": "ws", "url": url, "raw": one}).encode() for one in raw]

    exchange = '{"type":"heartbeat","product_id":"A","last_trade_id":1}'
    advanced = '{"channel":"heartbeats","sequence_num":1,"events":[]}'
    assert spoken("coinbase", rows(exchange)) == "coinbase"
    assert spoken("coinbase", rows('{"type":"error"}', advanced, advanced)) == "coinbase-advanced"
    assert spoken("coinbase-advanced", rows(exchange)) == "coinbase-advanced"
    trade = '{"stream":"btcusdt@aggTrade","data":{}}'
    assert spoken("binance", rows(trade)) == "binance"
    assert spoken("binance", rows(trade, url="wss://stream.binance.com:9443/stream")) == "binance"
    assert spoken("binance", rows(trade, url="wss://fstream.binance.com/stream")) == "binance-futures"
    assert spoken("kraken", [b"garbage", b"[]", b"\xff"]) == "kraken"
    assert spoken("coinbase", [b"garbage", b"[]", b"\xff", b"[" * 5000]) == "coinbase"


def test_the_allowance() -> None:
    assert [allowed(count) for count in (0, 9, 10, 999, 1000, 6451)] == [0, 0, 1, 1, 1, 6]


BOOK = (10.0, 1.0, 11.0, 2.0)


def test_by_number_a_book_meets_the_last_ticker_that_is_not_younger() -> None:
    rule = ByNumber()
    rule.ticker(Told("A", BOOK, 5))
    rule.book("A", BOOK, 7, 0)  # compared once it is sure that no other ticker is of its time
    assert rule.compared == 0
    rule.ticker(Told("A", (10.0, 1.0, 12.0, 2.0), 8))
    assert (rule.compared, rule.differed) == (1, 0)
    rule.book("A", BOOK, 9, 0)
    rule.end()
    assert (rule.compared, rule.differed) == (2, 1)


def neighbour(*, ticker: tuple[float, float], later: float | None = None, after_ns: int = 0) -> ByNeighbour:
    """A book at 10/11, a first ticker that is of the past, then one at ``ticker``, then a change."""
    rule, nan = ByNeighbour(), float("nan")
    rule.book("A", BOOK, -1, 0)
    rule.ticker(Told("A", (1.0, nan, 2.0, nan), ns=1))
    rule.ticker(Told("A", (ticker[0], nan, ticker[1], nan), ns=NS))
    if later is not None:
        rule.book("A", (later, 1.0, later + 1, 1.0), -1, NS + after_ns)
    rule.ticker(Told("B", BOOK, ns=100 * NS))
    rule.end()
    return rule


def test_by_neighbour_a_ticker_meets_what_stood_around_it() -> None:
    assert neighbour(ticker=(10.0, 11.0)).differed == 0
    assert neighbour(ticker=(10.5, 11.5), later=11.0, after_ns=WINDOW_NS).differed == 0  # in between
    for rule in (
        neighbour(ticker=(10.5, 11.5)),
        neighbour(ticker=(10.5, 11.5), later=11.0, after_ns=WINDOW_NS + 1),
        neighbour(ticker=(12.5, 13.5), later=11.0, after_ns=1),
    ):
        assert (rule.compared, rule.differed) == (1, 1)


def test_channels_are_told_by_the_venues_own_names() -> None:
    assert channel('{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"}}') == "depth"
    assert channel('{"type":"update","channel":"book","data":[]}') == "book"
    assert channel('{"event":"subscribe","arg":{"channel":"books"}}') == "subscribe"
    assert channel('{"topic":"orderbook.50.BTCUSDT","type":"delta"}') == "orderbook"
    assert channel('[1664,{"as":[["1","2","3"]]},"book-1000","KSM/XBT"]') == "book-1000"
    assert channel('[{"T":"t","S":"AAPL"}]') == "t"
    assert channel("\x00") == "message"


def test_connections_side_by_side_are_checked_apart() -> None:
    def frame(conn: int, number: int) -> Line:
        raw = json.dumps({"channel": "heartbeats", "sequence_num": number, "events": []})
        return Line(ch="ws", t=number, raw=raw, conn=conn)

    rows = [Line(ch="open", t=0, conn=1), frame(1, 0), frame(1, 1), Line(ch="open", t=1, conn=2), frame(2, 0)]
    rows += [frame(1, 2), frame(2, 1), frame(1, 3), frame(2, 2)]
    check = FeedCheck("coinbase-advanced")
    for row in rows:
        check.report.rows += 1
        check.row(row)
    report = check.finish(truncated=False)
    assert (report.sequence_gaps, report.wrong) == (0, [])


def test_by_number_a_book_that_comes_late_meets_the_ticker_of_its_time() -> None:
    rule = ByNumber()
    rule.ticker(Told("A", BOOK, 5))
    rule.ticker(Told("A", (10.0, 1.0, 12.0, 2.0), 8))
    rule.book("A", BOOK, 7, 0)
    rule.end()
    assert (rule.compared, rule.differed) == (1, 0)


def test_what_names_its_channel_in_other_ways() -> None:
    assert channel('{"u":5,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}') == "bookTicker"
    assert channel('[1, {}, "book-10", "XBT/USD"]') == "book-10"


def test_ids_that_only_tell_trades_apart_have_no_holes() -> None:
    check = FeedCheck("alpaca")
    for number in (96921, 99416):
        trade = {"T": "t", "i": number, "S": "AAPL", "x": "D", "p": 126.55, "s": 1, "z": "C"}
        frame = [trade | {"t": "2021-02-22T15:51:44.208Z", "c": ["@"]}]
        check.row(Line(ch="ws", t=NS, raw=json.dumps(frame, separators=(",", ":"))))
    report = check.finish(truncated=False)
    assert report.events == {"trades": 2} and report.trade_gaps == 0


def test_a_cut_in_a_recording_is_told_where_ids_do_not() -> None:
    """As by whoever plays it; a connection that another one replaced in time cost nothing."""

    def rows(second_opened: int) -> list[Line]:
        def row(t: int, ch: str, conn: int, raw: str | None = None) -> Line:
            return Line(ch, t * NS, raw, "wss://stream.bybit.com/v5/public/spot", conn=conn)

        def trade(t: int, conn: int) -> Line:
            one = {"s": "BTCUSDT", "i": str(t), "p": "100", "v": "1", "S": "Buy", "T": t * 1000}
            return row(t, "ws", conn, json.dumps({"topic": "publicTrade.BTCUSDT", "data": [one]}))

        told = [row(1, "open", 1), trade(2, 1), trade(4, 1), row(5, "close", 1)]
        told += [row(second_opened, "open", 2), trade(8, 2), trade(9, 2)]
        return sorted(told, key=lambda one: one.t or 0)

    for second_opened, cuts in ((3, 0), (7, 1)):
        check = FeedCheck("bybit")
        for row in rows(second_opened):
            check.line(msgspec.json.encode(row))
        report = check.finish(truncated=False)
        assert (report.events, report.cuts, report.trade_gaps) == ({"trades": 4}, cuts, 0)
        assert bool(report.wrong) is bool(cuts)


def test_what_rest_brought_of_a_cut_is_the_sockets_symbol() -> None:
    """Kraken's REST has names of its own: what was backfilled counted as another symbol, and as missing."""
    pairs = {"E": {"altname": "XBTPYUSD", "wsname": "XBT/PYUSD", "pair_decimals": 1, "lot_decimals": 8}}
    told = [["100.0", "1", n, "b", "l", "", n] for n in (2, 3, 4)]
    rest = "https://api.kraken.com/0/public"

    def trade(number: int) -> str:
        of = {"symbol": "BTC/PYUSD", "side": "buy", "price": 100.0, "qty": 1.0, "trade_id": number}
        one = of | {"ord_type": "limit", "timestamp": f"2026-11-23T00:00:0{number}.000000Z"}
        return json.dumps({"channel": "trade", "type": "update", "data": [one]})

    rows = [
        Line("http", NS, json.dumps({"error": [], "result": pairs}), f"{rest}/AssetPairs"),
        *(Line("ws", n * NS, trade(n), conn=1) for n in (1, 5)),
        Line(
            "http",
            6 * NS,
            json.dumps({"error": [], "result": {"XBTPYUSD": told, "last": "4"}}),
            f"{rest}/Trades?pair=XBTPYUSD&since=1000000000",
        ),
    ]
    check = FeedCheck("kraken")
    for row in rows:
        check.line(msgspec.json.encode(row))
    report = check.finish(truncated=False)
    assert (report.trade_gaps, report.trades_missing, report.wrong) == (0, 0, [])
