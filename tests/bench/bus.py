"""The transport alone: rounds written by one process, read in another, through a Redis that writes to disk.

What the stages do with the ticks is not in it. ``TICKDESK_BENCH_BUS_S`` is how long ticks are paced.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.machine import ROOT, child_environment
from tests.bench.registry import Figure, Skipped, at_least, at_most, bench

PACED = 10_000
"""Ticks a second."""
ROUNDS = 2_000
REPEATS = 3
WITHIN_S = 60.0


@bench("bus")
def bus(scratch: Path) -> list[Figure]:
    """Ticks through Redis Streams between two processes: how many, how late, at what cost."""
    figures = []
    for ticks, goal in ((500, at_least(100_000)), (50, at_least(100_000)), (8, None)):
        sent, had = _best(
            [_pair(scratch, ("flood", ROUNDS, ticks), (ROUNDS * ticks, 2.0)) for _ in range(REPEATS)]
        )
        took_s, entries = sent["took_s"], had["entries"]
        note = (
            f"{entries / took_s:,.0f} entries/s; µs of CPU an entry: writer "
            f"{sent['cpu_s'] / entries * 1e6:.0f}, Redis {sent['redis_s'] / entries * 1e6:.0f}, reader "
            f"{had['cpu_s'] / entries * 1e6:.0f}"
        )
        figures += [
            Figure(f"rounds of {ticks} ticks", had["ticks"] / took_s, "ticks/s", goal, note),
            Figure(f"rounds of {ticks} ticks: not read", sent["ticks"] - had["ticks"], "ticks", at_most(0)),
        ]
    seconds = float(os.environ.get("TICKDESK_BENCH_BUS_S", "4"))
    runs = [_pair(scratch, ("pace", seconds, float(PACED)), (1 << 40, 1.0)) for _ in range(REPEATS)]
    sent, had = min(runs, key=lambda run: run[1]["p99_ms"])
    cores = (sent["cpu_s"] + sent["redis_s"] + had["cpu_s"]) / seconds
    note = f"{sent['rounds'] / seconds:,.0f} rounds/s, {cores:.2f} cores in all three processes"
    figures += [
        Figure(f"hop at {PACED:,} ticks/s, p50", had["p50_ms"], "ms", at_most(0.3), note),
        Figure(f"hop at {PACED:,} ticks/s, p99", had["p99_ms"], "ms", at_most(3.0)),
        Figure(f"at {PACED:,} ticks/s: not read", sent["ticks"] - had["ticks"], "ticks", at_most(0)),
    ]
    return figures


Told = dict[str, float]


def _best(runs: list[tuple[Told, Told]]) -> tuple[Told, Told]:
    return min(runs, key=lambda run: run[0]["took_s"])


def _pair(scratch: Path, send: tuple[Any, ...], read: tuple[Any, ...]) -> tuple[Told, Told]:
    """What the sender told, with the CPU seconds of the server, and what the reader told."""
    with _server(scratch) as (url, pid):
        reader = _peer("read", url, *read)
        try:
            assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
            before_s = _cpu_s(pid)
            sender = _peer(send[0], url, *send[1:])
            sent = json.loads(sender.communicate(timeout=WITHIN_S)[0])
            had = json.loads(reader.communicate(timeout=WITHIN_S)[0])
            sent["redis_s"] = _cpu_s(pid) - before_s
        finally:
            reader.kill()
            reader.wait()
    return sent, had


def _peer(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bus_peer", *map(str, arguments)],
        cwd=ROOT,
        env=child_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def _server(scratch: Path) -> Iterator[tuple[str, int]]:
    """(URL, process id) of one that writes to disk every second."""
    command = shutil.which("redis-server")
    if command is None:
        raise Skipped("redis-server is not installed")
    folder = scratch / "redis"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    socket = folder / "s"
    process = subprocess.Popen(
        [
            *(command, "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "everysec"),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + WITHIN_S
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("redis-server does not start")
            time.sleep(0.01)
        yield f"unix://{socket}", process.pid
    finally:
        process.kill()
        process.wait()


def _cpu_s(pid: int) -> float:
    """Of a process, so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
