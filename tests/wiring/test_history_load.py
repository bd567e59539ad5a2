"""Loading history over real HTTP: resumed, judged, filled, within what a source can."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace

from engine.config import CollectionConfig, HistoryConfig, PollingConfig, QualityConfig
from engine.errors import StoreError
from engine.events import NS, Candle
from engine.feeds.base import FeedStats, UnreachableError
from engine.feeds.rest import RefusedError
from engine.feeds.sources.budget import BudgetState
from engine.feeds.sources.registry import Sources
from engine.feeds.sources.rest_source import Surroundings
from engine.feeds.sources.source import Action, Dividend, ExhaustedError, Source, Split
from engine.store.bar import Provenance
from engine.store.bars import BarStore
from engine.store.bars_read import BarReader
from engine.wiring import history_load
from engine.wiring.history_load import HistoryLoad, LoadStatus, Target
from tests.klines_server import KlinesServer
from tests.store.bar_samples import MINUTE, START, SYMBOL, bar, bars, candles

DAY = 1440
BARS = 2 * DAY


class Loading:
    """A store and a load of ``days`` up to a clock that the test sets."""

    def __init__(
        self, folder: Path, now_ns: int, *, days: int = 2, quality: QualityConfig | None = None
    ) -> None:
        self.now_ns = now_ns
        self.store = BarStore(folder / "bars.db")
        self.store.start()
        self.reader = BarReader(self.store.path)
        self.refused: list[tuple[Candle, str]] = []
        self.loaded: list[str] = []
        self.texts: list[str] = []
        self.load = HistoryLoad(
            self.store,
            self.reader,
            HistoryConfig(days=days),
            quality or QualityConfig(),
            clock=lambda: self.now_ns,
            rng=random.Random(1),
            refuse=lambda candle, reason: self.refused.append((candle, reason)),
            loaded=self._loaded,
            changed=lambda: self.texts.append(self.load.status.text),
        )

    async def _loaded(self, symbol: str) -> None:
        self.loaded.append(symbol)

    def opens(self, symbol: str = SYMBOL) -> list[int]:
        return [(ns - START) // MINUTE for ns in self.reader.bars(symbol, 60).open_ns.tolist()]

    def close(self) -> None:
        self.reader.close()
        self.store.close()


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Loading]:
    one = Loading(tmp_path, START + BARS * MINUTE + 11 * NS)
    yield one
    one.close()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_load, "FIRST_PAUSE_S", 0.01)


def binance(url: str, clock: Loading) -> Source:
    async def keep(name: str, state: BudgetState) -> None:
        return

    around = Surroundings(lambda: clock.now_ns, random.Random(1), {}, {}, {}, keep)
    config = CollectionConfig(sources={"binance": PollingConfig(rest_url=url, per_minute=100_000)})
    source = Sources(config, around).of_venue("binance")
    assert source is not None
    return source


async def load(loading: Loading, *sources: Source, symbol: str = SYMBOL) -> LoadStatus:
    target = Target(symbol, tuple((source, symbol.partition(":")[2]) for source in sources))
    return await loading.load.run([target])


async def test_an_empty_history_is_loaded_page_by_page_and_only_once(loading: Loading) -> None:
    told = candles(BARS + 1)
    async with KlinesServer(told) as server:
        source = binance(server.url, loading)
        status = await load(loading, source)
        assert (status.wanted, status.done, status.stored, status.share) == (BARS, BARS, BARS, 1.0)
        assert not status.faults and loading.loaded == [SYMBOL]
        assert 3 <= len(server.asked) <= 4
        assert loading.texts[0] == "history 0%, 0 of 1 symbols"
        assert loading.texts[-1] == "history 100%, 1 of 1 symbols"
        found = loading.reader.bars(SYMBOL, 60)
        # But for when they were told.
        stored = [replace(found.bar(at), told_ns=0) for at in range(BARS)]
        assert repr(stored) == repr([replace(one, told_ns=0) for one in bars(BARS)])
        asked = len(server.asked)
        again = await load(loading, source)
        assert (again.wanted, len(server.asked)) == (0, asked)
        await source.close()


async def test_a_load_that_was_cut_off_goes_on_where_its_bars_end(loading: Loading) -> None:
    reached = asyncio.Event()

    async with KlinesServer(candles(BARS + 1), limit=100) as server:

        def refuse(number: int) -> None:
            if number == 7:
                reached.set()

        server.refuse = refuse
        source = binance(server.url, loading)
        task = asyncio.create_task(load(loading, source))
        await reached.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        loading.store.flush()
        held = len(loading.opens())
        assert 500 <= held <= 700
        first = len(server.asked)
        status = await load(loading, source)
        assert status.wanted == BARS - held and loading.opens() == list(range(BARS))
        assert server.asked[first][0] * 1_000_000 == START + held * MINUTE
        await source.close()


async def test_holes_are_found_and_filled(loading: Loading) -> None:
    told = bars(BARS)
    loading.store.call(loading.store.page([*told[:100], *told[130:2000], *told[2001:]]))
    partial = replace(told[40], close=1.0, provenance=Provenance.PARTIAL, source="desk")
    loading.store.call(loading.store.page([told[39]]))
    async with KlinesServer(candles(BARS + 1)) as server:
        source = binance(server.url, loading)
        status = await load(loading, source)
        assert (status.wanted, status.stored) == (31, 31)
        assert len(server.asked) == 2
        assert loading.opens() == list(range(BARS))
        assert partial.open_ns in loading.reader.bars(SYMBOL, 60).open_ns
        await source.close()


async def test_what_the_desk_saw_whole_is_not_replaced_and_what_it_saw_in_part_is(loading: Loading) -> None:
    told = bars(BARS)
    seen = {"source": "desk", "close": 1.5, "open": 1.5, "high": 1.5, "low": 1.5}
    whole = replace(told[10], provenance=Provenance.LIVE, **seen)
    part = replace(told[20], provenance=Provenance.PARTIAL, **seen)
    loading.store.call(loading.store.page([whole, part]))
    async with KlinesServer(candles(BARS + 1)) as server:
        source = binance(server.url, loading)
        await load(loading, source)
        found = loading.reader.bars(SYMBOL, 60)
        assert found.bar(10).close == 1.5 and found.bar(20).close == told[20].close
        await source.close()


async def test_bars_that_nobody_can_believe_are_set_aside_and_short_holes_filled(loading: Loading) -> None:
    told = candles(BARS + 1)
    broken = replace(told[50], high=told[50].low - 1.0)
    wild = replace(told[60], close=told[60].close * 3, high=told[60].close * 3)
    server_told = [*told[:50], broken, *told[51:60], wild, *told[61:70], *told[75:200], *told[300:]]
    async with KlinesServer(server_told) as server:
        source = binance(server.url, loading)
        status = await load(loading, source)
        assert [(candle.open_ns, reason) for candle, reason in loading.refused] == [
            (broken.open_ns, "RANGE"),
            (wild.open_ns, "OUTLIER"),
        ]
        assert status.refused == 2
        missing = set(range(200, 300))
        assert loading.opens() == [at for at in range(BARS) if at not in missing]
        found = loading.reader.bars(SYMBOL, 60)
        filled = [at for at in range(300) if at < 200 and found.bar(at).provenance is Provenance.FILLED]
        assert filled == [50, 60, 70, 71, 72, 73, 74]
        assert found.bar(50).close == found.bar(49).close and found.bar(50).volume == 0.0
        again = await load(loading, source)  # nobody has them: they are not asked for again
        assert again.wanted == 0
        await source.close()


async def test_a_bar_that_still_forms_is_left_for_later(loading: Loading) -> None:
    told = candles(BARS + 10)
    async with KlinesServer(told) as server:
        source = binance(server.url, loading)
        await load(loading, source)
        assert loading.opens()[-1] == BARS - 1
        asked = len(server.asked)
        loading.now_ns += 5 * MINUTE
        status = await load(loading, source)
        assert (status.wanted, status.stored, len(server.asked)) == (5, 5, asked + 1)
        assert server.asked[-1][0] * 1_000_000 == START + BARS * MINUTE
        await source.close()


async def test_a_bar_that_comes_late_is_asked_for_again(loading: Loading) -> None:
    told = candles(BARS + 10)
    async with KlinesServer(told[: BARS - 1]) as server:
        source = binance(server.url, loading)
        await load(loading, source)
        assert loading.opens()[-1] <= BARS - 2
        server.rows = KlinesServer(told).rows
        loading.now_ns += MINUTE
        await load(loading, source)
        assert loading.opens()[-2:] == [BARS - 1, BARS]
        await source.close()


async def test_a_server_that_fails_for_a_while_is_asked_again(loading: Loading) -> None:
    async with KlinesServer(candles(BARS + 1)) as server:
        server.refuse = lambda number: web.Response(status=503) if number in (2, 3) else None
        source = binance(server.url, loading)
        status = await load(loading, source)
        assert not status.faults and loading.opens() == list(range(BARS))
        await source.close()


class Fake:
    """A source whose pages are given; see Source."""

    def __init__(
        self,
        name: str,
        *pages: list[Candle] | Exception,
        split_adjusted: bool = True,
        actions: tuple[Action, ...] = (),
    ) -> None:
        self.name = self.venue = name
        self.stats = FeedStats()
        self.split_adjusted = self.dividends_adjusted = split_adjusted
        self.tells_actions = True
        self.delay_s = 120
        self.back_ns = 0
        """How far back it has bars, from now; 0: all."""
        self.intervals_s = frozenset({60})
        self.pages = list(pages)
        self.told = actions
        self.asked: list[tuple[int, int]] = []

    def native_of(self, canonical: str) -> str:
        return canonical

    def earliest_ns(self, interval_s: int, now_ns: int) -> int:
        return now_ns - self.back_ns if self.back_ns else 0

    def wait_ns(self, now_ns: int) -> int:
        return 0

    async def latest(self, symbol: str, native: str) -> list[Candle]:
        return []

    async def bars(
        self, symbol: str, native: str, interval_s: int, start_ns: int, end_ns: int
    ) -> AsyncIterator[list[Candle]]:
        self.asked.append((start_ns, end_ns))
        while self.pages:
            page = self.pages.pop(0)
            if isinstance(page, Exception):
                raise page
            yield [replace(one, symbol=symbol, source=self.name) for one in page]

    async def actions(self, symbol: str, native: str, start_ns: int, end_ns: int) -> list[Action]:
        return list(self.told)

    async def close(self) -> None:
        return


async def test_the_next_source_goes_on_where_the_first_gave_up(loading: Loading) -> None:
    told = candles(BARS)
    first = Fake("yahoo", told[:1000], RefusedError("yahoo: no"))
    second = Fake("polygon", told[1000:])
    status = await load(loading, first, second, symbol="poll:AAPL")
    assert not status.faults and status.done == BARS
    assert second.asked == [(START + 1000 * MINUTE, START + (BARS + 1) * MINUTE)]
    found = loading.reader.bars("poll:AAPL", 60)
    assert {found.bar(0).source, found.bar(BARS - 1).source} == {"yahoo", "polygon"}
    assert found.bar(0).provenance is Provenance.SERVICE


async def test_nobody_has_it(loading: Loading) -> None:
    daily = Fake("alpha-vantage")
    daily.intervals_s = frozenset({86_400})
    status = await load(loading, daily, Fake("yahoo", RefusedError("no such symbol")), symbol="poll:X")
    assert status.faults == {"poll:X": "alpha-vantage has no bars of 60 s; no such symbol"}
    assert (await load(loading, symbol="poll:Y")).faults == {"poll:Y": "no source has it"}


async def test_a_budget_that_is_soon_free_is_waited_for_and_one_of_tomorrow_is_not(loading: Loading) -> None:
    told = candles(BARS)
    soon = Fake("polygon", told[:500], ExhaustedError("spent", 0.05), told[500:])
    assert not (await load(loading, soon)).faults
    assert len(soon.asked) == 2 and loading.opens() == list(range(BARS))
    tomorrow = Fake("yahoo", ExhaustedError("spent for today", 80_000.0))
    status = await load(loading, tomorrow, symbol="poll:X")
    assert status.faults == {"poll:X": "spent for today"}


async def test_a_source_that_gets_nowhere_is_left(loading: Loading) -> None:
    source = Fake("yahoo", *[UnreachableError("away")] * 20)
    status = await load(loading, source, symbol="poll:X")
    assert status.faults == {"poll:X": "away"}
    assert len(source.asked) == history_load.ATTEMPTS


async def test_silence_is_asked_about_less_and_less(loading: Loading) -> None:
    source = Fake("yahoo", candles(BARS))
    await load(loading, source, symbol="poll:X")
    asked = []
    for _ in range(100):  # not over midnight: each day is looked at anew
        loading.now_ns += MINUTE
        before = len(source.asked)
        await load(loading, source, symbol="poll:X")
        asked.append(len(source.asked) - before)
    assert sum(asked[:30]) >= 4 and sum(asked[30:]) <= 2


async def test_a_symbol_that_nobody_has_is_asked_for_less_and_less(loading: Loading) -> None:
    source = Fake("yahoo")
    for _ in range(100):
        source.pages = [RefusedError("no such symbol")]
        await load(loading, source, symbol="poll:X")
        loading.now_ns += MINUTE
    assert 4 <= len(source.asked) <= 8


async def test_splits_and_dividends_are_kept_and_excuse_a_jump(loading: Loading) -> None:
    told = candles(BARS)
    quarter = [
        replace(one, open=one.open / 4, high=one.high / 4, low=one.low / 4, close=one.close / 4)
        for one in told
    ]
    ex_ns = told[1000].open_ns
    source = Fake(
        "polygon",
        [*told[:1000], *quarter[1000:]],
        split_adjusted=False,
        actions=(Split(ex_ns, 4.0, 1.0), Dividend(ex_ns + 900 * MINUTE, 0.25), Split(ex_ns, 1.0, 0.0)),
    )
    status = await load(loading, source, symbol="poll:X")
    assert status.refused == 0 and len(loading.opens("poll:X")) == BARS
    kept = loading.reader.actions("poll:X")
    assert [(one.ex_ns, one.kind, one.value) for one in kept] == [
        (ex_ns, "split", 4.0),
        (ex_ns + 900 * MINUTE, "dividend", 0.25),
    ]


async def test_a_split_is_news_of_a_symbol_without_a_new_bar(loading: Loading) -> None:
    source = Fake("yahoo", candles(BARS))
    await load(loading, source, symbol="poll:X")
    for actions, times in (((), 1), ((Dividend(START, 0.25),), 1), ((Split(START, 4.0, 1.0),), 2)):
        loading.now_ns += DAY * MINUTE
        source.told = actions
        status = await load(loading, source, symbol="poll:X")
        assert not status.stored and loading.loaded == ["poll:X"] * times


async def test_who_has_no_bars_may_know_the_dividends(loading: Loading) -> None:
    service = Fake("yahoo", actions=(Dividend(START, 0.25),))
    venue = Fake("binance", candles(BARS))
    venue.tells_actions = False
    await loading.load.run([Target("alpaca:AAPL", ((venue, "AAPL"),), ((service, "AAPL"),))])
    (kept,) = loading.reader.actions("alpaca:AAPL")
    assert (kept.value, kept.source, kept.split_adjusted) == (0.25, "yahoo", True)
    assert not service.asked and len(loading.opens("alpaca:AAPL")) == BARS


async def test_what_is_older_than_wanted_goes(loading: Loading) -> None:
    loading.store.call(loading.store.page(bars(BARS)))
    loading.now_ns += 500 * MINUTE
    assert await loading.load.forget_old() == 500
    assert loading.opens() == list(range(500, BARS))


async def test_a_disk_that_is_full_ends_the_load_with_a_word(loading: Loading) -> None:
    loading.store.call(lambda connection: connection.execute("PRAGMA max_page_count = 1"))
    with pytest.raises(StoreError, match="free space"):
        await load(loading, Fake("yahoo", candles(BARS)))


async def test_other_bars_do_not_hide_what_is_missing(loading: Loading) -> None:
    loading.store.call(loading.store.page([bar(interval_s=300), bar(symbol="kraken:BTC/USD")]))
    assert (await load(loading, Fake("binance", candles(BARS)))).stored == BARS
