"""A cluster of two workers on loopback: the same table, byte for byte."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from distributed import Future, LocalCluster
from distributed.client import FutureCancelledError

from engine.config import Config, changed
from engine.errors import ConfigError, StoreError
from engine.research.plan import Plan
from engine.research.run_log import RunLog
from engine.research.sweep_spec import Objective, Search, WalkForward
from engine.research.sweep_table import as_csv, as_parquet, rows
from engine.wiring.sweep_course import sweep
from engine.wiring.sweep_dask import Cluster
from engine.wiring.sweep_link import Setup
from engine.wiring.sweep_start import setup, specified
from engine.wiring.sweep_worker import opened
from tests.bench.sweep import bars
from tests.research.made_runs import FAST, KINDS, SLOW, Here, Told, spec
from tests.research.sweep_process import RUNNER

_SPEC = spec(f"{FAST}=2..5", f"{SLOW}=3,10,20")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    local = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with LocalCluster(**local, silence_logs=logging.CRITICAL) as cluster:
        yield cluster.scheduler_address


def _setup(**told: object) -> Setup:
    return Setup(RUNNER, msgspec.json.encode(Told(**told)))  # type: ignore[arg-type]


def test_the_table_is_that_of_one_process(address: str, tmp_path: Path) -> None:
    """Backtests of real bars."""
    plan = Plan(files=tuple(f"S{n}={path}" for n, path in enumerate(bars(tmp_path, 2, 120))))
    config = changed(Config(), {f"strategies.{name}.enabled": name == "golden_cross" for name in KINDS})
    of = specified(
        config,
        plan,
        tmp_path,
        ["features.sma_fast=3,5", "features.sma_slow=4,10"],
        search=Search("grid"),
        objective=Objective("sharpe", largest=True),
        requires=(),
        walk_forward=WalkForward(1),
        note=print,
    )
    told = setup(config, of, tmp_path)
    with RunLog(tmp_path / "dask", of) as log, Cluster(told, address, print) as cluster:
        sweep(of, log, cluster)
        table, whole = as_csv(rows(log.runs, of)), as_parquet(rows(log.runs, of))
    here = Here()
    here.make = opened(told)
    with RunLog(tmp_path / "here", of) as log:
        sweep(of, log, here)
        assert as_csv(rows(log.runs, of)) == table and as_parquet(rows(log.runs, of)) == whole
    assert table.count(b"\n1,") == 5 and b"refused" in table


def test_what_a_worker_cannot_set_up_is_one_error(address: str, tmp_path: Path) -> None:
    with (
        RunLog(tmp_path, _SPEC) as log,
        Cluster(_setup(broken="the data are gone"), address, print) as cluster,
        pytest.raises(StoreError, match="cannot run the sweep: the data are gone"),
    ):
        sweep(_SPEC, log, cluster)
    assert log.runs == {}


def test_a_scheduler_that_goes_away_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # "a worker of the cluster cannot run the sweep: None", below a traceback of a library.
    local = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    gone = LocalCluster(**local, silence_logs=logging.CRITICAL)
    ends: list[str] = []
    with (
        RunLog(tmp_path, _SPEC) as log,
        Cluster(_setup(sleeps_s=60.0), gone.scheduler_address, print) as cluster,
        pytest.raises(StoreError, match="scheduler went away: the same command goes on"),
    ):
        threading.Timer(1.0, lambda: (ends.append("ends"), gone.close())).start()
        sweep(_SPEC, log, cluster)
    assert ends and log.runs == {} and "Traceback" not in capfd.readouterr().err


def test_so_is_one_that_goes_while_a_result_is_on_its_way(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: Future, timeout: float | None = None) -> bytes:
        raise FutureCancelledError(self.key, "scheduler-connection-lost")

    monkeypatch.setattr(Future, "result", lost)
    with (
        RunLog(tmp_path, _SPEC) as log,
        Cluster(_setup(), address, print) as cluster,
        pytest.raises(StoreError, match="scheduler went away"),
    ):
        sweep(_SPEC, log, cluster)


@pytest.mark.parametrize(
    ("name", "found", "says"),
    [
        ("own_version", "0.0.1", "is tickdesk .*, and this is 0.0.1"),
        ("strategies_digest", "ab", "strategies in .* are not those"),
    ],
)
def test_a_worker_with_other_code_refuses(
    name: str, found: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its runs stood in the same table as those of the others.
    from engine.wiring import sweep_backtest

    told = sweep_backtest.body(Config(), Plan(), tmp_path, ())
    monkeypatch.setattr(sweep_backtest, name, lambda *_: found)
    with pytest.raises(StoreError, match=says):
        sweep_backtest.opened(told)


def test_nobody_there_and_nothing_installed_are_one_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.wiring.sweep_dask.CONNECT_S", 0.3)
    began = time.monotonic()
    with pytest.raises(StoreError, match="no scheduler answers"):
        Cluster(_setup(), "tcp://127.0.0.1:9", print)
    assert time.monotonic() - began < 5
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"pip install 'tickdesk\[dask\]'"):
        Cluster(_setup(), "tcp://127.0.0.1:9", print)
