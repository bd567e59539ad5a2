"""A feature engine over packed ticks: the triggers that it fires, the rows that it shows, its memory."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.engine import BARS, EXIT, NONE, RISE, WAKE, FeatureEngine
from engine.features.state import NEVER
from engine.ticks import TICK
from tests.features.ticks import NAN, T0


def make(symbols: int = 1, *, quote_max_age_s: float = 3.0, **config: Any) -> FeatureEngine:
    engine = FeatureEngine(msgspec.convert(config, FeaturesConfig), quote_max_age_s=quote_max_age_s)
    for index in range(symbols):
        assert engine.add_symbol(f"test:S{index}") == index
    return engine


def run(engine: FeatureEngine, ticks: Any) -> list[tuple[int, int, int]]:
    """Feed everything; the triggers as (code, position, index)."""
    fired, position = [], 0
    while True:
        code, position, index = engine.feed(ticks, position, len(ticks))
        if code == NONE:
            assert (position, index) == (len(ticks), -1)
            return fired
        fired.append((code, position, index))


def random_ticks(rng: np.random.Generator, count: int, symbols: int) -> Any:
    ticks = np.zeros(count, TICK)
    gaps = rng.choice([0, 10_000_000, 400_000_000, 9 * NS], count, p=[0.2, 0.6, 0.18, 0.02])
    ticks["recv_ns"] = T0 + np.cumsum(gaps)
    ticks["symbol"] = rng.integers(0, symbols, count)
    ticks["kind"] = rng.random(count) < 0.4
    price = 100 * np.exp(np.cumsum(rng.normal(0, 3e-3, count)))
    ticks["a"] = price
    ticks["b"] = np.where(ticks["kind"] == 1, price * 1.001, rng.lognormal(0, 2, count))
    ticks["c"] = ticks["d"] = 1.0
    ticks["aggressor"] = rng.choice([-1, 0, 1], count)
    ticks["reject"] = rng.random(count) < 0.02
    return ticks


def played(
    ticks: Any, cuts: list[int], symbols: int, *, bar_s: float = 1.0, window_s: float = 2.0, late: int = 0
) -> tuple[list[Any], bytes]:
    """Every trigger with the rows it showed, and the final memory; exits are armed anew as a desk would.

    ``late``: the last symbol is added where this many ticks were fed; ticks before must not name it.
    """
    engine = make(
        symbols - bool(late), quote_max_age_s=0.3, window_s=window_s, bar_s=bar_s, sma_fast=5, sma_slow=9,
        max_fill_bars=3,
    )  # fmt: skip
    engine.wake_at(1, T0 + 20 * NS)
    for index in range(len(engine)):
        engine.watch_rise(index, 0.5, 1.0, 150.0, 2)
    log: list[Any] = []
    cuts = sorted({*cuts, late})
    for start, stop in zip([0, *cuts], [*cuts, len(ticks)], strict=True):
        position = start
        if late and start == late and len(engine) < symbols:
            engine.add_symbol(f"test:S{symbols - 1}")
        while True:
            code, position, index = engine.feed(ticks, position, stop)
            if code == NONE:
                break
            if code == BARS:
                table = engine.table(engine.closed())
                log.append((code, position, repr(engine.rows(engine.closed())), table.values.tobytes()))
                log.append((table.indices.tobytes(), table.bar_start_ns.tobytes(), table.bars.tobytes()))
                continue
            row = engine.row(index)
            log.append(
                (code, position, repr(row), repr(engine.live_quote(index)), engine.best_price(index).hex())
            )
            if code == RISE:
                engine.watch_exit(
                    index, 1, row.last * 0.999, row.last * 1.002, best=row.last, trail=0.001 * index
                )
            elif code == EXIT and index == 1 and math.isfinite(row.bid):
                engine.watch_exit(index, -1, NAN, NAN, best=engine.best_price(index), trail=0.002)
            elif code == WAKE:
                engine.wake_at(index, engine.now_ns + NS if engine.now_ns < T0 + 60 * NS else NEVER)
    return log, memory(engine)


def memory(engine: FeatureEngine) -> bytes:
    """All that the engine remembers, but for where it lies and what the last call returned."""
    desk = engine._desk.copy()
    for name in ("position", "symbol", "state", "bars", "marks", "ring"):
        desk[name] = 0
    used = len(engine)
    return b"".join(
        part.tobytes()
        for part in (engine._state[:used], engine._bars[:used], engine._marks[:used], engine._ring, desk)
    )
