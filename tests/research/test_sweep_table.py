"""The table: one row a run, the same bytes for the same runs."""

from __future__ import annotations

import io
import sys

import polars
import pytest

from engine.errors import ConfigError
from engine.research.space import grid
from engine.research.summary import Summary, summarise
from engine.research.sweep_figures import FIELDS, SMALLER_IS_BETTER, figures
from engine.research.sweep_runs import Name, Run, Task, luck
from engine.research.sweep_spec import objective, requirement
from engine.research.sweep_table import as_csv, as_parquet, rows
from tests.research import made
from tests.research.made_runs import FAST, SLOW, run_of, spec


def _runs() -> dict[Name, Run]:
    runs = {}
    for n, point in enumerate(grid(spec().space)):
        name = Name(0, False, n)
        runs[name] = run_of(Task(name, point))
    name = Name(0, False, 1)
    runs[name] = Run(name, runs[name].point, status="failed", error='ValueError: "a,b"')
    return runs


def test_the_order_in_which_runs_ended_does_not_show() -> None:
    runs = _runs()
    turned = dict(reversed(runs.items()))
    assert as_csv(rows(runs, spec())) == as_csv(rows(turned, spec()))
    assert as_parquet(rows(runs, spec())) == as_parquet(rows(turned, spec()))


def test_csv_and_parquet_hold_the_same() -> None:
    runs = _runs()
    table = rows(runs, spec())
    read = polars.read_parquet(io.BytesIO(as_parquet(table)))
    assert read.columns == list(table[0]) and len(read) == 12
    assert read[FAST].dtype == polars.Int64 and read["sharpe"].dtype == polars.Float64
    assert read["sharpe"].to_list() == [row["sharpe"] for row in table]
    lines = as_csv(table).decode().splitlines()
    assert lines[0].startswith(f"fold,part,run,status,{FAST},{SLOW},sharpe,trades")
    assert '"ValueError: ""a,b"""' in lines[2] and lines[1].startswith("0,whole,0,done,2,10,1.83")
    assert read["trials"].to_list() == [11] * 12
    assert as_csv([]) == b"" and len(polars.read_parquet(io.BytesIO(as_parquet([])))) == 0


def test_without_polars_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigError, match=r"pip install 'tickdesk\[parquet\]'"):
        as_parquet(rows(_runs(), spec()))


def test_figures_are_those_of_the_summary_that_one_run_alone_tells() -> None:
    summary = summarise(made.backtest(), samples=0)
    told = figures(summary)
    assert tuple(told) == FIELDS and set(FIELDS) < set(Summary.__struct_fields__)
    assert told["sharpe"] == summary.sharpe and set(FIELDS) > SMALLER_IS_BETTER
    assert "deflated_sharpe" not in told and "sharpe_low" not in told


def test_the_deflated_ratio_is_that_of_the_summary_with_all_trials() -> None:
    several = [made.backtest([0.001 * n + 0.01 * (-1) ** k for k in range(60)]) for n in range(5)]
    runs = [
        Run(Name(0, False, n), {}, figures=figures(summarise(one, samples=0)))
        for n, one in enumerate(several)
    ]
    chance = luck(runs)
    sharpes = [summarise(one, samples=0).sharpe for one in several]
    for one, run in zip(several, runs, strict=True):
        whole = summarise(one, trials=5, trial_sharpes=sharpes, samples=0)
        assert chance.deflated(run.figures) == pytest.approx(whole.deflated_sharpe)


def test_what_is_looked_for_is_checked() -> None:
    known = dict.fromkeys(FIELDS)
    assert objective("sharpe", SMALLER_IS_BETTER, known).largest
    assert not objective("max_drawdown_pct", SMALLER_IS_BETTER, known).largest
    assert objective("max_drawdown_pct:max", SMALLER_IS_BETTER, known).largest
    for text in ("sharp", "sharpe:up", ""):
        with pytest.raises(ConfigError, match="--objective"):
            objective(text, SMALLER_IS_BETTER, known)
    want = requirement("max_drawdown_pct<=20", known)
    assert str(want) == "max_drawdown_pct <= 20"
    assert want.holds({"max_drawdown_pct": 20}) and not want.holds({"max_drawdown_pct": 21.0})
    assert not want.holds({"max_drawdown_pct": None}) and not want.holds({})
    for text in ("trades>30", "trades>=x", "trade>=1", "trades"):
        with pytest.raises(ConfigError, match="--require"):
            requirement(text, known)
