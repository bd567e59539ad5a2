"""A burst through a real WebSocket: the venue's feed and its sink into a desk's intake, every trade counted.

The capture's busiest second holds 1.4 thousand messages. All of it is sent at ten times that, and as fast as
the feed takes it; the server is a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec

from engine.config import Config, FeedConfig
from engine.events import Depth, Gap, JournalEvent, Malformed, MarketEvent, Quote, Trade
from engine.feeds.registry import open_feed
from engine.instruments import Instruments
from engine.wiring.desk import Desk
from tests.bench.decode import SYMBOL, Rows, capture
from tests.bench.machine import ROOT, child_environment
from tests.bench.registry import Figure, at_least, at_most, bench

RATE = 14_000
_REPEATS = 3
_WITHIN_S = 60.0
_TRANSPORTS: tuple[Literal["websockets", "picows"], ...] = ("websockets", "picows")


class Run(msgspec.Struct):
    """What came of one burst."""

    seconds: float
    """From the first event to the last trade."""
    ids: list[int]
    quotes: int
    depths: int
    lost: int
    """Gaps and frames that could not be read."""
    intake: tuple[int, int, int]
    """Trades, quotes and rejects of the desk's."""


@bench("burst")
def burst(scratch: Path) -> list[Figure]:
    """The BTCUSDT capture at ten times its peak rate through a socket into a desk, and at the most."""
    rows = capture()
    messages = sum(kind != "snapshot" for kind, _, _ in rows)
    trades = sum(kind == "trade" for kind, _, _ in rows)
    figures = [Figure("peak of the capture", peak(rows), "messages/s")]
    for transport in _TRANSPORTS:
        if transport == "picows" and importlib.util.find_spec("picows") is None:
            figures.append(
                Figure("picows", None, "messages/s", note="skipped: tickdesk[fast] is not installed")
            )
            continue
        with served(RATE) as port:
            run = asyncio.run(_take(port, transport, trades))
        missing = trades - len(set(run.ids)) + run.lost + (run.intake[0] != trades)
        note = f"{messages:,} messages in {run.seconds:.2f} s, {run.depths:,} depths; desk took {run.intake}"
        figures += [
            Figure(f"{transport}, {RATE:,}/s: trades lost", missing, "trades", at_most(0), note),
            Figure(
                f"{transport}, {RATE:,}/s: trades doubled",
                len(run.ids) - len(set(run.ids)),
                "trades",
                at_most(0),
            ),
            Figure(f"{transport}, {RATE:,}/s: late at the end", _late(run, rows), "ms", at_most(250)),
        ]
        runs = []
        for _ in range(_REPEATS):
            with served(0) as port:
                runs.append(asyncio.run(_take(port, transport, trades)))
        if any(len(set(one.ids)) != trades or one.lost or one.intake[0] != trades for one in runs):
            raise RuntimeError(f"{transport}: trades were lost at full speed")
        speeds = [messages / one.seconds for one in runs]
        note = f"median of {_REPEATS}, best {max(speeds):,.0f}; nothing lost, {runs[0].depths} depths"
        figures.append(
            Figure(
                f"{transport}, as fast as it takes them", median(speeds), "messages/s", at_least(RATE), note
            )
        )
    return figures


def peak(rows: Rows) -> int:
    """Messages of the busiest second."""
    times = [recv_ns for kind, _, recv_ns in rows if kind != "snapshot"]
    most = first = 0
    for last, recv_ns in enumerate(times):
        while recv_ns - times[first] >= 10**9:
            first += 1
        most = max(most, last - first + 1)
    return most


def _late(run: Run, rows: Rows) -> float:
    """How long after it was due the last trade came."""
    last = max(at for at, row in enumerate(row for row in rows if row[0] != "snapshot") if row[0] == "trade")
    return max(0.0, (run.seconds - last / RATE) * 1e3)


@contextlib.contextmanager
def served(rate: float) -> Iterator[int]:
    """The port of a server of the capture."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.burst_server", str(rate)],
        cwd=ROOT,
        env=child_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


async def _take(port: int, transport: Literal["websockets", "picows"], trades: int) -> Run:
    config = FeedConfig(
        symbols=(SYMBOL,),
        ws_url=f"ws://127.0.0.1:{port}",
        rest_url=f"http://127.0.0.1:{port}",
        transport=transport,
    )
    desk = Desk(Config(feeds={"binance": config}), Instruments(), commit=_commit, record=lambda record: None)
    run = Run(0.0, [], 0, 0, 0, (0, 0, 0))
    times: list[float] = []
    done = asyncio.Event()

    def sink(events: list[MarketEvent]) -> None:
        desk.on_events(events)
        for event in events:
            if isinstance(event, Trade):
                run.ids.append(event.trade_id)
            elif isinstance(event, Quote):
                run.quotes += 1
            elif isinstance(event, Depth):
                run.depths += 1
            elif isinstance(event, Gap | Malformed):
                run.lost += 1
        if run.ids or run.quotes:
            if not times:
                times.append(time.perf_counter())
            if len(run.ids) >= trades and len(times) == 1:
                times.append(time.perf_counter())
                done.set()

    feed = open_feed("binance", config, clock=time.time_ns, rng=random.Random(1))
    task = asyncio.create_task(feed.run(sink))
    try:
        await asyncio.wait_for(done.wait(), _WITHIN_S)
        await asyncio.sleep(0.05)  # what came twice would come now
    except TimeoutError:
        times += [time.perf_counter()] * 2
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    run.seconds = times[1] - times[0]
    run.intake = desk.intake.trades, desk.intake.quotes, desk.intake.rejected.total()
    return run


def _commit(events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
    done()
