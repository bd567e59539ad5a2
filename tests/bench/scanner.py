"""The scanner: from the close of 500 symbols' bars to the opportunities found, milliseconds.

A whole desk, wired as in a replay, with every strategy and the shipped model on. Ticks of random walks come
in blocks of one bar; the time of a boundary is all that the desk does between two ticks: feature table,
strategies, model (every fifth bar), quant modules, blends, rules, opportunities, risk and orders.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from engine.config import Config, RiskConfig
from engine.events import NS, JournalEvent
from engine.feeds.columnar import Ticks
from engine.instruments import Instruments
from engine.models.builtin import ensure_builtin
from engine.models.load import load
from engine.models.predictor import Predictor
from engine.models.registry import Registry
from engine.ticks import QUOTE, TICK, TRADE
from engine.wiring.compile import compile_all
from engine.wiring.desk import Desk
from engine.wiring.model_slot import STRATEGY
from tests.bench.registry import Figure, at_most, bench

SYMBOLS = tuple(f"synthetic:S{number:03d}-USD" for number in range(500))

_WARM_UP, _MEASURED = 210, 120
"""Boundaries; the longest average looks back 200 bars."""
_TICKS = 6
"""Per symbol and bar, half of them trades."""
_SEED = 20260102
_START_NS = 1_767_225_600 * NS
_VOLATILITY = 4e-4
_HALF_SPREAD = 0.5e-4
_MEDIAN_GOAL, _WORST_GOAL = at_most(10), at_most(50)


@bench("scanner")
def scanner(scratch: Path) -> list[Figure]:
    """500 symbols, all strategies and the model: bar close to opportunities, ms."""
    compile_all(lambda text: None)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="models-") as folder:
        desk, times, commits = _run(_shipped_model(Path(folder)))
    taken = [ns / 1e6 for ns in times[_WARM_UP:]]
    counts = desk.funnel()
    note = (
        f"{len(taken)} bar closes; {counts['signals']:,} signals, {counts['blends']:,} blends, "
        f"{counts['opportunities']:,} opportunities, {counts['orders']:,} orders, {commits:,} commits"
    )
    return [
        Figure("bar close → opportunities, median", median(taken), "ms", _MEDIAN_GOAL, note),
        Figure("bar close → opportunities, worst", max(taken), "ms", _WORST_GOAL, note),
    ]


def _shipped_model(folder: Path) -> Predictor:
    registry = Registry(folder)
    ensure_builtin(registry)
    entry = registry.active(STRATEGY)
    if entry is None:
        raise RuntimeError("the registry has no active model")
    return asyncio.run(load(entry.path))


def _run(model: Predictor) -> tuple[Desk, list[int], int]:
    """(desk, ns of each bar boundary, journal commits)."""
    commits = 0

    def commit(events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        nonlocal commits
        commits += 1
        done()

    limits = RiskConfig(max_orders_per_s=1e3, order_burst=1000, max_open_orders=1000)
    desk = Desk(Config(risk=limits), Instruments(), commit=commit, record=lambda record: None)
    desk.signals.scoring.set_active(model)
    times: list[int] = []
    random = np.random.default_rng(_SEED)
    log_price = np.log(random.uniform(1.0, 1000.0, len(SYMBOLS)))
    ids = np.zeros(len(SYMBOLS), np.int64)
    gc.collect()
    gc.freeze()
    try:
        for bar in range(_WARM_UP + _MEASURED):
            desk.on_block(bar_of_ticks(bar, log_price, ids, random), SYMBOLS)
            began = time.perf_counter_ns()
            desk.advance(_START_NS + (bar + 1) * NS)
            times.append(time.perf_counter_ns() - began)
    finally:
        gc.unfreeze()
    return desk, times, commits


def bar_of_ticks(number: int, log_price: np.ndarray, ids: np.ndarray, random: np.random.Generator) -> Ticks:
    """One bar's ticks of all symbols, quotes and trades in turn; ``log_price`` and ``ids`` go on."""
    count = len(SYMBOLS)
    path = log_price + np.cumsum(random.normal(0.0, _VOLATILITY, (_TICKS, count)), axis=0)
    log_price[:] = path[-1]
    mid = np.exp(path)
    trade = np.arange(_TICKS)[:, None] % 2 == 1
    buys = random.random(mid.shape) < 0.5
    bid, ask = mid * (1 - _HALF_SPREAD), mid * (1 + _HALF_SPREAD)
    size = random.exponential(1_000.0, mid.shape) / mid + 1e-6
    trade_ids = ids + np.cumsum(np.broadcast_to(trade, mid.shape), axis=0)
    ids[:] = trade_ids[-1]
    out = np.zeros(mid.size, TICK)
    step = NS // (mid.size + 1)
    out["recv_ns"] = _START_NS + number * NS + (1 + np.arange(mid.size)) * step
    out["event_ns"] = out["recv_ns"] - 1_000_000
    out["symbol"] = np.tile(np.arange(count, dtype=np.int32), _TICKS)
    out["kind"] = np.where(trade, TRADE, QUOTE).repeat(count)
    out["trade_id"] = np.where(trade, trade_ids, -1).ravel()
    out["aggressor"] = np.where(trade, np.where(buys, 1, -1), 0).ravel()
    out["a"] = np.where(trade, np.where(buys, ask, bid), bid).ravel()
    out["b"] = np.where(trade, size, ask).ravel()
    out["c"] = np.where(trade, 0.0, size).ravel()
    out["d"] = np.where(trade, 0.0, size).ravel()
    return out
