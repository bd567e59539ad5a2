"""Sweeps without a desk: a run's figures follow from its values by a formula. A runner of the pool's, too."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from engine.config import Config
from engine.errors import ConfigError
from engine.research.parameters import Value, kinds_of
from engine.research.plan import Plan
from engine.research.space import space
from engine.research.sweep_runs import Run, Task, packed
from engine.research.sweep_spec import Figure, Objective, Search, Spec
from engine.wiring.sweep_link import ChangedError
from tests.research import made

KINDS = kinds_of(Config())
FAST, SLOW = "features.ema_fast", "features.ema_slow"


class Told(msgspec.Struct):
    """What a process of the pool does beside counting."""

    folder: str = ""
    """Where each run leaves a file."""
    dies_on: int = -1
    """Value of ``FAST`` at which the process kills itself, ``dies`` times."""
    dies: int = 0
    sleeps_s: float = 0.0
    grows: int = 0
    """Bytes that each run leaves behind."""
    broken: str = ""
    changed_on: int = -1
    """Value of ``FAST`` at which it is told that what the sweep began with is there no more."""


def spec(*over: str, kind: str = "grid", runs: int = 0, **others: Any) -> Spec:
    made_of: dict[str, Any] = {
        "version": "1",
        "plan": Plan(files=("aaa.csv",)),
        "config_sha256": "ab",
        "strategies_sha256": "",
        "model": "",
        "data": (("AAA", "cd"),),
        "first_ns": 0,
        "last_ns": 999,
        "space": space(over or (f"{FAST}=2..5", f"{SLOW}=10,20,30"), KINDS),
        "search": Search(kind, runs, seed=5),  # type: ignore[arg-type]
        "objective": Objective("sharpe", largest=True),
    }
    return Spec(**(made_of | others))


def run_of(task: Task) -> Run:
    """The best Sharpe ratio is that of fast 4, slow 20; a slow that is not above the fast is refused."""
    fast, slow = (float(task.point.get(key, 0)) for key in (FAST, SLOW))
    if slow <= fast and slow:
        raise ConfigError("features.ema_fast must be below features.ema_slow")
    late = task.since_ns / 1e4
    figures: dict[str, Figure] = {
        "sharpe": 3.0 - (fast - 4.0) ** 2 / 7.0 - ((slow - 20.0) / 13.0) ** 2 + late,
        "trades": int(fast * 10),
        "return_pct": fast / 3.0,
        "returns": 250,
        "periods_per_year": 252.0,
        "skew": 0.1,
        "kurtosis": 3.5,
        "profit_factor": None,
        "currency": "USD",
    }
    result = packed(made.backtest([0.001 * fast] * 5)) if task.keep else b""
    return Run(
        task.name, task.point, figures=figures, warnings=("few", "one"), sha256=f"{fast:g}", result=result
    )


def opened(body: bytes) -> Callable[[Task], Run]:
    told = msgspec.json.decode(body, type=Told)
    if told.broken:
        raise ConfigError(told.broken)

    kept: list[bytes] = []

    def run(task: Task) -> Run:
        time.sleep(told.sleeps_s)
        kept.append(os.urandom(told.grows))
        if told.folder:
            mark = Path(told.folder) / f"{task.name.fold}-{task.name.n}-{os.getpid()}-{time.monotonic_ns()}"
            mark.touch()
        if task.point.get(FAST) == told.dies_on and _count(told, task.point[FAST]) <= told.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if task.point.get(FAST) == told.changed_on:
            raise ChangedError("the strategies are others")
        return run_of(task)

    return run


def _count(told: Told, fast: Value) -> int:
    """How often this was begun."""
    path = Path(told.folder) / f"begun-{fast}"
    with path.open("a") as file:
        file.write("x")
    return len(path.read_text())


class Here:
    """Makes runs in this process, so many "at a time", and ends the latest first."""

    def __init__(self, room: int = 1) -> None:
        self.most = room
        self.tasks: list[Task] = []
        self.made = 0
        self.make = run_of

    @property
    def busy(self) -> int:
        return len(self.tasks)

    @property
    def room(self) -> int:
        return self.most - len(self.tasks)

    def begin(self, task: Task) -> None:
        self.tasks.append(task)

    def ended(self, timeout_s: float) -> list[Run]:
        self.made += 1
        task = self.tasks.pop()
        try:
            return [self.make(task)]
        except ConfigError as error:
            return [Run(task.name, task.point, status="refused", error=str(error))]
