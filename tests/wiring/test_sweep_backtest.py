"""Runs of a sweep: what is kept of them, what they do with the bars before, and with strategies that fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.config import Config, FeedConfig, PerformanceConfig, changed
from engine.errors import ConfigError, StoreError, TickdeskError
from engine.research.bar_clock import on_bars
from engine.research.plan import Plan
from engine.research.sweep_runs import Name, Task, unpacked
from engine.wiring import backtest, sweep_code
from engine.wiring.backtest_result import config_digest
from engine.wiring.desk import Desk
from engine.wiring.sweep_backtest import Backtests, Body, body, data_of, opened
from engine.wiring.sweep_link import ChangedError
from tests.bench.sweep import bars
from tests.research.made_runs import KINDS

_OWN = """
from engine.events import NS, Family, Signal
from engine.strategies.base import Strategy

class Own(Strategy):
    name = "own"
    description = "falls when it is told to"
    class Params(Strategy.Params, frozen=True):
        fast: int = 1
        slow: int = 2
        def __post_init__(self):
            if self.fast >= self.slow:
                raise ValueError("fast must be below slow")
    def __init__(self, params):
        self.fast = params.fast
    def on_bar(self, row):
        if self.fast == 0:
            raise RuntimeError("as told")
        return Signal(row.symbol, self.name, Family.TECHNICAL, 1.0, 1.0, row.ns, 86_400 * NS, "up")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Plan]:
    folder = tmp_path_factory.mktemp("data")
    (folder / "strategies").mkdir(mode=0o700)
    (folder / "strategies" / "own.py").write_text(_OWN)
    values: dict[str, Any] = {f"strategies.{name}.enabled": name == "golden_cross" for name in KINDS}
    values |= {"features.sma_fast": 3, "features.sma_slow": 20, "strategies.own.enabled": False}
    config = changed(Config(strategies_dir=str(folder / "strategies")), values)
    return config, Plan(files=tuple(f"S{n}={path}" for n, path in enumerate(bars(folder, 2, 150))))


def _task(**point: Any) -> Task:
    return Task(Name(0, False, 1), {key.replace("__", "."): value for key, value in point.items()})


def test_a_run_is_the_backtest_of_its_values(made: tuple[Config, Plan], tmp_path: Path) -> None:
    config, plan = made
    runs = Backtests(Body(config, plan, str(tmp_path), ()))
    task = msgspec.structs.replace(_task(features__sma_fast=5), keep=True)
    found = runs.run(task)
    alone = backtest.run(
        changed(config, {"features.sma_fast": 5}), backtest.prepare(config, plan, tmp_path), detail=False
    )
    assert found.sha256 == alone.sha256 and found.figures["trades"] == len(alone.trades) > 0
    assert unpacked(found.result) == msgspec.structs.replace(alone, seconds=0.0)
    assert found == runs.run(task) and runs.run(_task(features__sma_fast=4)).sha256 != found.sha256
    with pytest.raises(ConfigError, match="sma_fast must be below"):
        runs.run(_task(features__sma_fast=30))


def test_other_data_at_the_same_place_are_refused(made: tuple[Config, Plan], tmp_path: Path) -> None:
    config, plan = made
    told = data_of(backtest.prepare(config, plan, tmp_path))
    assert [name for name, _ in told] == ["file:S0", "file:S1"]
    assert callable(opened(body(config, plan, tmp_path, told)))
    with pytest.raises(StoreError, match="not those that the sweep was begun with"):
        opened(body(config, plan, tmp_path, told[:1]))


def test_bars_before_warm_up_and_decide_nothing(made: tuple[Config, Plan], tmp_path: Path) -> None:
    config, plan = made
    whole = backtest.prepare(config, plan, tmp_path)
    assert whole.bars is not None
    since = int(whole.bars.series[0].begin_ns[100])
    desks: list[Desk] = []

    def rows(warm_bars: int, since_ns: int = since) -> tuple[Any, ...]:
        part = msgspec.structs.replace(plan, since_ns=since_ns, warm_bars=warm_bars)
        ready = backtest.prepare(config, part, tmp_path)
        result = backtest.run(config, ready, watch=lambda desk, journal: desks.append(desk))
        assert result.first_ns >= since_ns and all(one.ns >= since_ns for one in result.deals)
        assert len(result.ns) == len(set(result.ns)) and result.ns[0] > since_ns
        return result, np.array([desks[-1].features.row(index).sma_slow for index in (0, 1)])

    cold, of_cold = rows(0)
    warm, of_warm = rows(100)
    _, of_whole = rows(0, 0)
    assert np.array_equal(of_warm, of_whole) and np.array_equal(of_cold, of_whole)
    assert warm.data == cold.data and warm.ns == cold.ns
    # The last bars before close with the first tick, and may be decided on.
    assert warm.funnel["bars"] == cold.funnel["bars"] + 2
    # Twenty bars are lost to a cold start.
    assert warm.deals[0].ns < cold.deals[0].ns and len(warm.deals) > len(cold.deals)
    assert rows(10_000)[0].deals == warm.deals
    with pytest.raises(ConfigError, match="--warm-up is of bars"):
        backtest.prepare(config, Plan(tapes=("x.tape",), warm_bars=1), tmp_path)


def test_what_is_given_does_not_follow_the_bars() -> None:
    config = Config()
    assert on_bars(config, 3600.0).opportunities.ttl_s == 36_000.0
    given = on_bars(config, 3600.0, given={"opportunities.ttl_s", "features.max_fill_bars"})
    assert given.opportunities.ttl_s == 10.0 and given.opportunities.dedupe_s == 18_000.0
    assert given.features.max_fill_bars == config.features.max_fill_bars


def test_a_strategy_that_refuses_or_falls_gives_no_result(made: tuple[Config, Plan], tmp_path: Path) -> None:
    config, plan = made
    config = changed(config, {"strategies.own.enabled": True})
    runs = Backtests(Body(config, plan, str(tmp_path), ()))
    assert runs.run(_task(strategies__own__fast=1)).status == "done"
    with pytest.raises(ConfigError, match=r"own: .*fast must be below slow"):
        runs.run(_task(strategies__own__fast=5))
    with pytest.raises(TickdeskError, match=r"own was switched off: .*as told"):
        runs.run(_task(strategies__own__fast=0))


@pytest.mark.parametrize("text", [_OWN.replace("1.0, 1.0,", "0.9, 1.0,"), "def half_written(", None])
def test_strategies_that_change_under_way_end_the_sweep(
    text: str | None, made: tuple[Config, Plan], tmp_path: Path
) -> None:
    """Their runs stood in one table with those of before, unsaid."""
    config, plan = made
    folder = tmp_path / "strategies"
    folder.mkdir(mode=0o700)
    (folder / "own.py").write_text(_OWN)
    own = {"strategies_dir": str(folder), "strategies.own.enabled": True}
    config = changed(config, own)
    runs = Backtests(msgspec.json.decode(body(config, plan, tmp_path, ()), type=Body))
    (folder / ".#own.py").write_text("what an editor keeps is no strategy")
    assert runs.run(_task(strategies__own__fast=1)).status == "done"
    if text is None:
        (folder / "own.py").unlink()
    else:
        (folder / "own.py").write_text(text)
    with pytest.raises(ChangedError, match="not those that the sweep was begun with: put back"):
        runs.run(_task(strategies__own__fast=1))
    (folder / "own.py").write_text(_OWN)
    assert runs.run(_task(strategies__own__fast=1)).status == "done"


def test_a_model_that_is_exchanged_under_way_ends_the_sweep(
    made: tuple[Config, Plan], tmp_path: Path
) -> None:
    config, plan = made
    scored = changed(config, {"strategies.model.enabled": True})
    found = backtest.run(scored, backtest.prepare(scored, plan, tmp_path)).model
    for then, now in ((found, found), ("ab12", found)):
        runs = Backtests(msgspec.json.decode(body(scored, plan, tmp_path, (), model=then), type=Body))
        if then == now:
            assert runs.run(_task()).status == "done"
        else:
            with pytest.raises(ChangedError, match="the sweep was begun with model ab12: put back"):
                runs.run(_task())
            # Where it has no say, it does not matter.
            assert runs.run(_task(strategies__model__enabled=False)).status == "done"


def test_a_file_that_is_exchanged_between_two_parts_ends_the_sweep(
    made: tuple[Config, Plan], tmp_path: Path
) -> None:
    config, plan = made
    name, _, path = plan.files[1].partition("=")
    mine = tmp_path / "mine.csv"
    mine.write_text(Path(path).read_text())
    plan = msgspec.structs.replace(plan, files=(plan.files[0], f"{name}={mine}"))
    begins = backtest.prepare(config, plan, tmp_path).bars.series[0].begin_ns  # type: ignore[union-attr]
    runs = Backtests(Body(config, plan, str(tmp_path), ()))
    early, late = (
        msgspec.structs.replace(_task(), since_ns=int(since), until_ns=int(until))
        for since, until in ((begins[0], begins[60]), (begins[60], begins[-1]))
    )
    assert runs.run(early).status == "done"
    head, *lines = mine.read_text().splitlines()
    mine.write_text("\n".join([head, *lines[1:]]) + "\n")
    assert runs.run(early).status == "done", "what is read is kept"
    with pytest.raises(ChangedError, match="files of the data were changed"):
        runs.run(late)


def test_packages_strategies_are_in_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = tmp_path / "offered.py"
    offered.write_text("A = 1")
    monkeypatch.setattr(sweep_code, "_packaged", lambda: (("a=offered:A", offered),))
    before = sweep_code.strategies_digest(tmp_path / "none")
    offered.write_text("A = 2")
    assert sweep_code.strategies_digest(tmp_path / "none") not in (before, "")
    monkeypatch.setattr(sweep_code, "_packaged", lambda: ())
    assert sweep_code.strategies_digest(tmp_path / "none") == ""


def test_what_decides_over_a_tape_is_in_the_digest_and_what_connects_is_not() -> None:
    plain = config_digest(Config())
    feeds = {"binance": FeedConfig(ws_url="wss://elsewhere")}
    assert config_digest(Config(feeds=feeds)) == config_digest(Config(feeds={"okx": FeedConfig()})) == plain
    levels = config_digest(Config(feeds={"binance": FeedConfig(book_levels=0)}))
    points = config_digest(Config(performance=PerformanceConfig(every_s=60.0)))
    given = config_digest(Config(), {"opportunities.ttl_s"})
    assert len({plain, levels, points, given}) == 4
    assert config_digest(Config(), {"features.ema_fast", "risk.max_gross_pct"}) == plain
    assert config_digest(Config(performance=PerformanceConfig(report_at="01:00"))) == plain


def test_a_part_before_a_symbol_s_first_bar_is_of_the_others(
    made: tuple[Config, Plan], tmp_path: Path
) -> None:
    config, plan = made
    whole = backtest.prepare(config, plan, tmp_path)
    assert whole.bars is not None
    begins = whole.bars.series[0].begin_ns
    name, _, path = plan.files[1].partition("=")
    head, *lines = Path(path).read_text().splitlines()
    (tmp_path / "young.csv").write_text("\n".join([head, *lines[-40:]]) + "\n")
    plan = msgspec.structs.replace(plan, files=(plan.files[0], f"{name}={tmp_path / 'young.csv'}"))
    runs = Backtests(Body(config, plan, str(tmp_path), ()))
    early, late = (
        msgspec.structs.replace(_task(), since_ns=int(since), until_ns=int(until), keep=True)
        for since, until in ((begins[0], begins[60]), (begins[60], begins[-1]))
    )
    symbols = [[one.symbol for one in unpacked(runs.run(task).result).data] for task in (early, late)]
    assert symbols == [["file:S0"], ["file:S0", "file:S1"]]
    with pytest.raises(ConfigError, match="no bars of file:S1 in that time"):
        backtest.prepare(config, msgspec.structs.replace(plan, until_ns=int(begins[60])), tmp_path)
    with pytest.raises(ConfigError, match="no bars in that time"):
        runs.run(msgspec.structs.replace(_task(), since_ns=1, until_ns=int(begins[0])))
