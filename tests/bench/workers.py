"""Stages over the bus: how fast rounds are dealt and shards computed, and what a hop through Redis adds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.bus.address import address_of
from engine.bus.keys import Keys
from engine.bus.messages import encode, heard_of, shard_ticks_of
from engine.bus.publisher import Publisher
from engine.config import load
from engine.workers.cut import Cut
from engine.workers.rounds import Rounds
from engine.workers.shard import Shard
from tests.bench.registry import Figure, Skipped, at_least, at_most, bench
from tests.bench.synthetic_tape import SYMBOLS, blocks

TICKS = int(os.environ.get("TICKDESK_BENCH_TICKS", "1000000"))
PIECE = 4096
PER_S, FOR_S, WARM_S = 10_000, 10.0, 2.0


@bench("workers")
def workers(scratch: Path) -> list[Figure]:
    """The market and features stages alone, and a hop at 10,000 ticks a second"""
    cuts = list(_cuts(8))
    began = time.perf_counter()
    for _ in _cuts(8):
        pass
    dealing = time.perf_counter() - began
    figures = [Figure("market alone", TICKS / dealing, "ticks/s", at_least(100_000))]
    for shards, rounds in ((1, list(_cuts(1))), (8, cuts)):
        figures.append(Figure(f"features alone, {shards} shards", _computed(shards, rounds), "ticks/s"))
    return figures + asyncio.run(_hop(scratch))


def _cuts(shards: int) -> Iterator[tuple[Cut, dict[int, bytes]]]:
    """Rounds of the synthetic tape, as they go onto the wire."""
    rounds = Rounds(load(overrides=[f"bus.shards={shards}"], environ={}))
    for block in blocks(TICKS):
        for at in range(0, len(block), PIECE):
            rounds.block(block[at : at + PIECE], SYMBOLS)
            cut = rounds.cut(1)
            assert cut is not None
            encode(cut.round)
            yield cut, {shard: encode(part) for shard, part in cut.shards.items()}


def _computed(shards: int, cuts: list[tuple[Cut, dict[int, bytes]]]) -> float:
    made = [Shard(number, load(overrides=[f"bus.shards={shards}"], environ={})) for number in range(shards)]
    began = time.perf_counter()
    for cut, parts in cuts:
        for number, part in parts.items():
            encode(made[number].take(cut.number, shard_ticks_of(part)))
    return TICKS / (time.perf_counter() - began)


async def _hop(scratch: Path) -> list[Figure]:
    """From a round's being sent until its strategies have spoken: Redis, a features worker, nothing else."""
    from redis import Redis

    with _server(scratch) as url, _features(scratch, url):
        keys = Keys("dfp")
        with contextlib.closing(Redis.from_url(url)) as redis:
            while len(redis.keys(f"{keys.prefix}:lease:features:*")) < 8:
                await asyncio.sleep(0.05)
            await _feed(url, keys)
            took = []
            for shard in range(8):
                sent = {
                    number: shard_ticks_of(body).sent_ns
                    for number, body in _entries(redis, keys.ticks(shard))
                }
                heard = list(_entries(redis, keys.signals(shard)))
                took += _waited(sent, [(number, heard_of(body).sent_ns) for number, body in heard])
    if not took:
        raise Skipped("the features worker said nothing")
    milliseconds = np.array(took) / 1e6
    p50, p99 = np.percentile(milliseconds, (50, 99)).tolist()
    return [
        Figure("hop, p50", p50, "ms", at_most(0.3), f"{len(took)} entries at {PER_S} ticks/s"),
        Figure("hop, p99", p99, "ms", at_most(3.0)),
    ]


def _waited(sent: dict[int, int], heard: list[tuple[int, int]]) -> list[int]:
    """Of each entry, without the warm-up: until the first answer that knows of it."""
    first = min(sent.values(), default=0) + int(WARM_S * 1e9)
    found, at = [], 0
    for number, sent_ns in sorted(sent.items()):
        while at < len(heard) and heard[at][0] < number:
            at += 1
        if at < len(heard) and sent_ns >= first:
            found.append(heard[at][1] - sent_ns)
    return found


def _entries(redis: object, stream: str) -> Iterator[tuple[int, bytes]]:
    for ident, fields in redis.xrange(stream):  # type: ignore[attr-defined]
        yield int(ident.partition(b"-")[0]), fields[b"d"]


async def _feed(url: str, keys: Keys) -> None:
    rounds = Rounds(load(environ={}))
    streams = [keys.rounds, *(keys.ticks(shard) for shard in range(8))]

    def send() -> None:
        cut = rounds.cut(time.time_ns())
        if cut is not None:
            parts = [(keys.ticks(shard), cut.number, encode(part)) for shard, part in cut.shards.items()]
            publisher.put([*parts, (keys.rounds, cut.number, encode(cut.round))])

    publisher = Publisher(address_of(url), streams, on_ready=send)
    running = asyncio.create_task(publisher.run())
    await publisher.opened()
    ticks = next(blocks(int(PER_S * FOR_S) + 1))
    began, done = time.perf_counter(), 0
    while done < len(ticks) and not running.done():
        due = min(int((time.perf_counter() - began) * PER_S), len(ticks))
        if due > done:
            rounds.block(ticks[done:due], SYMBOLS)
            done = due
            if publisher.is_ready:
                send()
        await asyncio.sleep(0.001)
    await publisher.drained()
    await asyncio.sleep(0.5)
    publisher.close()
    await running


@contextlib.contextmanager
def _server(scratch: Path) -> Iterator[str]:
    found = shutil.which("redis-server")
    if found is None:
        raise Skipped("redis-server is not installed")
    socket = scratch / "bus.sock"
    process = subprocess.Popen(
        [found, "--port", "0", "--unixsocket", str(socket), "--appendonly", "yes", "--dir", str(scratch)],
        stdout=subprocess.DEVNULL,
    )
    try:
        while not socket.exists():
            time.sleep(0.02)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _features(scratch: Path, url: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "console", "worker", "features", "--state-dir", str(scratch / "features")],
        env=os.environ | {"TICKDESK_BUS__URL": url},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
