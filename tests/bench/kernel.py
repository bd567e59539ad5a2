"""The compiled stages alone: nanoseconds per tick by batch size and number of symbols, and per question."""

from __future__ import annotations

import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from engine.config import FeaturesConfig
from engine.features.engine import NONE, FeatureEngine
from engine.feeds.columnar import Ticks
from engine.market.screen import Screen
from tests.bench.machine import ROOT, child_environment
from tests.bench.many_symbols import ticks_of
from tests.bench.registry import Figure, Goal, at_least, at_most, bench
from tests.bench.synthetic_tape import SYMBOLS, blocks

_REPEATS = 5
_RUNS = ((1, 100_000), (100, 500_000), (1000, 500_000))
"""(batch size, ticks)."""
_SYMBOL_COUNTS = (10, 100, 1000)
_PER_SYMBOL_S, _WARM_BARS = 100, 250
_TOTAL, _CHUNKS = 1_200_000, 12
_LOAD = """
import time
from engine.wiring.compile import compile_all
began = time.perf_counter()
compile_all(print)
print(time.perf_counter() - began)
"""


@bench("kernel")
def kernel(scratch: Path) -> list[Figure]:
    """Feature kernel and screen over ten symbols, ns per tick."""
    ticks = np.concatenate(list(blocks(max(count for _, count in _RUNS))))
    figures = []
    for name, new_stage in (("features", _new_features), ("screen", _new_screen)):
        for batch, count in _RUNS:
            times = [_time(new_stage(), ticks[:count], batch) for _ in range(_REPEATS)]
            note = f"median of {_REPEATS}, best {min(times):.1f}; {count:,} ticks"
            figures.append(Figure(f"{name}, batch {batch}", median(times), "ns/tick", note=note))
    figures += _speed(figures)
    return figures


def _speed(figures: list[Figure]) -> list[Figure]:
    """The goal is told in ticks a second."""
    blocks_ns = next(figure.value for figure in figures if figure.metric == f"features, batch {_RUNS[-1][0]}")
    return [Figure("features alone, in blocks", 1e9 / (blocks_ns or 1e9), "ticks/s", at_least(15e6))]


@bench("symbols")
def symbols(scratch: Path) -> list[Figure]:
    """The feature kernel at 10, 100 and 1,000 symbols of the same density, warm, in blocks: ns per tick."""
    figures = []
    for count in _SYMBOL_COUNTS:
        chunks = _many(count)
        note = f"median of {len(chunks)} blocks, best {min(chunks):.1f}; {_PER_SYMBOL_S} a second each"
        figures.append(Figure(f"{count:,} symbols", median(chunks), "ns/tick", note=note))
    first, last = figures[0].value, figures[-1].value
    ratio = (last or 0.0) / (first or 1.0)
    return [*figures, Figure("1,000 symbols to 10", ratio, "ratio", at_most(1.2))]


def _many(count: int) -> list[float]:
    """Indicators and windows are warm before the clock runs."""
    engine = FeatureEngine(FeaturesConfig(), capacity=count)
    for number in range(count):
        engine.add_symbol(f"synthetic:S{number}")
    stage = _fed(engine)
    _time(stage, ticks_of(count, count * _WARM_BARS, 1), 1000)
    warm = count * _PER_SYMBOL_S * 6
    ticks = ticks_of(count, warm + _TOTAL, _PER_SYMBOL_S, _WARM_BARS)
    _time(stage, ticks[:warm], 1000)
    step = _TOTAL // _CHUNKS
    return [_time(stage, ticks[at : at + step], 1000) for at in range(warm, warm + _TOTAL, step)]


@bench("questions")
def questions(scratch: Path) -> list[Figure]:
    """What the hot path asks of the feature engine, ns a call."""
    engine = FeatureEngine(FeaturesConfig())
    for symbol in SYMBOLS:
        engine.add_symbol(symbol)
    _time(_fed(engine), np.concatenate(list(blocks(300_000))), 1000)
    calls: dict[str, tuple[Callable[[], object], Goal | None]] = {
        "row": (lambda: engine.row(3), at_most(2000)),
        "live_quote": (lambda: engine.live_quote(3), None),
        "quote": (lambda: engine.quote(3), None),
        "last_recv_ns": (lambda: engine.last_recv_ns(3), None),
        "now_ns": (lambda: engine.now_ns, None),
    }
    return [
        Figure(
            name, min(timeit.repeat(call, number=10_000, repeat=7)) * 1e5, "ns", goal, "best of 7 x 10,000"
        )
        for name, (call, goal) in calls.items()
    ]


@bench("load")
def load(scratch: Path) -> list[Figure]:
    """Second start: loading all compiled kernels in a fresh process, without importing the compiler; s."""
    times = []
    for _ in range(_REPEATS + 1):
        done = subprocess.run(
            [sys.executable, "-c", _LOAD],
            cwd=ROOT,
            env=child_environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip()[-300:])
        times.append(float(done.stdout.split()[-1]))
    times.pop(0)  # may have compiled
    note = f"median of {len(times)}, best {min(times):.3f}"
    return [Figure("load of compiled kernels, second start", median(times), "s", at_most(0.3), note)]


Stage = Callable[[Ticks, int, int], None]


def _time(stage: Stage, ticks: Ticks, batch: int) -> float:
    total = len(ticks)
    began = time.perf_counter_ns()
    for start in range(0, total, batch):
        stage(ticks, start, min(start + batch, total))
    return (time.perf_counter_ns() - began) / total


def _new_features() -> Stage:
    engine = FeatureEngine(FeaturesConfig())
    for symbol in SYMBOLS:
        engine.add_symbol(symbol)
    return _fed(engine)


def _fed(engine: FeatureEngine) -> Stage:
    feed = engine.feed

    def stage(ticks: Ticks, start: int, stop: int) -> None:
        code, start, _ = feed(ticks, start, stop)
        while code != NONE:
            code, start, _ = feed(ticks, start, stop)

    return stage


def _new_screen() -> Stage:
    screen = Screen()
    for _ in SYMBOLS:
        screen.add_symbol()

    def stage(ticks: Ticks, start: int, stop: int) -> None:
        screen.check(ticks, start, stop)

    return stage
