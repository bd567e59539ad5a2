"""The desk as a service: requests and streams of other programs, and what they cost the engine's decisions.

A venue in a process of its own sends a thousand scripted frames a second into a real engine, which trades on
them, and starts its gateway. Spells without clients and spells with them take turns: 2,000 requests a second
of the routes of ``api_client.MIX``, and 200 clients of the stream at 10 frames a second, and each event. The
venue and the clients stand for other machines: they leave the engine's processor to it. So they share the
others with its gateway, the clients as a session of the lowest priority: on two processors there is in a
request's time that its client was made to wait. A request's time is from when it was due, a decision's from
the sending of a trade until the desk has handled it.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from engine.gateway.tokens import Tokens
from tests.bench.api_client import STREAMS, Told
from tests.bench.console_load import MOST, Spell, scripted_engine, within
from tests.bench.machine import ROOT, child_environment
from tests.bench.registry import Figure, at_least, at_most, bench

_RATE = 2_000
_SPELL_S, _TURNS = 8.0, 3
_START_S = 20.0


@bench("api")
def api(scratch: Path) -> list[Figure]:
    """2,000 requests a second and 200 streams through a gateway, and the engine's decisions meanwhile."""
    state, out = scratch / "api", scratch / "api.times"
    token = Tokens(state).add("bench", "read", time.time_ns())
    idle: list[Spell] = []
    loaded: list[Told] = []
    port = _free_port()
    with scripted_engine(state, out, MOST, f"127.0.0.1:{port}"):
        _await(port)
        for _ in range(_TURNS):
            began = time.time_ns()
            time.sleep(_SPELL_S)
            idle.append((began, time.time_ns()))
            loaded.append(_clients(port, token))
            time.sleep(1.0)
    times = np.frombuffer(out.read_bytes(), "<i8").reshape(-1, 3)
    before = _p99_us(times, idle)
    during = _p99_us(times, [(each.from_ns, each.to_ns) for each in loaded])
    note = f"median of {_TURNS} x {_SPELL_S:g} s; {sum(each.requests for each in loaded):,} requests"
    p99 = [each.p99_ms for each in loaded]
    return [
        Figure("requests answered", median(each.requests for each in loaded) / _SPELL_S, "requests/s",
               at_least(_RATE * 0.99), note),
        Figure("requests not answered with 200", sum(each.failed for each in loaded), "requests", at_most(0)),
        Figure("request, p50", median(each.p50_ms for each in loaded), "ms"),
        Figure("request, p99", median(p99), "ms", at_most(20), f"best {min(p99):.1f}, worst {max(p99):.1f}"),
        Figure(f"{STREAMS} streams, frames of the slowest", median(each.frames_per_s for each in loaded),
               "frames/s", at_least(9.5)),
        Figure("streams, all together", median(each.kbytes_per_s for each in loaded) / 1e3, "MB/s"),
        Figure("decision without clients, p99", before, "us"),
        Figure("decision with them, p99", during, "us"),
        Figure("decision p99 with clients, of that without", during / before, "times", at_most(1.2)),
    ]  # fmt: skip


def _p99_us(times: np.ndarray, spells: list[Spell]) -> float:
    return median(float(np.quantile(within(times, spell), 0.99)) for spell in spells) / 1e3


def _clients(port: int, token: str) -> Told:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.api_client", str(port), token, str(_RATE), str(_SPELL_S)],
        cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Told)


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
