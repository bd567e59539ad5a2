"""Performance of a desk that trades, and after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api.trading_protocol import Performance
from engine.config import Config, load
from engine.events import NS
from engine.portfolio.counted_from import COUNTED
from engine.portfolio.curve import DAY_NS
from engine.store.read import DATABASE
from engine.store.rows import EquityPoint
from engine.store.store import Store
from engine.wiring.performance import STATE, LivePerformance
from tests.wiring.conftest import START_NS, Bench, simulated

EAGER = load(environ={}, overrides=["opportunities.min_score=0.02", "opportunities.min_confidence=0.01"])


class Desk:
    """A desk on a database, and its performance; ``now_ns`` is the clock."""

    def __init__(self, path: Path, config: Config = EAGER, now_ns: int = START_NS) -> None:
        self.store = Store(path)
        self.store.start()
        self.bench = Bench(config, self.store)
        self.now_ns = now_ns
        self.performance = LivePerformance(
            self.bench.desk,
            reader=self.store.reader,
            settings=self.store.settings,
            keep=self.store.put_setting,
            clock=lambda: self.now_ns,
        )

    def restarted(self, path: Path, config: Config | None = None) -> Desk:
        assert self.store.close()
        again = Desk(path, config or self.bench.config, self.now_ns)
        again.bench.desk.restore(again.store.recover(), self.now_ns, again.store.settings())
        return again


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / DATABASE


def figures(found: Performance) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row.kind, row.name): msgspec.to_builtins(row) for row in found.rows}


async def test_a_desk_that_trades_and_a_restart(path: Path) -> None:
    desk = Desk(path)
    first = await desk.performance.performance()
    assert [(row.kind, row.trades) for row in first.rows] == [("desk", 0)]
    simulated(desk.bench, 240)
    desk.now_ns = desk.bench.desk.now_ns
    assert desk.store.flush()
    found = await desk.performance.performance()
    rows = figures(found)
    whole, books = rows["desk", ""], desk.bench.desk.trading.books
    assert whole["trades"] == books.round_trips.count() > 3
    assert whole["turnover"] > 0 and whole["exposure_pct"] > 0
    named = {name for kind, name in rows if kind == "strategy"}
    assert named == set(books.attribution.sources())
    strategies = sum(float(row["net"]) for key, row in rows.items() if key[0] == "strategy")
    assert strategies == pytest.approx(float(whole["net"]), abs=0.1)
    trips = books.round_trips.totals("", books.ledger.balances.rate)
    assert trips is not None
    sources = sum(float(row["net"]) for key, row in rows.items() if key[0] == "source")
    assert sources == pytest.approx(float(trips.profit - trips.loss), abs=0.1)
    assert {"speed", "microstructure"} & {name for kind, name in rows if kind == "source"}
    assert ("source", "unknown") not in rows, "every blend is known"

    again = desk.restarted(path)
    assert not again.bench.desk.signals.aggregator.recent(), "nothing of them is in memory"
    after = await again.performance.performance()
    assert after.since_ns == found.since_ns
    told = figures(after)
    assert told.keys() == rows.keys()
    for key, row in rows.items():
        same = ["hit_rate", "profit_factor", "trades", "turnover"]
        # What is open is valued where it was opened until a price comes.
        same += [] if key[0] == "desk" else ["max_drawdown_pct"]
        same += ["net", "return_pct"] if key[0] == "source" else []
        for name in same:
            assert told[key][name] == pytest.approx(row[name], rel=1e-4), (key, name)
    assert again.store.close()


async def test_a_year_of_history_is_taken_up_by_its_closes_and_its_last_day(path: Path) -> None:
    desk = Desk(path)
    begin = START_NS // DAY_NS * DAY_NS - 365 * DAY_NS
    for day in range(365):
        for hour in (6, 23):
            ns = begin + day * DAY_NS + hour * 3600 * NS
            desk.store.behind(EquityPoint(ns, f"{100_000 + day * 10 + hour}", "0", "0"))
    for second in range(0, 3600, 5):
        desk.store.behind(EquityPoint(START_NS - 3600 * NS + second * NS, f"{104_000 + second}", "0", "0"))
    assert desk.store.flush()
    found = await desk.performance.performance()
    assert found.since_ns == begin + 6 * 3600 * NS
    track = desk.performance._track
    assert track is not None and track.desk.daily(desk.now_ns)
    assert track.desk.days(desk.now_ns)[1:4].tolist() == [100_023.0, 100_033.0, 100_043.0]
    assert len(track.desk._recent) < 130, "an hour of it, a point every 30 s"
    assert found.rows[0].sharpe is not None
    assert found.notes[0] == "Sharpe and Sortino, annualised over 365 days: daily returns"
    curve = desk.performance.equity(50)
    assert len(curve.ns) == len(curve.equity) == len(curve.drawdown_pct) == 50
    assert curve.ns[0] == found.since_ns and list(curve.ns) == sorted(curve.ns)
    assert desk.store.close()


async def test_the_state_is_kept_and_a_bad_one_is_left(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(path)
    await desk.performance.update()
    kept = desk.store.settings()[STATE]
    assert kept["looks"] == 1 and kept["deepest"]["peak"] == 100_000.0
    desk.store.put_setting(STATE, {**kept, "deepest": {"peak": 200_000.0, "drawdown_pct": 12.5}, "looks": 7})
    again = desk.restarted(path)
    (row,) = (await again.performance.performance()).rows
    assert row.max_drawdown_pct == 12.5
    again.store.put_setting(STATE, {"looks": "many"})
    third = again.restarted(path)
    (row,) = (await third.performance.performance()).rows
    assert row.max_drawdown_pct == 0.0 and "setting performance is not taken up" in caplog.text
    assert third.store.close()


async def test_a_history_that_cannot_be_read_is_said(path: Path) -> None:
    desk = Desk(path)
    desk.performance._opened().close()
    await desk.performance.update()
    notes = (await desk.performance.performance()).notes
    assert any(note.startswith("history left out: ") for note in notes)
    assert desk.store.close()


async def test_before_any_data_there_is_nothing(path: Path) -> None:
    desk = Desk(path)
    desk.now_ns = 0
    assert (await desk.performance.performance()).rows == ()
    assert desk.performance.equity(240).ns == ()
    assert desk.store.close()


async def test_many_who_ask_at_once_get_the_same(path: Path) -> None:
    desk = Desk(path)
    simulated(desk.bench, 60)
    desk.now_ns = desk.bench.desk.now_ns
    found = await asyncio.gather(*(desk.performance.performance() for _ in range(5)))
    assert len({tuple((row.kind, row.name, row.net, row.trades) for row in one.rows) for one in found}) == 1
    assert desk.store.close()


async def test_it_is_updated_by_itself(path: Path) -> None:
    desk = Desk(path, load(environ={}, overrides=["performance.every_s=1"]))
    task = asyncio.create_task(desk.performance.run())
    try:
        async with asyncio.timeout(10):
            while desk.store.settings().get(STATE, {}).get("looks", 0) < 2:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert desk.store.close()


async def _after_a_minute(desk: Desk, equity: str) -> Performance:
    """Told of equity then, a minute later."""
    desk.store.behind(EquityPoint(desk.now_ns + 30 * NS, equity, "0", "0"))
    assert desk.store.flush()
    desk.now_ns += 60 * NS
    return await desk.performance.performance()


async def test_starting_cash_that_is_configured_anew_is_neither_gain_nor_loss(path: Path) -> None:
    desk = Desk(path, load(environ={}))
    await desk.performance.update()
    assert (await _after_a_minute(desk, "99000")).rows[0].max_drawdown_pct == 1.0
    for cash, deepest in ((150_000, 1.0), (100_000, 1.0), (60_000, 100 / 60)):
        desk = desk.restarted(path, load(environ={}, overrides=[f"account.starting_cash={cash}"]))
        found = await _after_a_minute(desk, str(cash))
        assert found.rows[0].max_drawdown_pct == pytest.approx(deepest)
        assert any("starting_cash was changed" in note for note in found.notes)
        curve = desk.performance.equity(100)
        assert (min(curve.equity), max(curve.equity)) == (cash - 1000, cash)
    assert desk.store.close()


async def test_what_was_in_another_currency_is_left_out(path: Path) -> None:
    desk = Desk(path, load(environ={}))
    await desk.performance.update()
    assert (await _after_a_minute(desk, "90000")).rows[0].max_drawdown_pct == 10.0
    overrides = ["account.currency=EUR", 'account.pegged=["EUR"]', "account.starting_cash=500"]
    desk = desk.restarted(path, load(environ={}, overrides=overrides))
    since_ns = desk.now_ns
    found = await _after_a_minute(desk, "500")
    assert (found.since_ns, found.rows[0].max_drawdown_pct) == (since_ns, 0.0)
    assert any("currency was another" in note for note in found.notes)
    assert set(desk.performance.equity(100).equity) == {500.0}
    assert desk.store.close()


async def test_what_a_clock_that_was_ahead_has_dated_later_holds_the_curve_up_no_more(path: Path) -> None:
    ahead_ns = 6 * 3600 * NS
    ahead = Desk(path, load(environ={}), START_NS + ahead_ns)
    await _after_a_minute(ahead, "90000")
    assert ahead.store.close()
    desk = Desk(path, load(environ={}))
    await desk.performance.update()
    for now_ns in (0, 3600 * NS, ahead_ns + 3600 * NS):
        desk.now_ns = START_NS + now_ns
        found = await _after_a_minute(desk, "100001")
        curve = desk.performance.equity(1000)
        assert (found.since_ns, curve.ns[-1]) == (START_NS, desk.now_ns), "it goes on"
        assert min(curve.equity) == 100_000, "nor is what it dated later of now when the time comes"
        assert found.rows[0].max_drawdown_pct == pytest.approx(0.001, rel=1e-3)
    assert desk.store.close()


@pytest.mark.parametrize("currency", ["USD", "EUR"])
async def test_cash_that_was_changed_under_a_clock_that_was_ahead_is_since_that_is_right(
    path: Path, currency: str
) -> None:
    hour_ns = 3600 * NS
    desk = Desk(path, load(environ={}))
    await _after_a_minute(desk, "99999")
    overrides = ["account.starting_cash=200000", f"account.currency={currency}"]
    config = load(environ={}, overrides=[*overrides, f'account.pegged=["{currency}"]'])
    for ahead_h in (6, 1, 2, 7):
        desk.now_ns = START_NS + ahead_h * hour_ns
        desk = desk.restarted(path, config)
        await desk.performance.update()
        found = await _after_a_minute(desk, "200000")
        assert found.since_ns < desk.now_ns
        assert set(desk.performance.equity(1000).equity) <= {200_000.0, 199_999.0}
        assert found.rows[0].max_drawdown_pct == pytest.approx(0, abs=0.001)
    assert desk.store.close()


async def test_what_was_changed_after_the_time_of_a_clock_that_is_behind_stays_so(path: Path) -> None:
    desk = Desk(path, load(environ={}))
    await _after_a_minute(desk, "99999")
    config = load(environ={}, overrides=["account.starting_cash=200000"])
    for hours in (6, -24):
        desk.now_ns = START_NS + hours * 3600 * NS
        desk = desk.restarted(path, config)
        await desk.performance.update()
        since = [one["since_ns"] for one in desk.store.settings()[COUNTED]]
        assert since == [0, START_NS + 6 * 3600 * NS]
    assert desk.store.close()
