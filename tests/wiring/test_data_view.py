"""How good the data is, as the API tells it; and the quarantine that stays within its bound."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from engine.errors import SymbolError
from engine.events import NS, BookStatus, Depth, Gap, Quarantined
from engine.store.bars import BarStore
from engine.store.bars_read import BarReader
from engine.store.hot_cache import HotCache
from engine.store.store import Store
from engine.wiring.data_view import LiveData, bound_quarantine
from engine.wiring.view import DeskView
from tests.store.bar_samples import START, bar
from tests.store.bar_samples import bars as stored_bars
from tests.wiring.conftest import START_NS, Bench, calm, quote
from tests.wiring.test_market_news import bars
from tests.wiring.test_view import frame
from widgets.data_health import symbol_data_lines

SYMBOL = "kraken:BTC/USD"


def at(seconds: float) -> int:
    return START_NS + round(seconds * NS)


def data(bench: Bench, seconds: float, store: Store | None = None) -> LiveData:
    def reader():  # type: ignore[no-untyped-def]
        assert store is not None
        return store.reader()

    return LiveData(bench.desk, lambda: at(seconds), reader)


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    for events in calm(SYMBOL, 100.0, 5):
        made.desk.on_events(events)
    return made


def test_a_symbols_ages_book_and_imbalance(bench: Bench) -> None:
    bench.desk.on_events([Depth(SYMBOL, ((99.0, 1.0), (98.0, 2.0)), ((101.0, 1.0),), at(4.5), at(4.5))])
    (row,) = data(bench, 5).symbols()
    assert (row.quote_age_ms, row.trade_age_ms, row.book_age_ms, row.candle_age_ms) == (1000, 900, 500, None)
    assert row.imbalance == 0.5 and not (row.gapped or row.stale_reason or row.book_fault)
    depth = data(bench, 5).depth(SYMBOL)
    assert depth is not None and depth.asks == ((101.0, 1.0),) and depth.age_ms == 500


def test_a_last_trade_that_is_old_beside_fresh_quotes_is_marked_on_the_screen_and_not_stale(
    bench: Bench,
) -> None:
    bench.desk.on_events([quote(SYMBOL, 99.9, 100.1, 70)])
    (row,) = data(bench, 71).symbols()
    assert row.trade_old and not row.stale_reason
    styles = {text.strip(): style for line in symbol_data_lines([row], 100) for text, style in line}
    assert styles["1m"] == "warn"


def test_gaps_and_wrong_books_are_told_and_shown(bench: Bench) -> None:
    bench.desk.on_events(
        [Gap(SYMBOL, 6, 9, "cut", at(5)), BookStatus(SYMBOL, False, "checksum differs", True, at(5))]
    )
    (row,) = data(bench, 5).symbols()
    assert (row.gapped, row.gaps, row.stale_reason, row.imbalance) == (True, 1, "book checksum differs", None)
    assert data(bench, 5).depth(SYMBOL) is None and data(bench, 5).depth("no:SUCH") is None
    (tick,) = frame(bench, at(5)).ticks
    assert (tick.stale, tick.stale_reason, tick.gapped) == (True, "book checksum differs", True)
    assert tick.book_fault == "book checksum differs" and tick.bid is not None
    assert frame(bench, at(5)).status.stale_symbols == 1
    bench.desk.on_events([BookStatus(SYMBOL, True, "", True, at(6)), quote(SYMBOL, 99.9, 100.1, 6)])
    (tick,) = frame(bench, at(6)).ticks
    assert not tick.stale and tick.gapped


def test_a_polled_symbol_shows_its_newest_bar_and_that_ones_age() -> None:
    bench = Bench()
    bench.desk.on_events(bars(3))
    (tick,) = frame(bench, at(190)).ticks
    assert (tick.last, tick.age_ms, tick.stale) == (200.2, 10_000, False)
    (tick,) = frame(bench, at(400)).ticks
    assert (tick.stale, tick.stale_reason) == (True, "bar 220 s old")


def test_what_is_loaded_is_told(bench: Bench) -> None:
    view = DeskView(bench.desk, mode="PAPER", started_ns=START_NS)
    assert frame(bench, at(5), view, loading="history 3%").status.loading == "history 3%"


async def test_the_quarantine_is_listed_and_bounded(bench: Bench, tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")
    store.start()
    for number in range(20):
        store.behind(Quarantined(number, SYMBOL, "OUTLIER", "trade", f"price {number}", 0))
    task = asyncio.create_task(bound_quarantine(store, 5))
    seen = data(bench, 5, store)
    async with asyncio.timeout(5):
        while True:
            found = await seen.quarantine(symbol=SYMBOL, reason="OUTLIER", since_ns=0, limit=100)
            if len(found) == 5:
                break
            await asyncio.sleep(0.01)
    assert [row.ns for row in found] == [19, 18, 17, 16, 15] and found[0].content == "price 19"
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert store.close()


@pytest.mark.parametrize("name", ["BTC/USD", "btc/usd", "XBT/USD", "kraken:BTC/USD"])
def test_bars_and_books_are_found_in_any_spelling_that_orders_take(bench: Bench, name: str) -> None:
    cache = HotCache(10, 60)
    cache.put([bar(symbol=SYMBOL)])
    bench.desk.on_events([Depth(SYMBOL, ((99.0, 1.0),), ((101.0, 1.0),), at(4.5), at(4.5))])
    told = LiveData(bench.desk, lambda: at(5), lambda: None, cache)  # type: ignore[arg-type, return-value]
    bars_row, depth = told.bars(name, 5), told.depth(name)
    assert bars_row is not None and depth is not None
    assert bars_row.symbol == depth.symbol == SYMBOL and len(bars_row.bars) == 1


def test_a_name_that_means_several_has_no_bars(bench: Bench) -> None:
    for events in calm("coinbase:BTC-USD", 100.0, 5):
        bench.desk.on_events(events)
    told = LiveData(bench.desk, lambda: at(5), lambda: None, HotCache(10, 60))  # type: ignore[arg-type, return-value]
    with pytest.raises(SymbolError, match="several venues"):
        told.bars("BTC/USD", 5)
    assert told.bars("no:SUCH", 5) is None


async def test_bars_of_a_range_are_those_that_are_stored(bench: Bench, tmp_path: Path) -> None:
    path, minute = tmp_path / "bars.db", 60 * NS
    store = BarStore(path)
    store.start()
    store.behind(stored_bars(6, symbol=SYMBOL))
    assert store.close()
    reader = BarReader(path)
    told = LiveData(bench.desk, lambda: at(5), lambda: None, None, lambda: reader)  # type: ignore[arg-type, return-value]

    async def opens(since: int, until: int, count: int = 100, name: str = "BTC/USD") -> list[int] | None:
        found = await told.bars_of(name, 60, START + since * minute, START + until * minute, count)
        if found is None:
            return None
        assert (found.symbol, found.interval_s, len(found.bars)) == (SYMBOL, 60, len(found.open_ns))
        return [(ns - START) // minute for ns in found.open_ns]

    try:
        assert await opens(0, 100) == [0, 1, 2, 3, 4, 5]
        assert await opens(1, 4) == [1, 2, 3]
        assert await opens(0, 4, 2) == [2, 3] and await opens(0, 2, 2) == [0, 1], "page by page, backwards"
        assert await opens(-9, 0) == [], "of a range without bars: none"
        assert await opens(0, 9, name="no:SUCH") is None
    finally:
        reader.close()
    without = LiveData(bench.desk, lambda: at(5), lambda: None)  # type: ignore[arg-type, return-value]
    assert await without.bars_of(SYMBOL, 60, 0, 9, 9) is None
