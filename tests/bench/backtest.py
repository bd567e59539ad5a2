"""Backtests: a dense tape, many bar backtests on two cores, and one rule beside two other platforms."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from engine.config import load
from engine.research.plan import Plan
from engine.wiring.backtest import Prepared, prepare, run
from tests.bench.registry import Figure, Skipped, at_least, at_most, bench
from tests.bench.synthetic_tape import PER_SYMBOL_S, TICKS, tape
from tests.research import ema_crosses
from tests.wiring.made_backtests import config, prepared, walk

_RUNS = int(os.environ.get("TICKDESK_BENCH_BACKTESTS", "1000"))
_SYMBOLS, _BARS, _CORES = 10, 2000, 2
_REPEATS = 3
_PERIODS = ((10, 30), (20, 50), (50, 200))
"""Of the averages: many trades, some, few."""


@bench("backtest")
def backtest(scratch: Path) -> list[Figure]:
    """``tickdesk backtest`` on a dense tape, a thousand times on bars, and beside two other platforms."""
    return [_dense(scratch), *_many(), *_peers(scratch)]


def _dense(scratch: Path) -> Figure:
    """Everything on, as in the replay's figure; the tape is in memory."""
    empty = scratch / "empty.toml"
    empty.touch()
    chosen = load(empty, environ={})
    data = prepare(chosen, Plan(tapes=(str(tape(scratch, TICKS, PER_SYMBOL_S)),)), scratch / "state")
    found = [run(chosen, data, detail=False) for _ in range(_REPEATS)]
    speeds = [one.ticks / one.seconds for one in found]
    if len({one.sha256 for one in found}) != 1:
        raise RuntimeError("runs over the same tape differ in their orders and fills")
    note = f"median of {_REPEATS}, best {max(speeds):,.0f}; {found[0].funnel['orders']:,} orders"
    return Figure(
        f"dense tape, {TICKS / 1e6:g} M ticks", median(speeds), "ticks/s", at_least(2_500_000), note
    )


# --- many ---

_data: Prepared | None = None


def _many() -> list[Figure]:
    """Each process prepares once. The rule is the golden cross, of other periods at each run."""
    began = time.perf_counter()
    with ProcessPoolExecutor(_CORES, mp_context=get_context("spawn")) as pool:
        list(pool.map(_one, range(_CORES), chunksize=1))  # kernels are loaded, data is made
        ready = time.perf_counter()
        orders = sum(pool.map(_one, range(_RUNS), chunksize=10))
        seconds = time.perf_counter() - ready
    note = f"{_RUNS} runs, {orders / _RUNS:,.0f} orders each; {ready - began:.1f} s to get ready"
    name = f"1,000 backtests of {_SYMBOLS} x {_BARS:,} bars, {_CORES} cores"
    return [Figure(name, seconds * 1000 / _RUNS, "s", at_most(60.0), note)]


def _one(number: int) -> int:
    """Orders of one run."""
    global _data
    if _data is None:
        _data = prepared([walk(seed, _BARS, weekends=False) for seed in range(_SYMBOLS)])
    periods = f"features.sma_fast={20 + number % 40}", f"features.sma_slow={100 + number // 40 % 25 * 4}"
    exits = "exits.stop_loss_pct=10", "exits.take_profit_pct=30"
    return run(config(("golden_cross",), *periods, *exits), _data, detail=False).funnel["orders"]


# --- beside others ---


def _peers(scratch: Path) -> list[Figure]:
    """The same rule on the same daily bars, runs in turns."""
    try:
        import backtesting as _backtesting  # noqa: F401
        import backtrader as _backtrader  # noqa: F401
    except ImportError as error:
        return [Figure("EMA cross beside others", None, "ratio", note=f"skipped: {error.name} is missing")]
    bars = Path(os.environ.get("TICKDESK_DATA", "../shared/data")) / "alpha158" / "GOOG_daily.csv"
    if not bars.is_file():
        raise Skipped(f"no {bars}: set TICKDESK_DATA")
    data, table = ema_crosses.prepared(bars, scratch), ema_crosses.frame(bars)
    figures = []
    for fast, slow in _PERIODS:
        chosen = ema_crosses.config(scratch, fast, slow)
        figures += _beside(chosen, data, table, fast, slow)
    return figures


def _beside(chosen: Any, data: Prepared, table: Any, fast: int, slow: int) -> list[Figure]:
    runs: dict[str, Callable[[], ema_crosses.Outcome]] = {
        "tickdesk": lambda: ema_crosses.ours(chosen, data),
        "backtrader": lambda: ema_crosses.backtrader(table, fast, slow),
        "backtesting.py": lambda: ema_crosses.backtesting(table, fast, slow),
    }
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(2 * _REPEATS + 1):
        for name, one in runs.items():
            outcome = one()
            if number:  # the first loads what it needs
                taken[name].append(outcome.seconds)
    name = f"EMA {fast}/{slow} on {len(table):,} bars"
    ours = median(taken["tickdesk"])
    figures = [
        Figure(f"{name}: {who}", median(times) * 1e3, "ms", note=f"best {min(times) * 1e3:.1f}")
        for who, times in taken.items()
    ]
    trades = f"{len(runs['tickdesk']().trades)} trades"
    for who in ("backtrader", "backtesting.py"):
        ratio = median(taken[who]) / ours
        figures.append(Figure(f"{name}: {who} / tickdesk", ratio, "times", at_least(20.0), trades))
    return figures
