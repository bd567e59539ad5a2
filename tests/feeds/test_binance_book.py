"""Books of Binance: what must be held, thrown away, asked for anew; by spot's ids and by the futures'."""

from __future__ import annotations

import random
from collections import deque
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import BookStatus, Depth, Malformed, MarketEvent, Quote
from engine.feeds import binance_book
from engine.feeds.binance import BinanceDecoder
from engine.feeds.binance_book import MOST_OLDER, BookDecoder, depth_native
from engine.feeds.binance_futures import BinanceFuturesDecoder
from engine.feeds.book import Best
from engine.feeds.capture import read_row
from engine.feeds.lines import LineChunks

STEP_NS = 100_000_000


class Line:
    """A connection to a venue of one symbol, A: numbers what it tells, and can lose it."""

    def __init__(self, decoder: BookDecoder, futures: bool = False) -> None:
        self.decoder = decoder
        self.futures = futures
        self.out: list[MarketEvent] = []
        self.number = 100
        self.now_ns = STEP_NS

    def update(
        self,
        *bids: tuple[str, str],
        asks: tuple[tuple[str, str], ...] = (),
        count: int = 3,
        lost: bool = False,
    ) -> bytes:
        """``count`` updates in one message."""
        last, self.number = self.number, self.number + count
        data: dict[str, Any] = {"e": "depthUpdate", "E": 5, "s": "A", "U": last + 1, "u": self.number}
        if self.futures:
            data |= {"U": last + 2 if count > 1 else self.number, "pu": last, "T": 5}
        frame = msgspec.json.encode({"stream": "a@depth@100ms", "data": data | {"b": bids, "a": asks}})
        self.now_ns += STEP_NS
        if not lost:
            self.decoder.decode(frame, self.now_ns, self.out)
        return frame

    def snapshot(self, number: int, bid: str = "9", ask: str = "11", levels: int = 1) -> None:
        bids = [(f"{float(bid) - n / 1000:.3f}", "1") for n in range(levels)]
        asks = [(f"{float(ask) + n / 1000:.3f}", "1") for n in range(levels)]
        body = msgspec.json.encode({"lastUpdateId": number, "bids": bids, "asks": asks})
        self.decoder.wanted.clear()
        self.decoder.book_snapshot("A", body, self.now_ns, self.out)

    def best(self) -> tuple[float, ...] | None:
        book = self.decoder.books.get(f"{self.decoder.venue}:A")
        return None if book is None else book.best()


def spot() -> Line:
    return Line(BinanceDecoder(["A"]))


def futures() -> Line:
    return Line(BinanceFuturesDecoder(["A"]), futures=True)


@pytest.fixture(params=["spot", "futures"])
def line(request: pytest.FixtureRequest) -> Line:
    return spot() if request.param == "spot" else futures()


def test_a_book_is_wanted_from_the_start(line: Line) -> None:
    assert line.decoder.wanted == ["A"]
    line.update(("9", "5"))
    assert line.decoder.wanted == ["A"] and line.out == [] and line.best() is None


def test_what_came_before_the_snapshot_is_put_onto_it(line: Line) -> None:
    line.update(("8", "1"))
    line.update(("9.5", "2"))  # 104..106: the snapshot, at 105, lies within
    line.update(("9.6", "3"))
    line.snapshot(105)
    assert line.best() == (9.6, 3.0, 11.0, 1.0)
    assert [type(event) for event in line.out] == [Depth]
    line.update(("9.6", "0"))
    assert line.best() == (9.5, 2.0, 11.0, 1.0)
    assert line.decoder.wanted == [] and line.decoder.sequence_gaps == 0


def test_a_snapshot_before_all_updates(line: Line) -> None:
    line.snapshot(100)
    assert line.best() == (9.0, 1.0, 11.0, 1.0)
    line.update(("9.5", "2"))
    assert line.best() == (9.5, 2.0, 11.0, 1.0)


def test_a_snapshot_that_is_older_than_the_stream_is_asked_for_again(line: Line) -> None:
    line.update(lost=True)
    line.update(("9.5", "2"))
    line.snapshot(100)
    assert line.best() is None and line.decoder.wanted == ["A"]
    line.snapshot(104)
    assert line.best() == (9.5, 2.0, 11.0, 1.0) and line.decoder.sequence_gaps == 0


def test_a_book_that_the_stream_does_not_reach_is_wrong(line: Line) -> None:
    line.snapshot(90)
    line.update(("9.5", "2"))
    assert line.best() is None and line.decoder.wanted == ["A"] and line.decoder.sequence_gaps == 0
    line.snapshot(101)
    assert line.best() == (9.5, 2.0, 11.0, 1.0)


def test_a_missed_update_makes_the_book_wrong_within_one_message(line: Line) -> None:
    line.snapshot(100)
    line.update(("9.5", "2"))
    line.update(("9.5", "0"), lost=True)
    before = len(line.out)
    line.update(("9.4", "7"))
    assert line.out[before:] == [
        BookStatus(f"{line.decoder.venue}:A", False, "updates were missed", False, line.now_ns)
    ]
    assert line.best() is None and line.decoder.wanted == ["A"] and line.decoder.sequence_gaps == 1
    assert "updates were missed" in line.decoder.troubles["A"]
    line.snapshot(106)
    assert line.best() == (9.4, 7.0, 11.0, 1.0) and line.decoder.troubles == {}
    status = next(event for event in line.out[before + 1 :] if isinstance(event, BookStatus))
    assert status.live


def test_what_comes_twice_changes_nothing(line: Line) -> None:
    line.snapshot(100)
    frame = line.update(("9.5", "2"))
    line.update(("9.5", "3"))
    line.decoder.decode(frame, line.now_ns, line.out)
    assert line.best() == (9.5, 3.0, 11.0, 1.0) and line.decoder.sequence_gaps == 0


def test_a_count_that_is_set_back_does_not_let_the_book_stand_still(line: Line) -> None:
    line.snapshot(100)
    line.update(("9.5", "2"), count=10**12)
    line.number = 110
    for _ in range(MOST_OLDER):
        line.update(("9.4", "7"))
    assert line.best() == (9.5, 2.0, 11.0, 1.0)
    line.update(("9.4", "8"))
    assert line.best() is None and line.decoder.wanted == ["A"] and line.decoder.sequence_gaps == 1
    assert isinstance(line.out[-1], BookStatus) and "started over" in line.out[-1].reason
    line.snapshot(line.number)
    line.update(("9.4", "9"))
    assert line.best() == (9.4, 9.0, 11.0, 1.0) and not line.decoder.wanted


def test_what_a_slow_stream_brings_behind_its_snapshot_makes_nothing_wrong(line: Line) -> None:
    line.snapshot(10**6)
    for _ in range(2 * MOST_OLDER):
        line.update(("9.4", "7"))
    assert line.best() == (9.0, 1.0, 11.0, 1.0) and line.decoder.sequence_gaps == 0


def test_a_crossed_book_is_wrong(line: Line) -> None:
    line.snapshot(100)
    line.update(("12", "2"))
    assert line.best() is None and line.decoder.wanted == ["A"] and line.decoder.books.crossed == 1


@pytest.mark.parametrize("level", ["x 1", "nan 1", "-1 1", "1 -1", "1 inf", "0 0"])
def test_levels_that_are_none(line: Line, level: str) -> None:
    line.snapshot(100)
    price, _, size = level.partition(" ")
    line.update((price, size))
    kinds = [type(event) for event in line.out[1:]]
    assert kinds == [Malformed, BookStatus] and line.best() is None and line.decoder.wanted == ["A"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"lastUpdateId":-1,"bids":[],"asks":[]}', b"\xff", b"[" * 9999]
)
def test_a_snapshot_that_is_none_is_wanted_again(line: Line, body: bytes) -> None:
    line.decoder.wanted.clear()
    line.decoder.book_snapshot("A", body, 1, line.out)
    assert [type(event) for event in line.out] == [Malformed] and line.decoder.wanted == ["A"]
    bad = b'{"lastUpdateId":7,"bids":[["x","1"]],"asks":[]}'
    line.decoder.wanted.clear()
    line.decoder.book_snapshot("A", bad, 1, line.out)
    assert line.best() is None and line.decoder.wanted == ["A"]


def test_a_new_snapshot_is_wanted_near_the_edge_of_the_known(line: Line) -> None:
    levels = binance_book.SNAPSHOT_LEVELS
    line.snapshot(100, levels=levels)
    line.update(("9.001", "1"))
    assert line.decoder.wanted == []
    away = tuple((f"{9 - n / 1000:.3f}", "0") for n in range(levels - 10))
    line.update(*away)
    assert line.decoder.wanted == ["A"] and line.best() is not None
    line.update(("8.6", "9"))  # the book goes on meanwhile
    line.update(("8.7", "1"))
    line.snapshot(107, bid="8.5")
    assert line.best() == (8.7, 1.0, 11.0, 1.0)
    assert all(event.live for event in line.out if isinstance(event, BookStatus))


def test_a_book_beyond_the_edge_of_the_known_is_wrong_until_its_snapshot_comes(line: Line) -> None:
    """Levels that never changed are missing there."""
    levels = binance_book.SNAPSHOT_LEVELS
    line.snapshot(100, levels=levels)
    line.out.clear()
    line.update(*((f"{9 - n / 1000:.3f}", "0") for n in range(levels - 9)))
    (wrong,) = line.out
    assert isinstance(wrong, BookStatus) and "beyond" in wrong.reason
    assert line.best() is None and line.decoder.wanted == ["A"]
    line.update(("8.7", "1"))
    line.snapshot(103, bid="8.5")
    assert line.best() == (8.7, 1.0, 11.0, 1.0)


def test_a_snapshot_that_is_older_than_a_right_book_is_no_news(line: Line) -> None:
    line.snapshot(100)
    line.update(("9.5", "2"))
    line.snapshot(101, bid="7")
    assert line.best() == (9.5, 2.0, 11.0, 1.0) and line.decoder.wanted == []
    line.snapshot(103, bid="8")
    assert line.best() == (8.0, 1.0, 11.0, 1.0)


def test_what_is_held_is_bounded(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binance_book, "MOST_HELD", 50)
    for n in range(1, 200):
        line.update(("9.5", str(n)))
    assert sum(len(sync.held) for sync in line.decoder._syncs.values()) <= 50
    line.snapshot(line.number - 1)
    assert line.best() == (9.5, 199.0, 11.0, 1.0) and line.decoder._held == 0


def test_made_up_symbols_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binance_book, "MOST_BOOKS", 20)
    closed, tape = BinanceDecoder(["A"]), BinanceDecoder()
    frame = (
        '{{"stream":"x{0}@depth","data":{{"e":"depthUpdate","E":1,"s":"X{0}","U":1,"u":2,"b":[],"a":[]}}}}'
    )
    for n in range(500):
        for decoder in (closed, tape):
            decoder.decode(frame.format(n), 1, [])
    assert closed.unsubscribed == 500 and closed.wanted == ["A"] and len(closed._syncs) == 1
    assert len(tape._syncs) == 20 and len(tape.wanted) == 20


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.booleans())
def test_a_book_is_what_the_venue_has_or_is_not_shown(seed: int, of_futures: bool) -> None:
    """Whatever is lost or comes twice: a book that counts as right holds exactly the venue's levels."""
    rng = random.Random(seed)
    line = futures() if of_futures else spot()
    real: dict[float, str] = {9.0: "1"}
    for _ in range(60):
        price, size = f"{rng.randint(1, 9)}", str(rng.choice([0, 1, 2]))
        real[float(price)] = size
        lost = rng.random() < 0.1
        frame = line.update((price, size), lost=lost, count=rng.randint(1, 4))
        if not lost and rng.random() < 0.1:
            line.decoder.decode(frame, line.now_ns, line.out)
        if line.decoder.wanted and rng.random() < 0.5:
            line.decoder.wanted.clear()
            bids = [(str(key), value) for key, value in real.items() if value != "0"]
            body = {"lastUpdateId": line.number, "bids": bids, "asks": [("11", "1")]}
            line.decoder.book_snapshot("A", msgspec.json.encode(body), line.now_ns, line.out)
        book = line.decoder.books.get(f"{line.decoder.venue}:A")
        if book is not None and not lost:
            told = {-key: float(text[1]) for key, text in book.bids.levels.items()}
            assert told == {key: float(value) for key, value in real.items() if value != "0"}


def test_the_symbol_of_an_answer_is_in_its_address() -> None:
    assert depth_native("https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000") == "BTCUSDT"
    assert depth_native("https://fapi.binance.com/fapi/v1/depth?limit=5&symbol=ETHUSDT") == "ETHUSDT"
    assert depth_native("https://api.binance.com/api/v3/klines?symbol=BTCUSDT") == ""
    assert depth_native("https://api.binance.com/api/v3/depth") == "" == depth_native("")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "compared", "differed", "books"),
    [("spot_btcusdt_20240808-09", 6492, 2, 1), ("spot_multi_20211012", 159, 0, 4)],
)
def test_the_books_of_a_capture_are_the_venues(
    name: str, compared: int, differed: int, books: int, data_dir: Path
) -> None:
    """Prices and sizes, against the last bookTicker that the book is not behind of; those that differ are
    tickers that the venue skipped."""
    decoder = BinanceDecoder()
    out: list[MarketEvent] = []
    tickers: dict[str, deque[tuple[int, Best]]] = {}
    found = wrong = crossed = depths = 0
    for chunk in LineChunks(data_dir / f"feeds/binance/{name}.jsonl.gz"):
        for line in chunk.splitlines():
            row = read_row(line)
            assert row is not None
            if row.ch == "ws" and row.raw is not None:
                decoder.decode(row.raw, row.t or 0, out)
                data = msgspec.json.decode(row.raw)["data"]
                symbol = f"binance:{data['s']}"
                told, book = tickers.setdefault(symbol, deque()), decoder.books.get(symbol)
                if "@bookTicker" in row.raw[:40]:
                    told.append((data["u"], tuple(float(data[key]) for key in "bBaA")))
                elif "@depth" in row.raw[:40] and book is not None and told and told[0][0] <= data["u"]:
                    while len(told) > 1 and told[1][0] <= data["u"]:
                        told.popleft()
                    found, wrong = found + 1, wrong + (book.best() != told[0][1])
            elif row.raw is not None and (native := depth_native(row.url)):
                decoder.book_snapshot(native, row.raw.encode(), row.t or 0, out)
            for event in out:
                assert not isinstance(event, Malformed | BookStatus)
                crossed += isinstance(event, Quote) and event.bid >= event.ask
                depths += isinstance(event, Depth)
            out.clear()
    assert (found, wrong) == (compared, differed) and wrong <= 0.001 * found
    assert (decoder.malformed, decoder.sequence_gaps, decoder.books.crossed, crossed) == (0, 0, 0, 0)
    assert len(decoder.books) == books and depths > compared / 2
