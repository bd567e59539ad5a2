"""One end of the bus under measurement, in a process of its own; prints what it measured as JSON.

``python -m tests.bench.bus_peer read|pace|flood URL …``
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array

import numpy as np

from engine.bus.address import address_of
from engine.bus.cursor import Lost, Source
from engine.bus.keys import Keys
from engine.bus.messages import Round, ShardTicks, encode, round_of, shard_ticks_of
from engine.bus.publisher import Publisher
from engine.bus.reader import Reader
from engine.ticks import TICK

SHARDS = 8
KEYS = Keys("bench")
STREAMS = [*(KEYS.ticks(shard) for shard in range(SHARDS)), KEYS.rounds]


class Sender:
    """Rounds of given sizes, the ticks dealt evenly; a rest goes to shards in turn."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._row = bytes(TICK.itemsize)
        self._place = bytes(4)
        self.rounds = 0
        self.ticks = 0

    def send(self, ticks: int, sent_ns: int) -> None:
        self.rounds += 1
        number = self.rounds
        each, more = divmod(ticks, SHARDS)
        entries: list[tuple[str, int, bytes]] = []
        shards = []
        for at in range(SHARDS):
            shard = (at + number) % SHARDS
            count = each + (at < more)
            if not count:
                continue
            stream = KEYS.ticks(shard)
            previous = self._publisher.numbers[stream]
            told = ShardTicks(previous, self._place * count, self._row * count, sent_ns)
            entries.append((stream, number, encode(told)))
            shards.append(shard)
        told = Round(number - 1, ticks, tuple(shards), sent_ns)
        entries.append((KEYS.rounds, number, encode(told)))
        self._publisher.put(entries)
        self.ticks += ticks


async def flood(url: str, rounds: int, ticks: int) -> dict[str, float]:
    """Rounds as fast as the server answers."""
    end = asyncio.Event()
    began_s, cpu_s = 0.0, 0.0

    def ready() -> None:
        if sender.rounds < rounds:
            sender.send(ticks, time.monotonic_ns())
        else:
            end.set()

    publisher = Publisher(address_of(url), STREAMS, on_ready=ready)
    sender = Sender(publisher)
    began_s, cpu_s = time.perf_counter(), time.process_time()
    task = asyncio.create_task(publisher.run())
    await end.wait()
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    publisher.close()
    await task
    return {"took_s": took_s, "cpu_s": cpu_s, "entries": publisher.entries, "ticks": sender.ticks}


async def pace(url: str, seconds: float, ticks_per_s: float) -> dict[str, float]:
    """Ticks at an even pace, one by one; what comes while a call is in flight goes with the next."""
    publisher: Publisher
    began_s = 0.0
    sent = 0

    def send() -> None:
        nonlocal sent
        if not began_s or not publisher.is_ready:
            return
        due = int((time.perf_counter() - began_s) * ticks_per_s)
        if due > sent:
            sender.send(due - sent, time.monotonic_ns())
            sent = due

    publisher = Publisher(address_of(url), STREAMS, on_ready=send)
    sender = Sender(publisher)
    task = asyncio.create_task(publisher.run())
    await publisher.opened()
    cpu_s = time.process_time()
    began_s = time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        await asyncio.sleep(0.5 / 1000)
        send()
    await publisher.drained()
    cpu_s = time.process_time() - cpu_s
    publisher.close()
    await task
    return {"ticks": sender.ticks, "rounds": sender.rounds, "cpu_s": cpu_s, "entries": publisher.entries}


async def read(url: str, ticks: int, quiet_s: float) -> dict[str, float]:
    """Until as many ticks came, or nothing for a while: how old each entry was when it was handed over."""
    ages = array("q")
    end = asyncio.Event()
    found = calls = 0
    heard_s = 0.0

    def entries(stream: str, batch: list[tuple[int, Round | ShardTicks]]) -> None:
        nonlocal found, heard_s
        heard_s = time.monotonic()
        now_ns = time.monotonic_ns()
        for _, told in batch:
            ages.append(now_ns - told.sent_ns)
            if type(told) is ShardTicks:
                found += len(told.ticks) // TICK.itemsize
        if found >= ticks:
            end.set()

    def lost(told: Lost) -> None:
        raise RuntimeError(f"lost: {told}")

    decoders = {KEYS.rounds: round_of}
    sources = [Source(stream, decoders.get(stream, shard_ticks_of)) for stream in STREAMS]
    reader = Reader(address_of(url), "bench", "reader", sources, entries, lost)
    task = asyncio.create_task(reader.run())
    await reader.opened()
    print("ready", flush=True)
    cpu_s = time.process_time()
    while not end.is_set():
        for stream, cursor in reader.cursors.items():  # as after a commit, or a checkpoint
            reader.ack(stream, cursor.read or 0)
        try:
            async with asyncio.timeout(0.25):
                await end.wait()
        except TimeoutError:
            if task.done():
                await task
            if heard_s and time.monotonic() - heard_s > quiet_s:
                break
    cpu_s = time.process_time() - cpu_s
    calls = reader.calls
    reader.close()
    await task
    at = np.frombuffer(ages, np.int64)[len(ages) // 20 :] / 1e6
    return {
        "entries": len(ages),
        "ticks": found,
        "calls": calls,
        "cpu_s": cpu_s,
        "p50_ms": float(np.percentile(at, 50)),
        "p99_ms": float(np.percentile(at, 99)),
    }


def main() -> None:
    role, url, *rest = sys.argv[1:]
    runs = {"flood": flood, "pace": pace, "read": read}
    numbers = [float(text) if "." in text else int(text) for text in rest]
    print(json.dumps(asyncio.run(runs[role](url, *numbers))))  # type: ignore[operator]


if __name__ == "__main__":
    main()
