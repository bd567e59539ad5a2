"""The scanner reads what the decoder reads, to the bit and in the same order, whatever the bytes."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import BookStatus, Depth, Malformed, MarketEvent, Quote, Trade
from engine.feeds import capture, lines
from engine.feeds.binance_scan import BinanceScanner
from engine.feeds.tape import Tape, events_of

FIRST_NS = 7


def book(price: str = "61837.63000000", symbol: str = "BTCUSDT", update: str = "50093239212") -> str:
    return (
        f'{{"stream":"{symbol.lower()}@bookTicker","data":{{"u":{update},"s":"{symbol}","b":"{price}",'
        f'"B":"3.78826000","a":"61837.64000000","A":"{price}"}}}}'
    )


def trade(price: str = "0.35210000", symbol: str = "BTCUSDT", number: str = "3735683259") -> str:
    return (
        f'{{"stream":"{symbol.lower()}@trade","data":{{"e":"trade","E":1723161255343,"s":"{symbol}",'
        f'"t":{number},"p":"{price}","q":"0.02000000","T":{number},"m":true,"M":false}}}}'
    )


def other(symbol: str = "BTCUSDT") -> str:
    return f'{{"stream":"{symbol.lower()}@ticker","data":{{"e":"24hrTicker","b":[["1.0","2"]]}}}}'


def depth(first: int = 1, last: int = 2, price: str = "61837.63", symbol: str = "BTCUSDT") -> str:
    return (
        f'{{"stream":"{symbol.lower()}@depth@100ms","data":{{"e":"depthUpdate","E":1723161255343,'
        f'"s":"{symbol}","U":{first},"u":{last},"b":[["{price}","2"]],"a":[]}}}}'
    )


def snapshot(last: int, symbol: str = "BTCUSDT") -> bytes:
    body = f'{{"lastUpdateId":{last},"bids":[["61837.00","1"]],"asks":[["61838.00","1"]]}}'
    row = {
        "t": 9 * 10**8,
        "ch": "http",
        "url": f"https://x/api/v3/depth?symbol={symbol}&limit=500",
        "raw": body,
    }
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def line(frame: str, t: object = 1723161254087891268, ch: str = "ws") -> bytes:
    return json.dumps({"t": t, "ch": ch, "raw": frame}, separators=(",", ":")).encode() + b"\n"


LEARNED = [line(book()), line(trade()), line(other()), line(book(symbol="ETHUSDT"))]
"""After these lines the scanner knows the streams."""


def pieces(text: bytes, chunk: int) -> list[bytes]:
    """``text`` as the chunks of whole lines that a tape is read in."""
    rows = [row + b"\n" for row in text.split(b"\n")]
    rows[-1] = rows[-1][:-1]
    return [b"".join(rows[first : first + chunk]) for first in range(0, len(rows), chunk)]


def decoded(text: bytes, chunk: int) -> tuple[list[MarketEvent], capture.Tally]:
    tally = capture.Tally()
    reader = capture.Capture("binance", FIRST_NS, tally)
    return [e for batch in reader.batches(pieces(text, chunk), 3) for e in batch], tally


def scanned(text: bytes, chunk: int) -> tuple[list[MarketEvent], capture.Tally]:
    tally = capture.Tally()
    symbols: list[str] = []
    events: list[MarketEvent] = []
    for batch in capture.Capture("binance", FIRST_NS, tally).blocks(pieces(text, chunk), symbols, 3):
        events += batch if isinstance(batch, list) else events_of(batch, symbols)
    return events, tally


def bits(event: MarketEvent) -> object:
    """The event with its floats as bytes: -0.0 is not 0.0, and NaN is NaN."""
    fields = (getattr(event, name) for name in event.__struct_fields__)
    return type(event), [struct.pack("d", one) if isinstance(one, float) else one for one in fields]


def check(text: bytes, chunks: tuple[int, ...] = (1, 3, 1000)) -> list[MarketEvent]:
    expected, tally = decoded(text, chunks[-1])
    for chunk in chunks:
        for events, its_tally in (decoded(text, chunk), scanned(text, chunk)):
            assert list(map(bits, events)) == list(map(bits, expected))
            assert its_tally == tally
    return expected


def recognised(frame: str, t: object = 1723161254087891268) -> bool:
    """Whether the scanner itself reads a row, the streams being learned."""
    scanner = BinanceScanner([])
    out: list[MarketEvent] = []
    for one in (book(), trade(), other(), depth()):
        scanner.decoder.decode(one, 1, out)
        scanner.add(out[-1])
        scanner.learn(one)
    row = line(frame, t)
    return scanner.scan(row, 0) == len(row)


def test_frames_as_they_are_sent_are_recognised() -> None:
    for frame in (book(), trade(), other(), book("1"), book("0.00000001"), trade("1234567890.00000000")):
        assert recognised(frame)
    for frame in (book("1e5"), book("-1"), book("01"), book("1."), book(".5"), book(" 1"), book("nan")):
        assert not recognised(frame)
    assert recognised(book(), 2**63 - 9) and not recognised(book(), 2**63)
    assert not recognised(book(), None) and not recognised(trade(number=str(2**63 // 10**6 + 1)))
    assert not recognised(book("90071992547409.93")) and not recognised(book(symbol="ETHUSDT"))
    assert not recognised(book("0.000")) and not recognised(trade("0")) and not recognised(depth())


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 10**15), st.integers(0, 24), st.integers(0, 12))
def test_a_decimal_is_the_nearest_float(whole: int, decimals: int, zeros: int) -> None:
    text = str(whole).rjust(decimals + 1, "0")
    text = (f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text + ".") + "0" * zeros
    text = text.rstrip(".")
    events = check(b"".join(LEARNED) + line(trade(text)), (1000,))
    price = events[-1].price if isinstance(events[-1], Trade) else math.nan
    assert price == float(text)


edit = st.tuples(
    st.integers(0, 10**6),
    st.integers(0, 2),
    st.sampled_from([b"", b" ", b"\n", b"0", b"9", b'"', b"\\", b'\\"', b"}", b",", b".", b"e5", b"-", b"\t"])
    | st.binary(min_size=1, max_size=3),
)
FRAMES = (
    *(
        book(),
        trade(),
        other(),
        depth(),
        book("1e3"),
        trade(number="0"),
        book(symbol="ETHUSDT"),
        trade(symbol="XRPUSDT"),
    ),
    *("{}", '{"result":null,"id":1}', book().replace('"b"', '"\\u0062"'), book().replace("BTC", "BÄC")),
    *(json.dumps(json.loads(trade())), book().replace("btcusdt", "!"), trade().replace("BTC", "ETH")),
    json.dumps({"data": json.loads(trade())["data"], "stream": "btcusdt@trade"}, separators=(",", ":")),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(FRAMES), st.lists(edit, max_size=2)), max_size=6),
    st.sampled_from([1, 2, 5]),
)
def test_broken_bytes_read_alike_both_ways(broken: list[tuple[str, list[Any]]], chunk: int) -> None:
    text = b"".join(LEARNED)
    for frame, edits in broken:
        row = line(frame)
        for place, cut, put in edits:
            place %= len(row)
            row = row[:place] + put + row[place + cut :]
        text += row + LEARNED[0]
    check(text, (chunk, 1000))


def test_rows_of_other_kinds_keep_their_place() -> None:
    rows = [line("{}", ch="http"), line(trade(), None), b"garbage\n", b"\n", line("garbage"), line(book())]
    spaced = json.dumps({"t": 5, "ch": "ws", "raw": trade()}).encode() + b"\n"
    events = check(b"".join([*LEARNED, *rows, *LEARNED, spaced, *LEARNED, line(book())[:50]]))
    assert [type(event) for event in events[3:7]] == [Trade, Malformed, Malformed, Quote]


def test_many_rows_in_another_layout_and_more_than_a_block_holds() -> None:
    spaced = b"".join(json.dumps({"t": t, "ch": "ws", "raw": trade()}).encode() + b"\n" for t in range(5000))
    events = check(b"".join(LEARNED) + spaced + line(book()) * 9000, (10**6,))
    assert len(events) == 3 + 5000 + 9000


def test_books_come_between_the_ticks_in_their_place() -> None:
    updates = [line(depth(n, n, f"618{n}.5"), 2 * 10**8 * n) for n in range(8, 30)]
    rows = [*LEARNED, updates[0], snapshot(8), line(trade())]
    for update in updates[1:]:
        rows += [line(book()), update, line(trade())]
    events = check(b"".join(rows))
    assert [type(event) for event in events[3:7]] == [Depth, Trade, Quote, Depth]
    assert sum(isinstance(event, Depth) for event in events) == 22
    assert any(isinstance(event, BookStatus) for event in check(b"".join([*rows, line(depth(99, 99))])))


def test_without_books_their_rows_are_passed_over() -> None:
    scanner = BinanceScanner([], 0)
    out: list[MarketEvent] = []
    scanner.decoder.decode(depth(), 1, out)
    scanner.learn(depth())
    row = line(depth(2, 3))
    assert scanner.scan(row, 0) == len(row) and out == [] and scanner.rows == 1


def test_a_stream_that_first_comes_broken_is_learned_later() -> None:
    scanner = BinanceScanner([])
    broken = book().replace('"b":"6', '"b":"x')
    out: list[MarketEvent] = []
    for frame in (broken, book()):
        scanner.decoder.decode(frame, 1, out)
        scanner.add(out[-1])
        scanner.learn(frame)
    row = line(book())
    assert scanner.scan(row * 2, 0) == 2 * len(row)
    assert (scanner.used, scanner.rows, scanner.last_ns) == (2, 2, 1723161254087891268)
    assert scanner.take()["symbol"].tolist() == [0, 0] and scanner.used == 0


@pytest.mark.data
@pytest.mark.parametrize("name", ["spot_btcusdt_20240808-09", "spot_multi_20211012"])
def test_a_capture_reads_alike_both_ways(name: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape([data_dir / f"feeds/binance/{name}.jsonl.gz"])
    expected = [event for batch in tape.batches() for event in batch]
    counters = tape.lines, tape.undecodable
    for chunk in (1 << 20, 70_001):
        monkeypatch.setattr(lines, "_CHUNK", chunk)
        events: list[MarketEvent] = []
        packed = 0
        for batch in tape.blocks():
            packed += isinstance(batch, np.ndarray) and len(batch)
            events += batch if isinstance(batch, list) else events_of(batch, tape.symbols)
        assert events == expected
        assert (tape.lines, tape.undecodable) == counters
        ticks = sum(isinstance(event, Quote | Trade) for event in events)
        assert packed > 0.9 * ticks or ticks < 100
