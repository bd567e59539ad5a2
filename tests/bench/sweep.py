"""A thousand backtests of bars on the cores of this machine."""

from __future__ import annotations

import csv
import random
import resource
import time
from datetime import date, timedelta
from pathlib import Path

import msgspec

from engine.config import Config, changed
from engine.research.parameters import kinds_of
from engine.research.plan import Plan
from engine.research.run_log import RunLog
from engine.research.sweep_runs import Name, Run
from engine.research.sweep_spec import Objective, Search, Spec
from engine.research.sweep_table import as_csv, rows
from engine.wiring.compile import compile_all
from engine.wiring.sweep_course import Progress
from engine.wiring.sweep_course import sweep as make
from engine.wiring.sweep_pool import Pool
from engine.wiring.sweep_start import cores, setup, specified
from tests.bench.registry import Figure, Skipped, at_least, at_most, bench

SYMBOLS, BARS = 10, 2000
_GOAL = 1000
_MANY, _FEW = "features.sma_fast=20..59:8", "features.sma_fast=20"
"""What runs on two cores, and what on one: 65 runs, and 13."""
_FIRST = date(2012, 1, 2)


@bench("sweep")
def sweep(scratch: Path) -> list[Figure]:
    """Backtests of 2,000 bars of 10 symbols, a grid of two averages, on two cores and on one."""
    if cores() < 2:
        raise Skipped("this process may use one core only")
    compile_all(lambda text: None)
    plan = Plan(files=tuple(f"S{n}={path}" for n, path in enumerate(bars(scratch))))
    on = {f"strategies.{name}.enabled": name == "golden_cross" for name in kinds_of(Config())}
    config = changed(Config(), on)
    few = _spec(config, plan, scratch, _FEW)
    # Before and after: how fast the machine is may change meanwhile.
    before, one = _made(few, config, scratch / "before", 1)
    spent_s, began = _children_s(), time.perf_counter()
    two, many = _made(_spec(config, plan, scratch, _MANY), config, scratch / "many", 2)
    seconds, cpu_s = time.perf_counter() - began, _children_s() - spent_s
    after, again = _made(few, config, scratch / "after", 1)
    same = all(run.sha256 == many[name].sha256 == again[name].sha256 for name, run in one.items())
    trades = sum(int(run.figures["trades"] or 0) for run in many.values())
    alone = (before.rate + after.rate) / 2
    note = f"{SYMBOLS} symbols of {BARS:,} bars, {trades / len(many):.0f} trades a run, by {len(many)} runs"
    per_run = "of the processes that make them, their start with it"
    return [
        Figure(
            f"{_GOAL:,} runs, two processes",
            seconds + (_GOAL - len(many)) / two.rate,
            "s",
            at_most(60.0),
            f"{note}; start and table with it",
        ),
        Figure("CPU of a run", cpu_s / len(many) * 1e3, "ms", None, per_run),
        Figure("runs a second, two processes", two.rate, "runs/s", None, "from the first end to the last"),
        Figure(
            "runs a second, one process",
            alone,
            "runs/s",
            None,
            f"{before.rate:.1f} before, {after.rate:.1f} after" if same else "failed: other results",
        ),
        Figure("two cores against one", two.rate / alone, "times", at_least(1.8)),
    ]


def _children_s() -> float:
    """CPU of the processes that have ended."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


class _Rate:
    """Of the runs between the first and the last that ended."""

    def __init__(self) -> None:
        self._ends: list[tuple[float, int]] = []

    def show(self, progress: Progress) -> None:
        if progress.done and (not self._ends or progress.done > self._ends[-1][1]):
            self._ends.append((time.perf_counter(), progress.done))

    @property
    def rate(self) -> float:
        (first_s, first), (last_s, last) = self._ends[0], self._ends[-1]
        return (last - first) / (last_s - first_s)


def _spec(config: Config, plan: Plan, scratch: Path, fast: str) -> Spec:
    return specified(
        config,
        plan,
        scratch,
        [fast, "features.sma_slow=100..196:8"],
        search=Search("grid"),
        objective=Objective("sharpe", largest=True),
        requires=(),
        walk_forward=None,
        note=lambda text: None,
    )


def _made(spec: Spec, config: Config, folder: Path, jobs: int) -> tuple[_Rate, dict[Name, Run]]:
    rate = _Rate()
    with RunLog(folder, spec) as log, Pool(setup(config, spec, folder), jobs, print) as pool:
        progress = make(spec, log, pool, told=rate.show)
        if progress.done != progress.total or progress.failed or progress.refused:
            raise RuntimeError(f"{msgspec.structs.asdict(progress)}")
        as_csv(rows(log.runs, spec))
        return rate, log.runs


def bars(folder: Path, symbols: int = SYMBOLS, count: int = BARS) -> list[Path]:
    """Daily bars of a seeded random walk, a file for each symbol."""
    paths = []
    for symbol in range(symbols):
        seeded, price = random.Random(symbol), 100.0
        day, path = _FIRST, folder / f"S{symbol}.csv"
        with path.open("w", newline="", encoding="ascii") as file:
            out = csv.writer(file)
            out.writerow(("date", "open", "high", "low", "close", "volume"))
            for _ in range(count):
                before, price = price, price * (1 + seeded.gauss(0.0002, 0.012))
                high = max(before, price) * (1 + abs(seeded.gauss(0, 0.004)))
                low = min(before, price) * (1 - abs(seeded.gauss(0, 0.004)))
                prices = (f"{value:.4f}" for value in (before, high, low, price))
                out.writerow((day.isoformat(), *prices, seeded.randrange(100_000, 1_000_000)))
                day += timedelta(days=3 if day.weekday() == 4 else 1)
        paths.append(path)
    return paths
