"""The compiled stages alone: nanoseconds per tick, by batch size."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from engine.config import FeaturesConfig
from engine.features.engine import NONE, FeatureEngine
from engine.feeds.columnar import Ticks
from engine.market.screen import Screen
from tests.bench.registry import Figure, bench
from tests.bench.synthetic_tape import SYMBOLS, blocks

_REPEATS = 5
_RUNS = ((1, 100_000), (100, 500_000), (1000, 500_000))
"""(batch size, ticks)."""


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
    return figures


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
