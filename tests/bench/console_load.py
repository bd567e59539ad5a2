"""What consoles cost the engine's decisions: how long after a trade was sent it was decided on.

A venue in a process of its own sends a thousand scripted frames a second through a real WebSocket into a real
engine, which trades on them. Spells without a console and with two of them, each in a terminal of 200x50 and
watching the market of one symbol, take turns; those that others on the machine spoilt are left out. The time
is from the sending of a trade until the desk has handled it, with all that it waits for: what the engine's
loop does for its consoles is in it. The venue and the terminals stand for other machines: they leave the
engine's processor to it, as the consoles do by themselves.
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
from tests.bench.spells import Spell, Turns, losses, told
from tests.bench.terminal import Terminal

_RATE = 1_000
_SPELL_S, _SETTLE_S = 6.0, 3.0
"""The script's rises come again every three seconds: each spell has as many."""
_TURNS, _MOST_TURNS = 5, 8
_START_S = 40.0
_MARKET = "7"
SHIPPED, MOST = LinkConfig().frames_per_s, 10.0
"""Frames a second that a console is sent."""


@bench("console_load")
def console_load(scratch: Path) -> list[Figure]:
    """From a trade's sending to the decision on it, without a console and with two that watch a symbol."""
    return [*_loaded(scratch, SHIPPED), *_loaded(scratch, MOST)]


def _loaded(scratch: Path, frames_per_s: float) -> list[Figure]:
    state, out = scratch / f"console-load-{frames_per_s:g}", scratch / f"console-load-{frames_per_s:g}.times"
    turns = Turns(_TURNS, _MOST_TURNS)
    with scripted_engine(state, out, frames_per_s):
        time.sleep(_SETTLE_S)
        while turns.want_more:
            without = _spell()
            with contextlib.ExitStack() as screens:
                for down in ("j", "jj"):
                    _watch(screens, state, down)
                time.sleep(_SETTLE_S)
                turns.turn(without, _spell())
            time.sleep(_SETTLE_S / 2)
    times = np.frombuffer(out.read_bytes(), "<i8").reshape(-1, 3)
    figures = []
    for share in (0.5, 0.99):
        sides = {
            "no console": turns.without_us(times, share),
            "two consoles": turns.under_us(times, share),
        }
        for name, found in sides.items():
            metric = f"{name}, {frames_per_s:g} frames/s, p{share * 100:g}"
            note = f"median of {turns.about()}: {told(found)}"
            figures.append(Figure(metric, median(found), "us", note=note))
    ratios = turns.ratios(times, 0.99)
    orders = sum(int(spell.within(times, 2).sum()) for turn in turns.counted for spell in turn)
    goal = at_most(1.2) if frames_per_s == SHIPPED else None
    metric = f"p99 with two consoles, of that without, {frames_per_s:g} frames/s"
    note = f"median of the turns: {told(ratios, 2)}; {orders} with orders"
    return [*figures, Figure(metric, median(ratios), "times", goal, note)]


def _watch(screens: contextlib.ExitStack, state: Path, down: str) -> None:
    """Open a console that watches the market of a symbol."""
    line = console("attach", "--state-dir", str(state), *defaults(state))
    screen = screens.enter_context(Terminal(line, 200, 50))
    if screen.wait(lambda shown: any("S0USDT" in row for row in shown.display), 20.0) is None:
        raise RuntimeError(f"no tick on the screen: {screen.text}")
    screen.press(down + _MARKET)


def _spell() -> Spell:
    began, lost = time.time_ns(), losses()
    time.sleep(_SPELL_S)
    return Spell(began, time.time_ns(), lost())


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
