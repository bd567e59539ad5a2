"""What consoles cost the engine's decisions: how long after a trade was sent it was decided on.

A venue in a process of its own sends a thousand scripted frames a second through a real WebSocket into a real
engine, which trades on them. Spells without a console and with two of them, each in a terminal of 200x50 and
watching the market of one symbol, take turns. The time is from the sending of a trade until the desk has
handled it, with all that it waits for: what the engine's loop does for its consoles is in it. The venue and
the terminals stand for other machines: they leave the engine's processor to it, as the consoles do by
themselves.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from engine import processor
from engine.config import LinkConfig
from tests.bench.machine import ROOT, child_environment, console, defaults, elsewhere, on_time
from tests.bench.registry import Figure, at_most, bench
from tests.bench.running_engine import health
from tests.bench.terminal import Terminal

_RATE = 1_000
_SPELL_S, _SETTLE_S, _TURNS = 8.0, 4.0, 3
_START_S = 40.0
_MARKET = "7"
SHIPPED, MOST = LinkConfig().frames_per_s, 10.0
"""Frames a second that a console is sent."""
Spell = tuple[int, int]
"""From and to, ns UTC."""


@bench("console_load")
def console_load(scratch: Path) -> list[Figure]:
    """From a trade's sending to the decision on it, without a console and with two that watch a symbol."""
    figures, ratio = _loaded(scratch, SHIPPED)
    more, most = _loaded(scratch, MOST)
    told = "p99 with two consoles, of that without"
    figures.append(Figure(f"{told}, {SHIPPED:g} frames/s", ratio, "times", at_most(1.2), "the default"))
    return [*figures, *more, Figure(f"{told}, {MOST:g} frames/s", most, "times")]


def _loaded(scratch: Path, frames_per_s: float) -> tuple[list[Figure], float]:
    """And how many times as long as without consoles it takes with them, at p99."""
    state, out = scratch / f"console-load-{frames_per_s:g}", scratch / f"console-load-{frames_per_s:g}.times"
    without: list[Spell] = []
    attended: list[Spell] = []
    with scripted_engine(state, out, frames_per_s):
        time.sleep(_SETTLE_S)
        for _ in range(_TURNS):
            without.append(_spell())
            with contextlib.ExitStack() as screens:
                for down in ("j", "jj"):
                    screen = screens.enter_context(
                        Terminal(console("attach", "--state-dir", str(state), *defaults(state)), 200, 50)
                    )
                    if (
                        screen.wait(lambda shown: any("S0USDT" in line for line in shown.display), 20.0)
                        is None
                    ):
                        raise RuntimeError(f"no tick on the screen: {screen.text}")
                    screen.press(down + _MARKET)
                time.sleep(_SETTLE_S)
                attended.append(_spell())
            time.sleep(_SETTLE_S / 2)
    times = np.frombuffer(out.read_bytes(), "<i8").reshape(-1, 3)
    figures = []
    found: dict[str, dict[float, float]] = {}
    for name, spells in (("no console", without), ("two consoles", attended)):
        runs = [within(times, spell) for spell in spells]
        found[name] = {share: median(float(np.quantile(run, share)) for run in runs) for share in (0.5, 0.99)}
        orders = sum(int(within(times, spell, 2).sum()) for spell in spells)
        for share, value in found[name].items():
            best = min(float(np.quantile(run, share)) for run in runs)
            note = (
                f"median of {_TURNS} x {_SPELL_S:g} s, best {best / 1e3:.0f}; {sum(map(len, runs)):,} trades"
            )
            metric = f"{name}, {frames_per_s:g} frames/s, p{share * 100:g}"
            figures.append(Figure(metric, value / 1e3, "us", note=f"{note}, {orders} with orders"))
    return figures, found["two consoles"][0.99] / found["no console"][0.99]


def _spell() -> Spell:
    began = time.time_ns()
    time.sleep(_SPELL_S)
    return began, time.time_ns()


def within(times: np.ndarray, spell: Spell, column: int = 1) -> np.ndarray:
    """Of the trades of a spell: how long after its sending each was decided on, ns."""
    return times[(times[:, 0] >= spell[0]) & (times[:, 0] < spell[1]), column]


@contextlib.contextmanager
def scripted_engine(state: Path, out: Path, frames_per_s: float, listen: str = "") -> Iterator[None]:
    """A running engine on a running server; both are gone afterwards, and its times are written.

    ``listen``: of its gateway. Only the engine runs on the processor that it has for itself; the server sends
    on time, whatever else goes on.
    """
    before = processor.allowed_here()
    run = [sys.executable, "-m"]
    options = {"cwd": ROOT, "env": child_environment()}
    server = subprocess.Popen(
        [*run, "tests.bench.script_server", str(_RATE)], stdout=subprocess.PIPE, text=True, **options
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        engine = subprocess.Popen(
            [*run, "tests.bench.timed_engine", port, str(state), str(out), str(frames_per_s), listen],
            stderr=subprocess.DEVNULL, start_new_session=True, **options,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + _START_S
            while (found := health(state)) is None or found.status.ticks < _RATE:
                if engine.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the engine takes no ticks: see {state / 'engine.log'}")
                time.sleep(0.05)
            elsewhere(server.pid)
            on_time(server.pid)
            yield
        finally:
            engine.terminate()
            try:
                engine.wait(10.0)
            except subprocess.TimeoutExpired:
                engine.kill()
                engine.wait()
    finally:
        server.kill()
        server.wait()
        if before:
            os.sched_setaffinity(0, before)
