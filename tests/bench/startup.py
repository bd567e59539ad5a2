"""How long a start takes when the kernels are compiled already: seconds from the command.

Each start gets a state directory of its own, so it is a first start in all but the compiling. With a screen:
until anything is drawn, until the first tick row with a price, until an opportunity is listed; without: until
it listens, until it runs (its history is simulated by then).
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from statistics import median

import pyte

from engine.features.engine import compile_kernels
from tests.bench.machine import console, defaults
from tests.bench.registry import Figure, Goal, at_most, bench
from tests.bench.running_engine import RunningEngine, health, stop
from tests.bench.terminal import Shows, Terminal

_SCREENS, _ENGINES = 5, 3
_TIMEOUT_S = 20.0
_TICK = re.compile(r"\b[A-Z]{3,5}-USD +[0-9][0-9,.]*[0-9] ")
_GOALS = {"first tick on the screen": at_most(2.0), "first opportunity": at_most(10.0)}


@bench("startup")
def startup(scratch: Path) -> list[Figure]:
    """Warm start: to the first paint, the first tick on the screen, listening, running; seconds."""
    compile_kernels()
    found: dict[str, list[float]] = {}
    for number in range(_SCREENS):
        _take(found, _with_screen(scratch / f"screen-{number}", opportunity=number == 0))
    for number in range(_ENGINES):
        _take(found, _without(scratch / f"engine-{number}"))
    return [_figure(metric, values, _GOALS.get(metric)) for metric, values in found.items()]


def _take(found: dict[str, list[float]], times: dict[str, float]) -> None:
    for metric, seconds in times.items():
        found.setdefault(metric, []).append(seconds)


def _figure(metric: str, values: list[float], goal: Goal | None) -> Figure:
    note = (
        f"median of {len(values)}, best {min(values):.2f}, worst {max(values):.2f}" if len(values) > 1 else ""
    )
    return Figure(metric, median(values), "s", goal, note)


def _with_screen(state: Path, *, opportunity: bool) -> dict[str, float]:
    state.mkdir()
    try:
        with Terminal(console("--state-dir", str(state), *defaults(state)), 120, 40) as screen:
            times = {
                "first paint": _seconds(screen, _anything),
                "first tick on the screen": _seconds(screen, _tick),
            }
            if opportunity:
                times["first opportunity"] = _first_opportunity(state, screen.started_ns)
        return times
    finally:
        stop(state)


def _seconds(screen: Terminal, shows: Shows) -> float:
    at = screen.wait(shows, _TIMEOUT_S)
    if at is None:
        raise RuntimeError(f"not on the screen after {_TIMEOUT_S:g} s:\n{screen.text}")
    return (at - screen.started_ns) / 1e9


def _anything(shown: pyte.Screen) -> bool:
    # The terminal's own echo and the commands' notes are no screen of ours: a frame's corner is.
    return any("╭" in line or "│" in line for line in shown.display)


def _tick(shown: pyte.Screen) -> bool:
    return any(_TICK.search(line) for line in shown.display)


def _first_opportunity(state: Path, since_ns: int) -> float:
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        found = health(state)
        if found is not None and found.status.funnel.get("opportunities"):
            return (time.perf_counter_ns() - since_ns) / 1e9
        time.sleep(0.05)
    raise RuntimeError(f"no opportunity after {_TIMEOUT_S:g} s")


def _without(state: Path) -> dict[str, float]:
    with RunningEngine(state) as engine:
        return {
            "listening, --no-ui": (engine.wait() - engine.started_ns) / 1e9,
            "running, --no-ui": (
                engine.wait(lambda found: found.status.phase == "running") - engine.started_ns
            ) / 1e9,
        }  # fmt: skip
