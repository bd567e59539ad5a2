"""The watched market as the API tells it: book, prints, bars and our fills."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from engine.api.market_conflator import MarketConflator
from engine.api.market_protocol import MOST_FILLS, MOST_TRADES, Watch
from engine.errors import StoreError
from engine.events import BookStatus, Depth, Trade
from engine.feeds.tape import Tape
from engine.slices import at_once
from engine.store.read import Reader
from engine.store.store import Store
from engine.wiring import market_view
from engine.wiring.latency import Stages
from engine.wiring.market_view import MOST_CHARTS, MOST_RECALLED, LiveMarket
from tests.store import samples
from tests.wiring.conftest import Bench, calm, quote, taped, trade
from tests.wiring.test_data_view import at

SYMBOL = "kraken:BTC/USD"


def market(bench: Bench, seconds: float, store: Store | None = None) -> LiveMarket:
    def reader() -> Reader:
        if store is None:
            raise StoreError("no disk")
        return store.reader()

    return LiveMarket(bench.desk, lambda: at(seconds), reader, Stages())


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    for events in calm(SYMBOL, 100.0, 5):
        made.desk.on_events(events)
    return made


def test_the_quote_alone_where_no_depth_is_told_then_the_book_and_its_fault(bench: Bench) -> None:
    seen = market(bench, 5)
    book = seen.book(SYMBOL)
    assert book.known and not book.depth and not book.fault and book.age_ms == 1000
    ((bid, size),), ((ask, _),) = book.bids, book.asks
    assert bid < 100.0 < ask and size == 1000.0
    assert book.tick_size == format(bench.desk.instruments[0].tick_size.normalize(), "f")
    levels = ((99.0, 1.0), (98.0, 2.0)), ((101.0, 1.0),)
    bench.desk.on_events([Depth(SYMBOL, *levels, at(4.5), at(4.5))])
    book = seen.book(SYMBOL)
    assert (book.bids, book.asks) == levels and book.depth and book.age_ms == 500
    bench.desk.on_events([BookStatus(SYMBOL, False, "checksum", True, at(5))])
    book = seen.book(SYMBOL)
    assert "checksum" in book.fault and not (book.depth or book.bids or book.asks) and book.age_ms is None
    bench.desk.on_events([quote(SYMBOL, 99.9, 100.1, 5.0)])
    assert seen.book(SYMBOL).bids == ((99.9, 1000.0),), "a quote that is no top of that book"


def test_an_unknown_symbol_says_so_until_it_is_known(bench: Bench) -> None:
    conflator = MarketConflator(market(bench, 5))
    conflator.watch(Watch("okx:NEW\x1b[31m-USD"))
    frame = at_once(conflator.making())
    assert frame is not None and frame.full and not frame.known
    assert not frame.book_fault and not frame.bars and frame.indicators, "its book is not wrong"
    assert at_once(conflator.making()) is None
    conflator.watch(Watch("okx:NEW-USD"))
    at_once(conflator.making())
    bench.desk.on_events([trade("okx:NEW-USD", 1, 7.0, 1.0, 5.0)])
    frame = at_once(conflator.making())
    assert frame is not None and frame.full and [row.price for row in frame.trades] == [7.0]


def test_prints_are_there_at_once_and_then_only_new_ones(bench: Bench) -> None:
    conflator = MarketConflator(market(bench, 9))
    conflator.watch(Watch(SYMBOL))
    first = at_once(conflator.making())
    assert first is not None and [row.side for row in first.trades] == [-1, 1, -1, 1, -1]
    assert first.interval_s == 1 and [bar.closed for bar in first.bars] == [True] * 4 + [False]
    assert at_once(conflator.making()) is None
    bench.desk.on_events([trade(SYMBOL, 9, 101.0, 2.0, 4.5)])
    second = at_once(conflator.making())
    assert second is not None and not second.full
    assert [(row.price, row.size, row.side) for row in second.trades] == [(101.0, 2.0, 1)]
    assert [bar.close for bar in second.bars] == [101.0] and not second.bars[0].closed
    many = [trade(SYMBOL, 10 + n, 101.0 + n / 1e3, 1.0, 4.6 + n / 1e4) for n in range(MOST_TRADES + 30)]
    bench.desk.on_events(many)
    third = at_once(conflator.making())
    assert third is not None and third.missed_trades == 30 and len(third.trades) == MOST_TRADES
    assert third.trades[-1].price == many[-1].price


async def test_our_fills_of_the_past_and_those_that_come(bench: Bench, tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db", durable=False)
    store.start()
    try:
        bench.desk.on_events([trade(samples.SYMBOL, 1, 100.0, 1.0, 6.0), trade("x:other", 1, 1.0, 1.0, 6.0)])
        for number in range(1, 4):
            store.commit_now(samples.order(number))
        store.flush()
        seen = market(bench, 7, store)
        seen.on_event(samples.fill(7))  # which is not on disk yet
        seen.on_event(msgspec.structs.replace(samples.fill(7, 1), symbol="x:another"))
        assert seen.fills(samples.SYMBOL, 0) == (0, ()), "nobody watches"
        recall = asyncio.ensure_future(seen.recall(samples.SYMBOL))
        await asyncio.sleep(0)
        seen.on_event(samples.fill(8, price="7.50"))  # while the past is read
        seen.on_event(samples.fill(1))  # which holds this one
        await recall
        count, rows = seen.fills(samples.SYMBOL, 0)
        assert count == len(rows) == 8 and [row.ns for row in rows] == [1, 1, 2, 2, 3, 3, 7, 8]
        assert (rows[-1].price, rows[-1].side, rows[-1].order_id) == ("7.5", "buy", "o8")
        for number in range(100, 100 + MOST_FILLS + 5):
            seen.on_event(samples.fill(number))
        total, rows = seen.fills(samples.SYMBOL, count)
        assert total - count == MOST_FILLS + 5 and len(rows) == MOST_FILLS and rows[-1].ns == 304
        await seen.recall("x:other")
        assert seen.fills("x:other", 0) == (0, ())
    finally:
        store.close()


async def test_a_past_that_cannot_be_read_is_left_out(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    seen = market(bench, 5)
    await seen.recall(SYMBOL)
    assert "fills of the past are not shown: no disk" in caplog.text
    seen.on_event(msgspec.structs.replace(samples.fill(1), symbol=SYMBOL))
    assert seen.fills(SYMBOL, 0)[0] == 1


async def test_nothing_grows_however_much_is_watched(bench: Bench, tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db", durable=False)
    store.start()
    try:
        seen = market(bench, 5, store)
        conflator = MarketConflator(seen)
        for number in range(MOST_RECALLED + 10):
            bench.desk.on_events([trade(f"x:{number}", 1, 1.0, 1.0, 5.0)])
            await seen.recall(f"x:{number}")
            await seen.recall(f"never:{number}")
            conflator.watch(Watch(f"x:{number}", number))
            assert at_once(conflator.making()) is not None
        assert len(seen._fills) == MOST_RECALLED and len(seen._charts) == MOST_CHARTS
    finally:
        store.close()


async def test_a_slow_disk_keeps_nobody_from_the_market(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()
    monkeypatch.setattr(market_view, "RECALL_S", 0.01)

    async def slow(work: object) -> None:
        await released.wait()

    monkeypatch.setattr(asyncio, "to_thread", slow)
    await market(bench, 5).recall(SYMBOL)
    assert not released.is_set()


def test_a_captured_session_ends_with_the_books_and_prints_that_were_told(data_dir: Path) -> None:
    path = data_dir / "feeds/kraken/v1_5pairs_20210417.jsonl.gz"
    tape, depths, prints = Tape([path]), dict[str, Depth](), dict[str, list[Trade]]()
    for batch in tape.batches():
        assert isinstance(batch, list)
        for event in batch:
            if isinstance(event, Depth):
                depths[event.symbol] = event
            elif isinstance(event, BookStatus) and not event.live:
                depths.pop(event.symbol, None)
            elif isinstance(event, Trade) and not event.backfilled:
                prints.setdefault(event.symbol, []).append(event)
    bench = Bench()
    taped(bench, path)
    seen = LiveMarket(bench.desk, lambda: bench.desk.now_ns, lambda: pytest.fail("not asked"), Stages())
    assert len(depths) == 5
    for symbol, depth in depths.items():
        book = seen.book(symbol)
        assert (book.bids, book.asks, book.depth) == (depth.bids, depth.asks, True)
        assert all(a[0] > b[0] for a, b in zip(book.bids, book.bids[1:], strict=False)) and book.tick_size
    for symbol, told in prints.items():
        count, rows = seen.trades(symbol, 0)
        accepted = told[-len(rows) :]
        assert count == len(told) and [r.price for r in rows] == [t.price for t in accepted]
        assert [(r.size, r.side) for r in rows] == [(t.size, t.aggressor) for t in accepted]
    assert sum(map(len, prints.values())) == 10
