"""Models exchanged under load, and the time from bars to weights, with 500 symbols.

A whole desk, wired as live, is fed blocks of ticks on an event loop, a bar each 100 ms; in between the loop
is free, as it is while the engine waits for a socket. First comes the baseline; then models are reloaded one
after the other, each read, checked and compared by a child process.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from engine.config import Config, RiskConfig
from engine.events import NS, JournalEvent
from engine.instruments import Instruments
from engine.models.builtin import ensure_builtin
from engine.models.load import load
from engine.models.registry import Registry
from engine.portfolio.targets import weights
from engine.wiring.compile import compile_all
from engine.wiring.desk import Desk
from engine.wiring.model_slot import STRATEGY, ModelSlot
from tests.bench.registry import Figure, at_most, bench
from tests.bench.scanner import SYMBOLS, bar_of_ticks

_SEED = 20260103
_START_NS = 1_767_225_600 * NS
_WARM_UP, _BASELINE, _RELOADS = 70, 150, 50
_BAR_S = 0.1
"""Real time between two bars."""
_PARTS = 10
"""Blocks that a bar's ticks come in."""
_MEASURED = 60


class _Load:
    """The desk and its market."""

    def __init__(self, config: Config) -> None:
        def commit(events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
            done()

        self.desk = Desk(
            config, Instruments(), commit=commit, record=lambda record: None, timer=time.perf_counter_ns
        )
        self._random = np.random.default_rng(_SEED)
        self._log_price = np.log(self._random.uniform(1.0, 1000.0, len(SYMBOLS)))
        self._ids = np.zeros(len(SYMBOLS), np.int64)
        self._bar = 0
        self.fed = 0
        self.took_ns: list[int] = []
        """From the close of each bar to the last decision."""

    def bar(self) -> None:
        ticks = bar_of_ticks(self._bar, self._log_price, self._ids, self._random)
        for part in np.array_split(ticks, _PARTS):
            self.desk.on_block(part, SYMBOLS)
        self.fed += len(ticks)
        self._bar += 1
        began = time.perf_counter_ns()
        self.desk.advance(_START_NS + self._bar * NS)
        self.took_ns.append(time.perf_counter_ns() - began)


class _Result(NamedTuple):
    baseline_ms: list[float]
    during_ms: list[float]
    reload_s: list[float]
    swap_ms: list[float]
    lost: int


@bench("reload")
def reload(scratch: Path) -> list[Figure]:
    """500 symbols: 50 reloads under load, and bars to weights with and without a shadow."""
    compile_all(lambda text: None)
    gc.collect()
    gc.freeze()
    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix="reload-") as folder:
            found = asyncio.run(_reloads(Path(folder)))
            alone, shadowed, beside = asyncio.run(_weights(Path(folder)))
    finally:
        gc.unfreeze()
    before, during = _p99(found.baseline_ms), _p99(found.during_ms)
    note = f"{len(found.reload_s)} reloads, {len(found.during_ms)} bar closes; baseline p99 {before:.2f} ms"
    return [
        Figure("decision p99 during reloads over baseline", during / before, "×", at_most(2), note),
        Figure("ticks lost during reloads", found.lost, "ticks", at_most(0), note),
        Figure("a valid reload, worst", max(found.reload_s), "s", at_most(2), note),
        Figure("the swap itself, worst", max(found.swap_ms), "ms", at_most(5), note),
        Figure("features + model + weights, median", median(alone), "ms", at_most(5), "500 symbols"),
        Figure("the same with a shadow, median", median(shadowed), "ms", at_most(5), "500 symbols"),
        Figure("shadow, tracks and drift, median", median(beside), "ms", note="when the decisions are out"),
    ]


async def _reloads(folder: Path) -> _Result:
    limits = RiskConfig(max_orders_per_s=1e3, order_burst=1000, max_open_orders=1000)
    market = _Load(Config(risk=limits))
    slot = ModelSlot(folder, market.desk)
    market.desk.signals.scoring.go_live(time.perf_counter_ns, _soon)
    await slot.start()
    for _ in range(_WARM_UP):
        market.bar()
    market.took_ns.clear()
    for _ in range(_BASELINE):
        market.bar()
        await asyncio.sleep(_BAR_S)
    baseline = [ns / 1e6 for ns in market.took_ns]
    market.took_ns.clear()
    reloads, swaps = [], []

    async def again() -> None:
        for _ in range(_RELOADS):
            began = time.perf_counter()
            await slot.reload()
            reloads.append(time.perf_counter() - began)
            swaps.append(slot.swap_ns / 1e6)

    work = asyncio.create_task(again())
    while not work.done():
        market.bar()
        await asyncio.sleep(_BAR_S)
    await work
    intake = market.desk.intake
    lost = market.fed - intake.trades - intake.quotes - sum(intake.rejected.values())
    slot.close()
    during = [ns / 1e6 for ns in market.took_ns]
    return _Result(baseline, during, reloads, swaps, lost)


async def _weights(folder: Path) -> tuple[list[float], list[float], list[float]]:
    """From closed bars to weights, ms: without a shadow, with one; and what comes after with one."""
    registry = Registry(folder)
    ensure_builtin(registry)
    entry = registry.active(STRATEGY)
    assert entry is not None
    alone: list[float] = []
    shadowed: list[float] = []
    beside: list[float] = []
    for shadow, times in ((False, alone), (True, shadowed)):
        market = _Load(Config())
        scoring = market.desk.signals.scoring
        scoring.set_active(await load(entry.path))
        if shadow:
            scoring.set_shadow(await load(entry.path))
        for _ in range(_WARM_UP):
            market.bar()
        features = market.desk.features
        table = features.table(features.closed())
        for _ in range(_MEASURED):
            began = time.perf_counter_ns()
            batch = scoring.on_bars(table, features.boundary_ns, trading=True)
            assert batch is not None
            weights(dict(zip(batch.symbols, batch.scores.tolist(), strict=True)), 2, 2)
            times.append((time.perf_counter_ns() - began) / 1e6)
            began = time.perf_counter_ns()
            scoring.after(table, features.boundary_ns)
            if shadow:
                beside.append((time.perf_counter_ns() - began) / 1e6)
    return alone, shadowed, beside


def _soon(work: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(0.01, work)


def _p99(values: list[float]) -> float:
    return float(np.percentile(values, 99))
