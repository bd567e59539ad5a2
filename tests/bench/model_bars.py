"""Models on minute bars over a desk of one-second bars: what their bars cost, and a minute's scores."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median

import numpy as np

from engine.config import Config
from engine.events import NS
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.models import builtin
from engine.models.load import load, normalise
from engine.portfolio.targets import weights
from engine.store.bar import Provenance
from engine.store.bars_read import Bars
from engine.ticks import TICK, TRADE
from engine.wiring.compile import compile_all
from engine.wiring.model_bars import SEEDED, ModelBars
from tests.bench.registry import Figure, at_most, bench

_SYMBOLS = tuple(f"synthetic:S{number:03d}-USD" for number in range(500))
_MINUTES, _TOP_N = 20, 10
_START_NS = 1_767_225_600 * NS
_SEED = 60


@bench("model_bars")
def model_bars(scratch: Path) -> list[Figure]:
    """500 symbols, bars of 60 s out of 1 s: each boundary, and a minute's features, model and weights, ms."""
    compile_all(lambda text: None)
    model = asyncio.run(load(builtin.PATH))
    engine = FeatureEngine(Config().features, capacity=len(_SYMBOLS))
    bars = ModelBars(Config(), engine)
    bars.need([60.0])
    random = np.random.default_rng(_SEED)
    for symbol in _SYMBOLS:
        engine.add_symbol(symbol)
        bars.fill(_stored(symbol, random))
    taken: list[float] = []
    scored: list[float] = []
    price = np.full(len(_SYMBOLS), 100.0)
    for second in range(_MINUTES * 60 + 1):
        ticks = _ticks(second, price, random)
        position, code = 0, -1
        while code != NONE:
            code, position, _ = engine.feed(ticks, position, len(ticks))
            if code == BARS:
                table = engine.closed_table()
                began = time.perf_counter_ns()
                bars.take(table)
                taken.append((time.perf_counter_ns() - began) / 1e6)
                began = time.perf_counter_ns()
                found = bars.rows(60.0, table, table.ns)
                if found is not None:
                    scores = normalise(model.predict(found.rows))
                    names = [_SYMBOLS[index] for index in found.indices.tolist()]
                    weights(dict(zip(names, scores.tolist(), strict=True)), _TOP_N, _TOP_N)
                    scored.append((time.perf_counter_ns() - began) / 1e6)
    return [
        Figure(
            "longer bars, each boundary, median", median(taken), "ms", at_most(0.5),
            f"{len(taken)} boundaries, worst {max(taken):.2f}",
        ),
        Figure(
            "minute → weights of 500 symbols, median", median(scored), "ms", at_most(5),
            f"features, model, weights; {len(scored)} minutes, worst {max(scored):.2f}",
        ),
    ]  # fmt: skip


def _stored(symbol: str, random: np.random.Generator) -> Bars:
    close = 100.0 * np.exp(np.cumsum(random.normal(0, 1e-3, SEEDED)))
    volume = random.exponential(100.0, SEEDED)
    values = np.column_stack([close, close * 1.001, close * 0.999, close * 1.0002, volume, close])
    opens = _START_NS + (np.arange(SEEDED) - SEEDED) * 60 * NS
    kinds = np.full(SEEDED, Provenance.LIVE, np.int8)
    zeros = np.zeros(SEEDED, np.int64)
    return Bars(symbol, 60, opens, values, zeros, kinds, zeros, zeros, ("desk",), (False,))


def _ticks(second: int, price: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A trade of each symbol; ``price`` goes on."""
    count = len(price)
    price *= np.exp(random.normal(0, 3e-4, count))
    ticks = np.zeros(count, TICK)
    ticks["recv_ns"] = ticks["event_ns"] = _START_NS + second * NS + np.arange(count) * 1000
    ticks["symbol"], ticks["kind"], ticks["trade_id"] = np.arange(count), TRADE, -1
    ticks["aggressor"] = random.choice([-1, 1], count)
    ticks["a"], ticks["b"] = price, random.exponential(10.0, count)
    return ticks
