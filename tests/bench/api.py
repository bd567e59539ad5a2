"""The desk as a service: requests and streams of other programs, and what they cost the engine's decisions.

A venue in a process of its own sends a thousand scripted frames a second into a real engine, which trades on
them, and starts its gateway. Spells without clients and spells with them take turns: 2,000 requests a second
of the routes of ``api_client.MIX``, and 200 clients of the stream at 10 frames a second, and each event. The
venue and the clients stand for other machines: they leave the engine's processor to it. So they share the
others with its gateway, the streams' clients as a session of the lowest priority: they read late, where the
one that asks would measure how long they kept it. A request's time is from when it was due, a decision's from
the sending of a trade until the desk has handled it.

What two processors have in common (a core's units, caches, memory) is in a decision's time too: so a third
spell of each turn has the others do nothing but count, which no desk could help.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import NamedTuple

import msgspec
import numpy as np

from engine.gateway.tokens import Tokens
from tests.bench import api_client, stream_clients
from tests.bench.console_load import MOST, scripted_engine
from tests.bench.machine import ROOT, child_environment
from tests.bench.registry import Figure, at_least, at_most, bench
from tests.bench.spells import Spell, Turns, losses, told
from tests.bench.stream_clients import STREAMS

_RATE = 2_000
_SPELL_S, _TURNS, _MOST_TURNS = 6.0, 5, 10
_START_S = 20.0


@bench("api")
def api(scratch: Path) -> list[Figure]:
    """2,000 requests a second and 200 streams through a gateway, and the engine's decisions meanwhile."""
    state, out = scratch / "api", scratch / "api.times"
    token = Tokens(state).add("bench", "read", time.time_ns())
    turns, counting = Turns(_TURNS, _MOST_TURNS), Turns(_TURNS, _MOST_TURNS)
    heard: dict[Spell, _Heard] = {}
    port = _free_port()
    with scripted_engine(state, out, MOST, f"127.0.0.1:{port}"):
        _await(port)
        while turns.want_more:
            without = _spell()
            with _counting():
                counting.turn(without, _spell())
            lost = losses()
            clients = _clients(port, token)
            under = Spell(clients.from_ns, clients.asked.to_ns, lost())
            turns.turn(without, under)
            heard[under] = clients
            time.sleep(1.0)
    times = np.frombuffer(out.read_bytes(), "<i8").reshape(-1, 3)
    before, during, ratios = (of(times, 0.99) for of in (turns.without_us, turns.under_us, turns.ratios))
    machine = counting.ratios(times, 0.99)
    counted = [heard[turn.under] for turn in turns.counted]
    asked, streamed = [each.asked for each in counted], [each.streamed for each in counted]
    failed = sum(each.asked.failed for each in heard.values())
    note = f"median of {turns.about()}; {sum(each.requests for each in asked):,} requests"
    p99 = [each.p99_ms for each in asked]
    return [
        Figure("requests answered", median(each.requests for each in asked) / _SPELL_S, "requests/s",
               at_least(_RATE * 0.99), note),
        Figure("requests not answered with 200", failed, "requests", at_most(0)),
        Figure("request, p50", median(each.p50_ms for each in asked), "ms"),
        Figure("request, p99", median(p99), "ms", at_most(20), told(p99, 1)),
        Figure(f"{STREAMS} streams, frames of the slowest", median(each.frames_per_s for each in streamed),
               "frames/s", at_least(9.5)),
        Figure("streams, all together", median(each.kbytes_per_s for each in streamed) / 1e3, "MB/s"),
        Figure("decision without clients, p99", median(before), "us", note=told(before)),
        Figure("decision with them, p99", median(during), "us", note=told(during)),
        Figure("decision p99 with clients, of that without", median(ratios), "times", at_most(1.2),
               f"median of the turns: {told(ratios, 2)}"),
        Figure("decision p99 beside counting, of that without", median(machine), "times",
               note=f"median of {counting.about()}: {told(machine, 2)}"),
    ]  # fmt: skip


def _spell() -> Spell:
    began, lost = time.time_ns(), losses()
    time.sleep(_SPELL_S)
    return Spell(began, time.time_ns(), lost())


@contextlib.contextmanager
def _counting() -> Iterator[None]:
    """Each processor that is left to others is kept busy."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


class _Heard(NamedTuple):
    from_ns: int
    """UTC."""
    asked: api_client.Told
    streamed: stream_clients.Told


def _clients(port: int, token: str) -> _Heard:
    with _started(stream_clients, port, token) as streams:
        _line(streams)
        with _started(api_client, port, token, _RATE, _SPELL_S) as asking:
            from_ns = int(_line(asking))
            _go_on(streams)
            asked = msgspec.json.decode(_line(asking), type=api_client.Told)
        _go_on(streams)
        return _Heard(from_ns, asked, msgspec.json.decode(_line(streams), type=stream_clients.Told))


@contextlib.contextmanager
def _started(program: ModuleType, *words: object) -> Iterator[subprocess.Popen[str]]:
    line = [sys.executable, "-m", program.__name__, *map(str, words)]
    with subprocess.Popen(
        line, cwd=ROOT, env=child_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    if not (line := process.stdout.readline()):
        raise RuntimeError(f"{process.args[2]} ended with {process.wait()}")
    return line


def _go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _await(port: int) -> None:
    """The engine starts its gateway by itself."""
    deadline = time.monotonic() + _START_S
    while not _listens(port):
        if time.monotonic() > deadline:
            raise RuntimeError("the gateway does not listen")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False
