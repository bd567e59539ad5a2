"""The bars of a running desk: kept as they close, loaded where missing; what fails costs bars only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.config import Config, load
from engine.events import NS, Gap, Trade
from engine.events import FeedState as State
from engine.feeds.base import FeedStats
from engine.logs import LogRing
from engine.store.bar import Provenance, StoredAction
from engine.store.bars_read import BarReader
from engine.wiring import bar_history, history_load
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.port import LivePort
from tests.klines_server import KlinesServer
from tests.store.bar_samples import MINUTE, START, SYMBOL, bar, candles

DAY = 1440
NOW = START + DAY * MINUTE
"""A whole minute."""


@dataclass
class Feed:
    venue: str
    stats: FeedStats


class Running:
    """A live engine's desk and bars, on a clock that the test sets; no feed runs."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.engine = LiveEngine(EngineOptions(config, folder), LogRing(), None)
        self.now_ns = NOW
        self.engine.clock = lambda: self.now_ns
        self.feed = Feed("binance", FeedStats(state=State.UP))
        self.engine.feeds = [self.feed]  # type: ignore[list-item]
        assert self.engine.bars is not None
        self.bars = self.engine.bars
        self.alerts: list[tuple[str, str]] = []
        """(level, text)"""
        self.engine.desk.alert = lambda level, source, text: self.alerts.append((level, text))  # type: ignore[method-assign]
        self.task: asyncio.Task[None] | None = None

    def run(self) -> None:
        self.task = asyncio.create_task(self.bars.run())

    def trade(self, at_s: float, price: float) -> None:
        self.now_ns = NOW + round(at_s * NS)
        self.engine.desk.advance(self.now_ns)
        self.engine.desk.on_events([Trade(SYMBOL, -1, price, 1.0, 1, self.now_ns, self.now_ns)])

    def minutes(self, first: int, last: int) -> None:
        for second in range(first * 60, last * 60):
            self.trade(second + 0.5, 100.0 + second % 7)
        self.now_ns = NOW + last * MINUTE
        self.engine.desk.advance(self.now_ns)

    def stored(self) -> dict[int, Provenance]:
        """By minute since NOW."""
        self.bars._store.flush()
        reader = BarReader(self.bars._store.path)
        found = reader.bars(SYMBOL, 60)
        reader.close()
        return {
            (ns - NOW) // MINUTE: Provenance(kind)
            for ns, kind in zip(found.open_ns.tolist(), found.provenance.tolist(), strict=True)
        }


def config(*more: str) -> Config:
    return load(environ={}, overrides=["feeds.binance.symbols=['BTCUSDT']", "history.days=1", *more])


@asynccontextmanager
async def running(folder: Path, *more: str) -> AsyncIterator[Running]:
    one = Running(config(*more), folder)
    one.engine.writing.start(asyncio.get_running_loop())
    one.engine.store.start()
    one.bars.start()
    try:
        yield one
    finally:
        if one.task is not None:
            one.task.cancel()
            await asyncio.gather(one.task, return_exceptions=True)
        if "sources" in one.engine.beside.__dict__:
            await one.engine.beside.sources.close()
        one.bars.close()
        one.engine.store.close()


async def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)


LIVE, PARTIAL, VENUE = Provenance.LIVE, Provenance.PARTIAL, Provenance.VENUE


async def test_what_the_clock_closes_while_the_feed_is_away_is_partial(tmp_path: Path) -> None:
    """No trade comes that would have told of it."""
    async with running(tmp_path) as one:
        one.minutes(0, 2)
        one.trade(120.5, 100.0)
        one.engine.desk.advance(NOW + 122 * NS)
        one.feed.stats.state = State.DOWN
        one.now_ns = NOW + 3 * MINUTE + 12 * NS
        one.engine.desk.advance(one.now_ns)
        one.bars.close_due()
        assert one.stored() == {0: PARTIAL, 1: LIVE, 2: PARTIAL}


async def test_a_desk_that_slept_closes_its_own_bars_first(tmp_path: Path) -> None:
    """The clock is past the minute by more than any bar's close takes, and the desk is not."""
    async with running(tmp_path) as one:
        one.trade(1.0, 100.0)
        one.trade(50.5, 90.0)
        one.now_ns = NOW + 75 * NS
        one.bars.close_due()
        one.engine.desk.advance(one.now_ns)
        one.bars.close_due()
        one.bars._store.flush()
        reader = BarReader(one.bars._store.path)
        first = reader.bars(SYMBOL, 60)
        reader.close()
        held = one.engine.desk.model_bars._coarse[60].bars(SYMBOL)[1]
        assert first.values[0, :5].tolist() == held[0, :5].tolist() == [100.0, 100.0, 90.0, 90.0, 2.0]


async def test_what_live_saw_is_stored_and_at_hand(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        one.minutes(0, 3)
        assert one.stored() == {0: PARTIAL, 1: LIVE, 2: LIVE}
        opens, values = one.bars.cache.bars(SYMBOL, 10)
        assert opens.tolist() == [NOW, NOW + MINUTE, NOW + 2 * MINUTE]
        assert values[1].tolist()[:5] == [104.0, 106.0, 100.0, 100.0, 60.0]
        assert 100.0 < values[1][5] < 106.0
        told = LivePort(one.engine).data.bars(SYMBOL, 2)
        assert told is not None and told.open_ns == tuple(opens[-2:].tolist())
        assert told.bars == tuple(tuple(row) for row in values[-2:].tolist())
        assert LivePort(one.engine).data.bars("nobody:X", 2) is None


async def test_a_gap_and_a_feed_that_was_away_make_partial_bars(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        one.minutes(0, 2)
        one.trade(120.5, 100.0)
        one.engine.desk.on_events([Gap(SYMBOL, 5, 9, "test", one.now_ns)])
        one.minutes(2, 4)
        one.feed.stats.state = State.DOWN
        one.minutes(4, 6)
        one.feed.stats.state, one.feed.stats.reconnects = State.UP, 1
        one.minutes(6, 8)
        one.feed.stats.reconnects = 2  # away for less than a second
        one.minutes(8, 10)
        kinds = [kind.name[0] for kind in one.stored().values()]
        assert "".join(kinds) == "PLPLPPPLPL"


async def test_a_bar_without_a_trade_that_was_fetched_later_is_partial(tmp_path: Path) -> None:
    """What a hole in the ids brought back is in no bar, though nothing is missing any more."""
    async with running(tmp_path) as one:
        one.minutes(0, 1)
        one.trade(60.5, 100.0)
        lost = Trade(SYMBOL, -1, 120.0, 9.0, 1, one.now_ns, one.now_ns, backfilled=True)
        one.engine.desk.on_events([lost])
        one.minutes(2, 4)
        assert one.stored() == {0: PARTIAL, 1: PARTIAL, 2: LIVE, 3: LIVE}
        assert one.engine.desk.model_bars._coarse[60]._held(0)[2].tolist() == [PARTIAL, PARTIAL, LIVE, LIVE]


async def test_bars_that_a_venue_tells_are_kept_once_they_are_closed(tmp_path: Path) -> None:
    (told,) = candles(1, start_ns=NOW - MINUTE)
    fresh = replace(told, source="", recv_ns=NOW + NS)
    async with running(tmp_path) as one:
        one.now_ns = NOW + NS
        desk = one.engine.desk
        desk.on_events([Trade(SYMBOL, -1, told.close, 1.0, 1, one.now_ns, one.now_ns)])
        desk.on_events([replace(fresh, closed=False, close=told.open)])
        assert one.stored() == {}
        desk.on_events([fresh])
        longer = NOW // (5 * MINUTE) * 5 * MINUTE - 5 * MINUTE
        desk.on_events([replace(fresh, interval_s=300, open_ns=longer)])
        broken = replace(fresh, open_ns=NOW - 2 * MINUTE, high=0.5)
        desk.on_events([broken])
        assert one.stored() == {-1: VENUE}


async def test_history_is_loaded_beside_the_desk_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bar_history, "ROUND_S", 0.05)
    monkeypatch.setattr(bar_history, "AFTER_S", 0.01)
    told = candles(DAY + 30)
    async with (
        KlinesServer(told, limit=200) as server,
        running(tmp_path, f"feeds.binance.rest_url='{server.url}'") as one,
    ):
        one.now_ns = NOW + 11 * NS
        texts: list[str] = []
        changed = one.bars._changed

        def note() -> None:
            changed()
            texts.append(one.engine.loading())

        monkeypatch.setattr(one.bars, "_changed", note)
        one.run()
        await until(lambda: one.alerts)
        assert one.alerts[0][0] == "info"
        assert one.alerts[0][1].startswith("1,440 bars of 1 symbols loaded")
        assert any(text.startswith("history ") and "of 1 symbols" in text for text in texts)
        await until(lambda: one.engine.loading() == "")
        opens, values = one.bars.cache.bars(SYMBOL, 5_000)
        assert opens.tolist() == [candle.open_ns for candle in told[:DAY]]
        assert values[-1, 3] == told[DAY - 1].close
        one.now_ns += 3 * MINUTE
        await until(lambda: len(one.bars.cache.bars(SYMBOL, 5_000)[0]) == DAY + 3)
        # What is older than a day has gone.
        await until(lambda: len(one.stored()) <= DAY + 3)
    # The next run finds them, without asking anybody.
    async with running(tmp_path, "history.enabled=false") as again:
        again.now_ns = NOW + 3 * MINUTE
        again.run()
        await until(lambda: len(again.bars.cache.bars(SYMBOL, 5_000)[0]) >= DAY)


async def test_models_are_fed_a_split_share_as_they_were_trained_on_it(tmp_path: Path) -> None:
    """A jump that nobody traded is no move; what is stored, and shown, stays as it was told."""
    ex_ns = NOW // (DAY * MINUTE) * DAY * MINUTE
    closes = {-2: 400.0, -1: 404.0, 0: 101.0, 1: 102.0}
    told = [bar(close, open_ns=ex_ns + at * MINUTE, volume=8.0, source="") for at, close in closes.items()]
    splits = [
        StoredAction(ns, "split", 4.0, "yahoo", False, NOW) for ns in (ex_ns, NOW + DAY * MINUTE)
    ]  # the second is announced
    async with running(tmp_path) as one:
        one.bars._store.call(one.bars._store.page(told))
        one.bars._store.call(one.bars._store.actions(SYMBOL, splits))
        one.run()
        await until(lambda: len(one.bars.cache.bars(SYMBOL, 10)[0]))
        _, values = one.engine.desk.model_bars._coarse[60].bars(SYMBOL)
        assert values[:, 3].tolist() == [100.0, 101.0, 101.0, 102.0]
        assert values[:, 4].tolist() == [32.0, 32.0, 8.0, 8.0]
        assert one.bars.cache.bars(SYMBOL, 10)[1][:, 3].tolist() == list(closes.values())


async def test_a_load_begins_when_it_is_asked_for(tmp_path: Path) -> None:
    async with (
        KlinesServer(candles(DAY + 30), limit=1000) as server,
        running(tmp_path, f"feeds.binance.rest_url='{server.url}'") as one,
    ):
        one.now_ns = NOW + 11 * NS
        one.run()
        await until(lambda: one.bars.row().rounds == 1)
        row = one.bars.row()
        assert row.enabled and not row.loading and (row.stored, row.faults) == (DAY, {})
        one.now_ns += 3 * MINUTE  # the next look is up to a minute away
        one.bars.load_now()
        await until(lambda: one.bars.row().rounds == 2)
        assert one.bars.row().stored == 3
        # Nor does it wait for a symbol that is left alone for a while, as there was nothing new of it.
        one.bars.load_now()
        await until(lambda: one.bars.row().rounds == 3)
        one.now_ns += MINUTE
        one.bars.load_now()
        await until(lambda: one.bars.row().rounds == 4)
        assert one.bars.row().stored == 1


async def test_a_venue_that_refuses_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_load, "FIRST_PAUSE_S", 0.01)
    async with running(tmp_path, "feeds.binance.rest_url='http://127.0.0.1:9'") as one:
        one.run()
        await until(lambda: one.alerts, 30.0)
        level, text = one.alerts[0]
        assert level == "warning" and "1 symbols are not complete: binance:BTCUSDT" in text


async def test_without_its_file_the_desk_goes_on(tmp_path: Path) -> None:
    (tmp_path / "bars.db").mkdir()
    async with running(tmp_path) as one:
        assert "bars are not stored" in one.alerts[0][1]
        one.minutes(0, 2)
        await one.bars.run()
        assert len(one.bars.cache.bars(SYMBOL, 5)[0]) == 0


async def test_a_bug_in_it_costs_the_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as one:
        monkeypatch.setattr(one.bars, "_watch", lambda: 1 / 0)
        one.minutes(0, 1)
        assert one.engine.desk.on_table is None
        assert [text for _, text in one.alerts] == ["internal error (ZeroDivisionError), see engine.log"]
        one.minutes(1, 2)
        assert one.engine.desk.bars >= 100


async def test_a_bug_in_a_round_costs_that_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_history, "ROUND_S", 0.02)
    monkeypatch.setattr(bar_history, "AFTER_S", 0.01)
    rounds = []

    async def broken(load: object, targets: object) -> None:
        rounds.append(1)
        raise ZeroDivisionError

    async with running(tmp_path, "history.enabled=false") as one:
        monkeypatch.setattr(one.bars, "_round", broken)
        one.run()
        await until(lambda: len(rounds) >= 3)
        assert one.alerts == [("error", "internal error (ZeroDivisionError), see engine.log")]


async def test_bars_that_do_not_fit_are_told_of(tmp_path: Path) -> None:
    async with running(tmp_path, "features.bar_s=7.0") as one:
        assert "live bars are not stored: bars of 7 s" in one.alerts[0][1]


def test_the_past_of_the_simulated_venue_is_not_kept(tmp_path: Path) -> None:
    one = Running(config(), tmp_path)
    tables: list[object] = []
    one.engine.desk.on_table = tables.append
    with one.engine.desk.warming_up():
        one.minutes(0, 1)
    assert not tables
    one.minutes(1, 2)
    assert tables
