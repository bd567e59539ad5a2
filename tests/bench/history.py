"""Stored bars: loading 90 days over HTTP, writing, reading, their size; what the desk pays for keeping them.

The server of bars is a process of its own on loopback, without a limit on requests. The loop's longest pause
is measured while it loads, by a task that sleeps a millisecond at a time, and next to it that of a loop that
has nothing to do: what the machine's other work takes.
"""

from __future__ import annotations

import asyncio
import gc
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from engine.config import CacheConfig, CollectionConfig, HistoryConfig, PollingConfig, QualityConfig
from engine.events import NS
from engine.feature_table import FLOAT_FIELDS, FeatureTable
from engine.feeds.sources.budget import BudgetState
from engine.feeds.sources.registry import Sources
from engine.feeds.sources.rest_source import Surroundings
from engine.store.bars import BarStore
from engine.store.bars_live import LiveBars
from engine.store.bars_read import BarReader
from engine.store.hot_cache import HotCache
from engine.wiring.bar_history import SWITCH_S
from engine.wiring.history_load import HistoryLoad, Target
from engine.wiring.redis_cache import RedisCache
from tests.bench.registry import Figure, at_least, at_most, bench
from tests.conftest import ROOT
from tests.store.bar_samples import MINUTE, START, SYMBOL, bars

_DAYS = 90
_BARS = _DAYS * 1440
_SYMBOLS = 100
_SERVER = """
import asyncio, sys
from tests.klines_server import KlinesServer
from tests.store.bar_samples import candles
async def main():
    async with KlinesServer(candles(int(sys.argv[1]))) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@bench("history")
def history(scratch: Path) -> list[Figure]:
    """Stored bars: load, write, read, size; live bars, hot cache and Redis."""
    return [*_load(scratch), *_store(scratch), *_live(), *_cache(scratch)]


def _load(scratch: Path) -> list[Figure]:
    switch_s = sys.getswitchinterval()
    # As a running desk does.
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    try:
        with _server() as url:
            _, idle = asyncio.run(_watched(lambda: asyncio.sleep(2.0)))
            seconds, pause, count = asyncio.run(_loaded(scratch / "loaded.db", url))
    finally:
        sys.setswitchinterval(switch_s)
        gc.unfreeze()
    if count != _BARS:
        raise RuntimeError(f"{count:,} of {_BARS:,} bars were loaded")
    return [
        Figure("load of 90 days, 1 symbol", seconds, "s", at_most(20.0), f"{count:,} bars, pages of 1,000"),
        Figure("bars loaded", count / seconds, "bars/s"),
        Figure(
            "the loop's longest pause meanwhile", pause * 1e3, "ms", note=f"{idle * 1e3:.1f} ms when idle"
        ),
    ]


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-c", _SERVER, str(_BARS + 1)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


async def _loaded(path: Path, url: str) -> tuple[float, float, int]:
    """(seconds, the loop's longest pause, bars stored)"""
    now_ns = START + _BARS * MINUTE + 11 * NS

    async def keep(name: str, state: BudgetState) -> None:
        return

    around = Surroundings(lambda: now_ns, random.Random(1), {}, {}, {}, keep)
    unlimited = CollectionConfig(sources={"binance": PollingConfig(rest_url=url, per_minute=100_000)})
    source = Sources(unlimited, around).of_venue("binance")
    assert source is not None
    store = BarStore(path)
    store.start()
    reader = BarReader(path)
    load = HistoryLoad(
        store,
        reader,
        HistoryConfig(days=_DAYS),
        QualityConfig(),
        clock=lambda: now_ns,
        rng=random.Random(1),
        refuse=lambda candle, reason: None,
    )
    seconds, pause = await _watched(lambda: load.run([Target(SYMBOL, ((source, "BTCUSDT"),))]))
    count = len(reader.bars(SYMBOL, 60))
    await source.close()
    reader.close()
    store.close()
    return seconds, pause, count


async def _watched(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began - 0.001)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    await work()
    seconds = time.perf_counter() - began
    watching.cancel()
    return seconds, longest


def _store(scratch: Path) -> list[Figure]:
    told = bars(_BARS)
    store = BarStore(scratch / "written.db")
    store.start()
    began = time.perf_counter()
    for first in range(0, _BARS, 1_000):
        store.call(store.page(told[first : first + 1_000]))
    written = _BARS / (time.perf_counter() - began)
    reader = BarReader(store.path)
    began = time.perf_counter()
    reader.last(SYMBOL, 60, 5_000)
    read = time.perf_counter() - began
    began = time.perf_counter()
    reader.missing(SYMBOL, 60, START, START + _BARS * MINUTE)
    missing = time.perf_counter() - began
    reader.close()
    store.close()
    return [
        Figure("bars written, by 1,000", written, "bars/s", at_least(50_000)),
        Figure("size on disk", store.path.stat().st_size / _BARS, "bytes/bar", at_most(100.0)),
        Figure("read of the last 5,000", read * 1e3, "ms"),
        Figure("look for what is missing of 90 days", missing * 1e3, "ms"),
    ]


def _table(second: int, symbols: list[str]) -> FeatureTable:
    count = len(symbols)
    values = np.ones((count, len(FLOAT_FIELDS)))
    starts = np.full(count, START + second * NS)
    return FeatureTable(
        symbols, np.arange(count), START + (second + 1) * NS, starts, np.full(count, second), values
    )


def _live() -> list[Figure]:
    symbols = [f"synthetic:S{number}" for number in range(_SYMBOLS)]
    tables = [_table(second, symbols) for second in range(1_200)]
    vwaps = np.ones(_SYMBOLS)
    live = LiveBars(60, 1.0)
    began = time.perf_counter()
    made = sum(len(live.take(table, vwaps)) for table in tables)
    each = (time.perf_counter() - began) / len(tables)
    if made != 20 * _SYMBOLS:
        raise RuntimeError(f"{made} live bars")
    return [Figure("a second's bars of 100 symbols", each * 1e6, "us", at_most(500.0), "to bars of a minute")]


def _cache(scratch: Path) -> list[Figure]:
    told = bars(20_000)
    cache = HotCache(5_000, 60)
    began = time.perf_counter()
    for one in told:
        cache.put((one,))
    put = (time.perf_counter() - began) / len(told)
    began = time.perf_counter()
    for _ in range(1_000):
        cache.bars(SYMBOL, 5_000)
    view = (time.perf_counter() - began) / 1_000
    figures = [
        Figure("a bar into the cache", put * 1e6, "us", at_most(20.0)),
        Figure("5,000 bars out of it", view * 1e6, "us"),
    ]
    return figures + _redis(scratch)


def _redis(scratch: Path) -> list[Figure]:
    command = shutil.which("redis-server")
    metric = "features of 100 symbols in Redis"
    if command is None:
        return [Figure(metric, None, "ms", note="skipped: redis-server is not installed")]
    where = scratch / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(where), "--save", "", "--dir", str(scratch)]
    with subprocess.Popen([command, *options], stdout=subprocess.DEVNULL) as process:
        try:
            return _redis_figures(metric, f"unix://{where}")
        finally:
            process.kill()


def _redis_figures(metric: str, url: str) -> list[Figure]:
    cache = HotCache(5_000, 60)
    cache.put(bars(5_000))
    redis = RedisCache(CacheConfig(redis_url=url), cache, time.time_ns)
    deadline = time.monotonic() + 10.0
    while True:
        try:
            redis._connect()
            break
        except redis._errors:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    began = time.perf_counter()
    redis._write()
    filled = time.perf_counter() - began
    table = _table(1, [f"synthetic:S{number}" for number in range(_SYMBOLS)])
    began = time.perf_counter()
    for _ in range(1_000):
        redis.offer(table)
    offer = (time.perf_counter() - began) / 1_000
    rounds = 100
    began = time.perf_counter()
    for second in range(rounds):
        redis.offer(_table(second, [f"synthetic:S{number}" for number in range(_SYMBOLS)]))
        redis._write()
    each = (time.perf_counter() - began) / rounds
    redis._redis.close()
    return [
        Figure("features offered to Redis' thread", offer * 1e6, "us", at_most(20.0), "all the loop pays"),
        Figure(metric, each * 1e3, "ms", note="on the thread, one pipeline"),
        Figure("5,000 bars to Redis", filled * 1e3, "ms", note="on the thread, after each connect"),
    ]
