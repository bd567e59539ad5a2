"""Tapes of all kinds: read, merged, cut off, refused."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from engine.errors import TapeError
from engine.events import Malformed, MarketEvent, Quote, Trade
from engine.feeds.tape import Tape
from tests.feeds.small_tape import binance_trade, columnar, row, write


def events_of(tape: Tape, size: int = 512) -> list[MarketEvent]:
    return [event for batch in tape.batches(size) if isinstance(batch, list) for event in batch]


def test_a_capture_plays_through_its_venues_decoder(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *(row(10 * i, binance_trade(i)) for i in range(1, 6)))
    tape = Tape([path])
    assert (tape.venue, tape.columnar, tape.symbols) == ("binance", False, [])
    assert [len(batch) for batch in tape.batches(2)] == [2, 2, 1]
    trades = events_of(tape)
    assert [(one.trade_id, one.recv_ns) for one in trades if isinstance(one, Trade)] == [
        (i, 10 * i) for i in range(1, 6)
    ]
    assert tape.lines == 5


def test_a_row_without_time_takes_the_events_or_the_previous(tmp_path: Path) -> None:
    book = binance_trade(1).replace("@trade", "@bookTicker").partition('"data":')[0]
    quote = book + '"data":{"u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}'
    path = write(
        tmp_path / "a.jsonl", row(5, binance_trade(1)), row(None, binance_trade(2)), row(None, quote)
    )
    assert [event.recv_ns for event in events_of(Tape([path]))] == [5, 2_000_000, 2_000_000]


def test_several_captures_are_merged_in_time(tmp_path: Path) -> None:
    one = write(tmp_path / "a.jsonl", *(row(i, binance_trade(i)) for i in (1, 4, 5)))
    two = write(tmp_path / "b.jsonl", *(row(i, binance_trade(i, "ETHUSDT")) for i in (2, 3, 6)))
    assert [event.recv_ns for event in events_of(Tape([two, one]), 4)] == [1, 2, 3, 4, 5, 6]


def test_a_gzip_cut_by_a_crash_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    whole = gzip.compress("".join(row(i, binance_trade(i)) for i in range(1, 5001)).encode())
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    tape = Tape([path])
    trades = events_of(tape)
    assert tape.truncated and tape.undecodable == 0
    assert 1000 < len(trades) < 5000
    assert [one.trade_id for one in trades if isinstance(one, Trade)] == list(range(1, len(trades) + 1))


def test_a_plain_file_cut_inside_a_line_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.jsonl", row(1, binance_trade(1)), row(2, binance_trade(2))[:40])
    tape = Tape([path])
    assert len(events_of(tape)) == 1
    assert tape.truncated and (tape.lines, tape.undecodable) == (1, 0)


def test_bad_lines_are_counted_told_and_passed(tmp_path: Path) -> None:
    lines = [row(1, binance_trade(1)), "garbage\n", row(3, "{}"), row(4, binance_trade(2))]
    tape = Tape([write(tmp_path / "a.jsonl", *lines)])
    kinds = [type(event) for event in events_of(tape)]
    assert sorted(kind.__name__ for kind in kinds) == ["Malformed", "Malformed", "Trade", "Trade"]
    assert (tape.lines, tape.undecodable) == (4, 2)
    assert any(isinstance(event, Malformed) and event.excerpt == "garbage" for event in events_of(tape))


def test_instrument_replies_in_the_capture_give_the_grid(tmp_path: Path) -> None:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "stepSize": "0.1"},
    ]
    info = json.dumps({"symbols": [{"symbol": "BTCUSDT", "quoteAsset": "USDT", "filters": filters}]})
    url = "https://api.binance.com/api/v3/exchangeInfo"
    path = write(tmp_path / "a.jsonl", row(1, info, "http", url=url), row(2, binance_trade(1)))
    assert [spec.symbol for spec in Tape([path]).specs] == ["binance:BTCUSDT"]


@pytest.mark.parametrize("field", ["tickSize", "stepSize", "maxQty", "minNotional"])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1"])
def test_a_grid_that_cannot_be_is_not_taken(field: str, number: str, tmp_path: Path) -> None:
    numbers = {"tickSize": "0.01", "stepSize": "0.001", "maxQty": "9", "minNotional": "5", field: number}
    kinds = {"PRICE_FILTER": ["tickSize"], "LOT_SIZE": ["stepSize", "maxQty"], "NOTIONAL": ["minNotional"]}
    filters = [{"filterType": kind, **{one: numbers[one] for one in own}} for kind, own in kinds.items()]
    entry = {"symbol": "BTCUSDT", "quoteAsset": "USDT", "filters": filters}
    info, url = json.dumps({"symbols": [entry]}), "https://api.binance.com/api/v3/exchangeInfo"
    path = write(tmp_path / "a.jsonl", row(1, info, "http", url=url), row(2, binance_trade(1)))
    assert Tape([path]).specs == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        (b"", "is empty"),
        (b"hello\nworld\n", "is not a tape"),
        (b'{"src":"x","kind":"y","raw":"z"}\n', "is not a tape"),
        (b"\x1f\x8b\x08\x00broken", "cut off before its first line"),
        (b'{"t":1,"ch":"ws","url":"wss://api.gateio.ws","raw":"{}"}\n', "does not decode"),
        (b'{"t":1,"ch":"ws","url":"wss://ws.kraken.com","raw":"[1,[],\\"trade\\"]"}\n', "none of"),
    ],
)
def test_what_is_no_tape_is_one_clear_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "x.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TapeError, match=words) as caught:
        Tape([path])
    assert "\n" not in str(caught.value)


def test_normalised_trades(tmp_path: Path) -> None:
    path = write(
        tmp_path / "binance_XRPETH_aggtrades_2019.jsonl",
        '{"ts":5,"id":9,"side":"sell","px":0.5,"sz":23.0}\n',
        '{"ts":6,"px":223.82,"sz":1}\n',
        '{"ts":7}\n',
    )
    tape = Tape([path])
    assert tape.venue == "tape"
    events = events_of(tape)
    assert events[:2] == [
        Trade("tape:XRPETH", 9, 0.5, 23.0, -1, 5, 5),
        Trade("tape:XRPETH", -1, 223.82, 1.0, 0, 6, 6),
    ]
    assert isinstance(events[2], Malformed) and tape.undecodable == 1


def test_exchange_quotes_make_the_national_best(tmp_path: Path) -> None:
    def quote(ts: int, ex: str, bid: float, ask: float) -> str:
        return json.dumps({"ts": ts, "k": "Q", "ex": ex, "bp": bid, "bs": 1, "ap": ask, "as": 2}) + "\n"

    lines = [quote(1, "P", 10.0, 12.0), quote(2, "K", 10.5, 12.0), quote(3, "K", 0.0, 0.0)]
    path = write(tmp_path / "us_stock_XXX_taq.jsonl", *lines, '{"ts":4,"k":"T","ex":"P","px":11.0,"sz":5}\n')
    assert events_of(Tape([path])) == [
        Quote("tape:XXX", 10.0, 1.0, 12.0, 2.0, 1, 1),
        Quote("tape:XXX", 10.5, 1.0, 12.0, 4.0, 2, 2),
        Quote("tape:XXX", 10.0, 1.0, 12.0, 2.0, 3, 3),
        Trade("tape:XXX", -1, 11.0, 5.0, 0, 4, 4),
    ]


def test_columnar_tapes_follow_each_other_under_one_table(tmp_path: Path) -> None:
    late = columnar(tmp_path / "late.tape", ["b:B", "a:A"], [10, 11])
    early = columnar(tmp_path / "early.tape", ["a:A", "c:C"], [1, 2])
    tape = Tape([late, early])
    assert tape.columnar and tape.symbols == ["a:A", "c:C", "b:B"]
    ticks = np.concatenate([batch for batch in tape.batches() if not isinstance(batch, list)])
    assert ticks["recv_ns"].tolist() == [1, 2, 10, 11]
    assert [tape.symbols[i] for i in ticks["symbol"]] == ["a:A", "c:C", "b:B", "a:A"]


def test_columnar_tapes_and_captures_do_not_mix(tmp_path: Path) -> None:
    one = columnar(tmp_path / "a.tape", ["a:A"], [1])
    two = write(tmp_path / "b.jsonl", row(1, binance_trade(1)))
    with pytest.raises(TapeError, match="one by one"):
        Tape([one, two])


def test_a_pipe_is_refused_rather_than_played_without_its_beginning(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TapeError, match="write it to a file"):
        Tape([tmp_path / "pipe"])


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "symbol", "trades", "quotes"),
    [
        ("binance_XRPETH_aggtrades_20191011-13", "tape:XRPETH", 12_477, 0),
        ("us_stock_AMZN_trades_20120621_full_session", "tape:AMZN", 11_419, 0),
        ("us_stock_XXX_taq_trades_quotes_20180102", "tape:XXX", 39_470, 66_695),
    ],
)
def test_the_normalised_tapes(data_dir: Path, name: str, symbol: str, trades: int, quotes: int) -> None:
    tape = Tape([data_dir / f"feeds/tapes/{name}.jsonl.gz"])
    events = events_of(tape)
    assert sum(isinstance(event, Trade) for event in events) == trades
    assert sum(isinstance(event, Quote) for event in events) == quotes
    assert {event.symbol for event in events if isinstance(event, Trade)} == {symbol}
    assert (tape.undecodable, tape.truncated) == (0, False)
