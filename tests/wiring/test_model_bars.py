"""What a model on minute bars is fed: live as in a replay, after a restart, and as training reads it."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.events import NS, Candle, MarketEvent, Trade
from engine.events import FeedState as State
from engine.feature_table import FeatureTable
from engine.features.alpha158 import HISTORY, alpha158_series
from engine.features.coarse_bars import KEPT
from engine.models.load import refuse_interval
from engine.models.training.label import Series
from engine.models.training.panel import build
from engine.store.bar import Provenance
from engine.store.bars_read import BarReader, Bars
from engine.wiring.desk import Desk
from engine.wiring.model_bars import ModelBars, Rows
from tests.store.bar_samples import MINUTE, SYMBOL, bar
from tests.wiring.conftest import Bench
from tests.wiring.test_bar_history import NOW, Running, running, until

OTHER = "binance:ETHUSDT"
DATA = ("feeds.binance.symbols=['BTCUSDT', 'ETHUSDT']", "history.enabled=false", "models.every_bars=1")
LATE_S = 242.0
FIRST, LAST = 66, 72
"""Minutes: in the middle a desk is started anew; what is scored before the 61st has no rows."""

Found = dict[tuple[str, int], bytes]
"""Rows by symbol and when the bar ended."""


@cache
def captured(data_dir: Path) -> list[Trade]:
    """Two shares' trades of the same hours, as if they were of one day."""
    found = []
    for symbol, name, begin in (
        (SYMBOL, "us_stock_XXX_taq_trades_quotes_20180102", 1_514_903_400),
        (OTHER, "us_stock_AMZN_trades_20120621_full_session", 1_340_285_400),
    ):
        with gzip.open(data_dir / "feeds" / "tapes" / f"{name}.jsonl.gz", "rt") as lines:
            for row in map(json.loads, lines):
                ns = NOW + row["ts"] - begin * NS
                if row.get("k", "T") == "T" and NOW <= ns < NOW + LAST * MINUTE:
                    found.append(Trade(symbol, -1, row["px"], float(row["sz"]), 1, ns, ns))
    return sorted(found, key=lambda trade: trade.recv_ns)


@cache
def made_up() -> list[Trade]:
    """The same of two random walks, a trade of each every few seconds, with silences; one begins later."""
    random = np.random.default_rng(7)
    found = []
    for symbol in (SYMBOL, OTHER):
        at = np.sort(random.uniform(0, LAST * 60, LAST * 15))
        at = at[((at < 400) | (at > 560)) & (at > (0 if symbol == SYMBOL else LATE_S))]
        prices = np.round(100 * np.exp(np.cumsum(random.normal(0, 2e-4, len(at)))), 2)
        for second, price, size in zip(at, prices, random.exponential(3, len(at)), strict=True):
            ns = NOW + int(second * NS)
            found.append(Trade(symbol, -1, float(price), float(size), 1, ns, ns))
    return sorted(found, key=lambda trade: trade.recv_ns)


@pytest.fixture(params=[pytest.param("captured", marks=pytest.mark.data), "made up"])
def trades(request: pytest.FixtureRequest) -> list[Trade]:
    if request.param == "captured":
        return captured(request.getfixturevalue("data_dir"))
    return made_up()


def record(desk: Desk) -> Found:
    """From now on, all rows that a model of minute bars is given."""
    found: Found = {}
    bars, take = desk.model_bars, desk.model_bars.take
    bars.need([60.0])

    def taken(table: FeatureTable) -> None:
        take(table)
        note(bars.rows(60.0, table, table.ns), table.ns)

    def note(rows: Rows | None, ns: int) -> None:
        if rows is not None:
            for index, row in zip(rows.indices.tolist(), rows.rows, strict=True):
                found[desk.instruments[index].symbol, ns] = row.tobytes()

    bars.take = taken  # type: ignore[method-assign]
    return found


def feed(one: Running, trades: list[Trade], batch: int) -> None:
    for at in range(0, len(trades), batch):
        part = trades[at : at + batch]
        one.now_ns = part[-1].recv_ns
        one.engine.desk.on_events(part)


def close(one: Running, minute: int) -> None:
    one.now_ns = NOW + minute * MINUTE
    one.engine.desk.advance(one.now_ns)


def stored(one: Running) -> dict[str, Bars]:
    one.bars._store.flush()
    reader = BarReader(one.bars._store.path)
    found = {symbol: reader.bars(symbol, 60) for symbol in (SYMBOL, OTHER)}
    reader.close()
    return found


def held_is_stored(one: Running) -> None:
    coarse = one.engine.desk.model_bars._coarse[60]
    for symbol, bars in stored(one).items():
        opens, values = coarse.bars(symbol)
        assert opens.tolist() == bars.open_ns[-KEPT:].tolist()
        assert values.tobytes() == bars.values[-KEPT:].tobytes()


def split(trades: list[Trade], minute: int) -> tuple[list[Trade], list[Trade]]:
    at = NOW + minute * MINUTE
    return [one for one in trades if one.recv_ns < at], [one for one in trades if one.recv_ns >= at]


_whole: dict[int, tuple[Found, dict[str, Bars]]] = {}
"""A desk's run over each of the flows, which takes seconds."""


async def whole(folder: Path, trades: list[Trade]) -> tuple[Found, dict[str, Bars]]:
    if id(trades) not in _whole:
        _whole[id(trades)] = await ran(folder, trades, 500)
    return _whole[id(trades)]


async def ran(folder: Path, trades: list[Trade], batch: int) -> tuple[Found, dict[str, Bars]]:
    folder.mkdir(exist_ok=True)
    async with running(folder, *DATA) as one:
        rows = record(one.engine.desk)
        feed(one, trades, batch)
        close(one, LAST)
        held_is_stored(one)
        return rows, stored(one)


async def test_live_is_what_training_reads(trades: list[Trade], tmp_path: Path) -> None:
    rows, bars = await whole(tmp_path, trades)
    for symbol, series in bars.items():
        mine = {ns: row for (name, ns), row in rows.items() if name == symbol}
        due = series.open_ns[HISTORY - 1 :] + MINUTE
        assert len(due) >= 7 and mine.keys() == set(due.tolist())
        for ns, row in zip(series.open_ns + MINUTE, alpha158_series(series.values), strict=True):
            assert mine.get(int(ns), row.tobytes()) == row.tobytes()
    panel = build(
        {
            symbol: Series(one.open_ns, one.values, one.provenance == Provenance.FILLED)
            for symbol, one in bars.items()
        },
        interval_s=60.0,
        horizon=2,
        progress=lambda share, text: None,
    )
    assert len(panel.step) > 8
    for step, symbol, row in zip(panel.step, panel.symbol, panel.features, strict=True):
        key = panel.symbols[symbol], int(panel.axis[step]) + MINUTE
        assert rows[key] == row.tobytes()


async def test_a_replay_is_what_live_was_in_any_batches(trades: list[Trade], tmp_path: Path) -> None:
    rows, _ = await whole(tmp_path, trades)
    events: list[MarketEvent] = [*trades]
    bench = Bench()
    again = record(bench.desk)
    bench.desk.model_bars.need([])
    sizes = itertools.cycle((1, 4_999, 2, 60))
    while events:
        if events[0].recv_ns > NOW + 30 * MINUTE:  # loaded when it likes: its bars are held all the time
            bench.desk.model_bars.need([60.0])
        size = next(sizes)
        bench.desk.on_events(events[:size])
        del events[:size]
    bench.desk.advance(NOW + LAST * MINUTE)
    assert again == rows


async def test_a_desk_that_was_started_anew_goes_on_from_the_store(
    trades: list[Trade], tmp_path: Path
) -> None:
    rows, bars = await whole(tmp_path / "whole", trades)
    before, after = split(trades, FIRST)
    (tmp_path / "cut").mkdir()
    async with running(tmp_path / "cut", *DATA) as one:
        feed(one, before, 500)
        close(one, FIRST)
    async with running(tmp_path / "cut", *DATA) as one:
        one.now_ns = NOW + FIRST * MINUTE
        found = record(one.engine.desk)
        one.run()
        coarse = one.engine.desk.model_bars._coarse[60]
        await until(lambda: min(len(coarse.bars(symbol)[0]) for symbol in (SYMBOL, OTHER)) >= HISTORY)
        feed(one, after, 500)
        close(one, LAST)
        held_is_stored(one)
        anew = stored(one)
    expected = {key: row for key, row in rows.items() if key[1] > NOW + FIRST * MINUTE}
    assert found == expected and len(found) >= 8, "from its very first bar on"
    for symbol, series in bars.items():
        assert anew[symbol].values.tobytes() == series.values.tobytes()


def minute(
    number: int, close_price: float, kind: Provenance = Provenance.VENUE, symbol: str = SYMBOL
) -> Candle:
    told = bar(close_price, symbol=symbol, open_ns=NOW + number * MINUTE, provenance=kind)
    return told.candle()


async def test_the_venues_bar_stands_where_the_desk_saw_only_a_part(tmp_path: Path) -> None:
    async with running(tmp_path, *DATA) as one:
        close(one, 0)
        one.trade(30.0, 100.0)
        for number in range(3):  # told before the desk's own bar closes
            one.minutes(number, number + 1) if number else None
            one.now_ns += 1
            one.engine.desk.on_events([minute(number, 100.5 + number)])
            held_is_stored(one)
        one.minutes(3, 5)
        held_is_stored(one)
        kinds = list(one.stored().values())
        assert kinds[0] is Provenance.VENUE and kinds[2] is Provenance.LIVE


async def test_a_feed_that_was_away_is_known_to_both(tmp_path: Path) -> None:
    async with running(tmp_path, *DATA) as one:
        one.minutes(0, 2)
        one.feed.stats.state = State.DOWN
        one.minutes(2, 3)
        one.feed.stats.state, one.feed.stats.reconnects = State.UP, 1
        one.trade(180.5, 100.0)
        one.now_ns = NOW + 4 * MINUTE + 12 * NS
        one.engine.desk.advance(one.now_ns)
        one.bars.close_due()
        for number in range(5):
            one.engine.desk.on_events([minute(number, 200.0 + number)])
        held_is_stored(one)
        assert {Provenance.VENUE, Provenance.LIVE} == set(one.stored().values())


async def test_what_a_load_brings_takes_the_place_of_a_hole(tmp_path: Path) -> None:
    async with running(tmp_path, *DATA) as one:
        one.minutes(0, 2)
        one.minutes(10, 12)
        model_bars = one.engine.desk.model_bars
        assert model_bars.missing(60)[SYMBOL] == 7, "silent for longer than is filled"
        loaded = [bar(100.0 + n, open_ns=NOW + n * MINUTE) for n in range(-70, 12)]
        one.bars._store.call(one.bars._store.page(loaded))
        assert one.bars._reader is not None
        await one.bars._fill(one.bars._reader, SYMBOL)
        assert model_bars.missing(60) == {}
        held_is_stored(one)


async def test_holes_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path, *DATA) as one:
        one.minutes(0, 1)
        one.minutes(10, 11)
        with caplog.at_level("INFO", "engine.history"):
            one.bars._tell_missing()
            assert caplog.messages == [], "no model wants them"
            one.engine.desk.model_bars.need([60.0])
            one.bars._tell_missing()
            one.bars._tell_missing()
        (told,) = caplog.messages
        assert "bars of 60 s are missing among the last of 1 symbols" in told and SYMBOL in told


async def test_another_interval_begins_with_what_is_stored_of_it(tmp_path: Path) -> None:
    async with running(tmp_path, *DATA) as one:
        step = 5 * MINUTE
        first = NOW // step * step - 70 * step
        told = [bar(100.0 + n, open_ns=first + n * step, interval_s=300) for n in range(70)]
        one.bars._store.call(one.bars._store.page(told))
        model_bars = one.engine.desk.model_bars
        model_bars.need([300.0, 1.0])
        assert model_bars.wanted == (300,) and set(model_bars._coarse) == {60, 300}
        coarse = model_bars._coarse[300]
        await until(lambda: len(coarse.bars(SYMBOL)[0]) == KEPT)
        found: list[int] = []
        one.trade(0.5, 100.0)
        one.engine.desk.on_table = lambda table: found.extend(
            [] if (rows := model_bars.rows(300.0, table, table.ns)) is None else rows.indices.tolist()
        )
        one.minutes(0, 5)
        assert found == [0], "its next bar is scored"
        model_bars.need([1.0])
        assert set(model_bars._coarse) == {60} and model_bars.wanted == ()
        await asyncio.sleep(0)


async def test_symbols_that_are_polled_have_bars_but_no_rows(tmp_path: Path) -> None:
    polled = "poll:AAPL"
    async with running(tmp_path, *DATA, "collection.symbols=['AAPL']") as one:
        desk = one.engine.desk
        rows = record(desk)
        for number in range(-65, 0):
            one.now_ns = NOW + (number + 1) * MINUTE + 3 * NS
            told = bar(
                100.0 + number % 7 / 100, symbol=polled, open_ns=NOW + number * MINUTE, told_ns=one.now_ns
            )
            desk.on_events([told.candle()])
        one.minutes(0, 2)
        opens, _ = desk.model_bars._coarse[60].bars(polled)
        assert len(opens) == KEPT and opens[-1] == NOW - MINUTE
        assert rows == {}


def test_a_warm_up_makes_no_bars() -> None:
    bench = Bench()
    model_bars = bench.desk.model_bars
    model_bars.need([60.0])
    with bench.desk.warming_up():
        for second in range(0, 4_000, 10):
            ns = NOW + second * NS
            bench.desk.on_events([Trade(SYMBOL, -1, 100.0, 1.0, 1, ns, ns)])
    assert len(model_bars._coarse[60].bars(SYMBOL)[0]) == 0


async def test_where_the_desks_own_bars_are_stored_those_of_earlier_runs_count(tmp_path: Path) -> None:
    async with running(tmp_path, *DATA, "features.bar_s=60") as one:
        told = [bar(100.0 + n % 3, open_ns=NOW + n * MINUTE) for n in range(-61, 0)]
        one.bars._store.call(one.bars._store.page(told))
        desk = one.engine.desk
        found = record(desk)
        one.run()
        coarse = desk.model_bars._coarse[60]
        await until(lambda: len(coarse.bars(SYMBOL)[0]) == HISTORY)
        one.minutes(0, 3)
        assert [(name, (ns - NOW) // MINUTE) for name, ns in found] == [(SYMBOL, n) for n in (1, 2, 3)]
        held_is_stored(one)


def test_closes_are_those_at_which_somebody_traded() -> None:
    bench = Bench()
    model_bars = bench.desk.model_bars
    model_bars.need([5.0])
    found: dict[float, list[int]] = {1.0: [], 5.0: []}

    def note(table: FeatureTable) -> None:
        for interval_s, seconds in found.items():
            indices, closes = model_bars.closes(interval_s, table, table.ns)
            assert closes.tolist() == [100.0] * len(indices)
            seconds += [(table.ns - NOW) // NS] * len(indices)

    bench.desk.on_table = note
    for second in (0, 7, 12, 26):
        ns = NOW + second * NS + 1
        bench.desk.on_events([Trade(SYMBOL, -1, 100.0, 1.0, 1, ns, ns)])
    bench.desk.advance(NOW + 30 * NS)
    assert found == {1.0: [1, 8, 13, 27], 5.0: [5, 10, 15, 30]}


def test_the_desks_own_bars_are_as_they_were() -> None:
    bench = Bench()
    found: list[tuple[int, int]] = []

    def note(table: FeatureTable) -> None:
        rows = bench.desk.model_bars.rows(1.0, table, table.ns)
        if rows is not None:
            own = bench.desk.features.bars(0, HISTORY)
            assert rows.rows.tobytes() == alpha158_series(own)[-1:].tobytes()
            assert rows.closes.tolist() == [own[-1, 3]]
            assert rows.traded.tolist() == [own[-1, 4] > 0]
            found.append((len(rows.indices), table.ns))

    bench.desk.on_table = note
    for second in (*range(63), 64):
        ns = NOW + second * NS
        bench.desk.on_events([Trade(SYMBOL, -1, 100.0 + second % 3, 1.0, 1, ns, ns)])
    bench.desk.advance(NOW + 65 * NS)
    assert found == [(1, NOW + second * NS) for second in range(61, 66)]


def test_intervals_that_do_not_go_into_each_other() -> None:
    bench = Bench()
    assert isinstance(bench.desk.model_bars, ModelBars)
    assert refuse_interval(60.0, 1.0) == refuse_interval(0.5, 0.5) == refuse_interval(60.0, 0.1) == ""
    assert refuse_interval(3600.0, 3600.0) == refuse_interval(7.0, 3.5) == ""
    assert "set features.bar_s to 1" in refuse_interval(60.0, 7.0)
    assert "set features.bar_s to 1" in refuse_interval(1.0, 5.0)
    assert "set features.bar_s to 0.5" in refuse_interval(0.5, 1.0)
    assert "a market's day" in refuse_interval(86_400.0, 1.0)
    with pytest.raises(ValueError, match="do not make up"):
        bench.desk.model_bars.need([0.5])
