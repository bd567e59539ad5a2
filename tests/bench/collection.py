"""The collection loop: 100 symbols every second from a service that takes 50 ms for each answer.

The service is an HTTP server on loopback, in a process of its own; what is measured is the whole way of a
real source: budget, circuit, connection pool, parsing, what is news, and events out. A price changes with
every answer, so that each is news.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.connection
import random
import socket
import time
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from aiohttp import web

from engine.config import CollectionConfig, PollingConfig
from engine.events import Candle, MarketEvent
from engine.feeds.sources.budget import BudgetState
from engine.feeds.sources.collection import Collected, Collection
from engine.feeds.sources.registry import Sources
from engine.feeds.sources.rest_source import Surroundings
from tests.bench.registry import Figure, Skipped, at_least, at_most, bench

SYMBOLS = 100
LATENCY_S = 0.05
_WARM_UP, _MEASURED = 3, 30
_WARM_UP_DEAD, _HANGING = 8, 30
"""The first requests to who hangs take their five seconds."""
_START_S = 20.0
_BARS = 10
"""In an answer: ten minutes of them."""


@bench("collection")
def collection(scratch: Path) -> list[Figure]:
    """A 1-second cycle over 100 symbols, 50 ms a request, with a dead service too: ms, and its CPU."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        if not ours.poll(_START_S):
            raise Skipped("the local server did not start")
        url = f"http://127.0.0.1:{ours.recv()}"
        run = asyncio.run(_run(url, _MEASURED))
        with socket.create_server(("127.0.0.1", 0)) as silent:
            hanging = asyncio.run(_run(url, _HANGING, f"http://127.0.0.1:{silent.getsockname()[1]}"))
    finally:
        server.kill()
        server.join()
    times = run.times
    note = f"{len(times)} cycles, {sum(run.told)} bars told"
    dead = "the preferred service takes connections and never answers"
    return [
        Figure("a cycle, median", median(times) * 1e3, "ms", at_most(1000), note),
        Figure("a cycle, p99", quantiles(times, n=100)[98] * 1e3, "ms", at_most(1000)),
        Figure("turns not done in their second", run.late, "", at_most(0)),
        Figure("CPU of a cycle", run.cpu_s / len(times) * 1e3, "ms"),
        # One symbol at a time tries whether the dead one is back.
        Figure("told in a turn, least, one service dead", min(hanging.told), "", at_least(SYMBOLS - 1), dead),
    ]


class Run(NamedTuple):
    times: list[float]
    """Seconds of each cycle."""
    cpu_s: float
    told: list[int]
    """Bars in each cycle."""
    late: int
    """Turns at whose end somebody was waited for."""


async def _run(url: str, cycles: int, dead: str = "") -> Run:
    """``dead``: another service that is asked first."""
    polling = {"yahoo": PollingConfig(rest_url=url, per_minute=100_000)}
    if dead:
        polling["twelve-data"] = PollingConfig(
            rest_url=dead, per_minute=100_000, per_day=10_000_000, priority=1
        )
    environ = {"TWELVE_DATA_API_KEY": "none"}
    sources = Sources(
        CollectionConfig(sources=polling),
        Surroundings(time.time_ns, random.Random(1), {}, environ, {}, _keep),
    )
    told = 0
    each: list[int] = []

    def sink(events: list[MarketEvent]) -> None:
        nonlocal told
        told += sum(isinstance(event, Candle) for event in events)

    names = [f"S{number:03d}" for number in range(SYMBOLS)]
    wanted = [Collected(f"poll:{name}", tuple(sources.knowing(name))) for name in names]
    loop = Collection(wanted, sink, interval_s=1.0, concurrency=SYMBOLS, clock=time.time_ns)
    times: list[float] = []
    running = asyncio.create_task(loop.run())
    cpu_s = 0.0
    seen = late = 0
    warm_up = _WARM_UP_DEAD if dead else _WARM_UP
    while len(times) < cycles:
        await asyncio.sleep(0.005)
        if loop.cycles > seen:
            seen = loop.cycles
            if seen >= warm_up and loop.unanswered:
                raise RuntimeError(f"not all were answered: {loop.unanswered}")
            if seen == warm_up:
                cpu_s, late = time.process_time(), loop.late
            if seen > warm_up:
                times.append(loop.cycle_s)
                each.append(told)
            told = 0
    cpu_s = time.process_time() - cpu_s
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await sources.close()
    return Run(times, cpu_s, each, loop.late - late)


async def _keep(name: str, state: BudgetState) -> None:
    """Nothing outlives a benchmark."""


def serve(port: multiprocessing.connection.Connection) -> None:
    """Answers every question for a chart after LATENCY_S, until killed."""
    asyncio.run(_serve(port))


async def _serve(port: multiprocessing.connection.Connection) -> None:
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        minute = int(time.time()) // 60 * 60
        times = ",".join(str(minute - 60 * back) for back in reversed(range(_BARS)))
        column = ",".join(["100.25"] * _BARS)
        rows = ",".join(f'"{name}":[{column}]' for name in ("open", "high", "low", "close", "volume"))
        meta = f'"regularMarketPrice":{100 + asked / 10_000},"regularMarketTime":{minute + 1}'
        text = (
            f'{{"chart":{{"result":[{{"meta":{{{meta}}},"timestamp":[{times}],'
            f'"indicators":{{"quote":[{{{rows}}}]}}}}],"error":null}}}}'
        )
        await asyncio.sleep(LATENCY_S)
        return web.Response(text=text, content_type="application/json")

    app = web.Application()
    app.router.add_get("/v8/finance/chart/{symbol}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port.send(runner.addresses[0][1])
    await asyncio.Event().wait()
