"""From a key to its effect on the screen, while a thousand ticks a second arrive: milliseconds.

A key's effect is told by an emulated terminal: the cursor's row, the active pane, its open tab, a dialog.
What counts is when the bytes arrived that show it, not when the emulator has worked through them.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyte

from tests.bench.console_cost import SIZES
from tests.bench.machine import console, defaults
from tests.bench.registry import Figure, Goal, at_most, bench
from tests.bench.running_engine import RunningEngine
from tests.bench.spells import Tries, losses
from tests.bench.synthetic_tape import PER_SYMBOL_S, SYMBOLS, tape
from tests.bench.terminal import Terminal

_TAPE_S = 420
_LINES = ((0, "", {0.5: at_most(10), 0.99: at_most(50)}), (100_000, " at 100 kB/s", {0.99: at_most(600)}))
"""Bytes per second, and what is hoped for."""
_CYCLES, _MOST_CYCLES = 8, 24
_TIMEOUT_S = 5.0
_PAUSE_S = (0.01, 0.09)
_SETTLE_S, _QUIET_S = 1.5, 0.03
_ESCAPE = "\x1b"

Look = Callable[[pyte.Screen], object]
Taken = dict[str, list[float]]
"""By kind of key: from it to its effect, ms."""


@bench("key_to_paint")
def key_to_paint(scratch: Path) -> list[Figure]:
    """Key to paint with ticks flowing, p50 and p99 in ms, at two sizes, here and over a slow line."""
    state = scratch / "key-to-paint"
    ticks = _TAPE_S * PER_SYMBOL_S * len(SYMBOLS)
    figures = list[Figure]()
    with RunningEngine(state, "--tape", str(tape(scratch, ticks))) as engine:
        engine.wait(lambda health: health.status.phase == "running")
        attach = console("attach", "--state-dir", str(state), *defaults(state))
        for bytes_per_s, told, goals in _LINES:
            for columns, rows in SIZES:
                with Terminal(attach, columns, rows, bytes_per_s=bytes_per_s) as screen:
                    figures += _figures(f"{columns}x{rows}{told}", _cycles(screen), goals)
    return figures


def _cycles(screen: Terminal) -> Tries[Taken]:
    if screen.wait(lambda shown: any("S09-USD" in line for line in shown.display), 20.0) is None:
        raise RuntimeError(f"no tick on the screen: {screen.text}")
    time.sleep(_SETTLE_S)
    pause, cycles = random.Random(1), Tries[Taken](_CYCLES, _MOST_CYCLES)
    while cycles.want_more:
        taken, lost = Taken(), losses()
        for kind, key, look in _STEPS:
            taken.setdefault(kind, []).append(_time(screen, key, look, pause))
        cycles.add(taken, lost())
    return cycles


def _figures(size: str, cycles: Tries[Taken], goals: dict[float, Goal]) -> Iterator[Figure]:
    kinds = {kind: [value for taken in cycles.counted for value in taken[kind]] for kind, _, _ in _STEPS}
    every = [value for values in kinds.values() for value in values]
    for share in (0.5, 0.99):
        by_kind = ", ".join(f"{kind}: {np.quantile(values, share):.1f}" for kind, values in kinds.items())
        note = f"{len(every)} keys, {cycles.about()} ({by_kind})"
        value = float(np.quantile(every, share))
        yield Figure(f"{size}, p{share * 100:g}", value, "ms", goals.get(share), note)


def _time(screen: Terminal, key: str, look: Look, pause: random.Random) -> float:
    """Milliseconds until ``look`` sees something else than before."""
    # Keys meet the console's frames at any phase, but not what the key before it led to.
    screen.settle(_QUIET_S, _SETTLE_S)
    time.sleep(pause.uniform(*_PAUSE_S))
    screen.look()
    before = look(screen.screen)
    pressed = screen.press(key)
    shown = screen.wait(lambda shown: look(shown) != before, _TIMEOUT_S)
    if shown is None:
        raise RuntimeError(f"{key!r} showed nothing within {_TIMEOUT_S:g} s:\n{screen.text}")
    return (shown - pressed) / 1e6


def _cursor(shown: pyte.Screen) -> object:
    """The backgrounds of the ticks' symbols: one has the cursor."""
    rows = [row for row, line in enumerate(shown.display) if re.search(r"S0\d-USD", line[:12])]
    return [_style(shown, row, shown.display[row].index("S0")) for row in rows[: len(SYMBOLS)]]


def _panes(shown: pyte.Screen) -> object:
    """The styles of the first three panes' titles, what stands before them included."""
    return [
        _style(shown, row, place + offset)
        for title in ("1 Ticks", "2 Opp", "3 Pos")
        for row, place in [_first(shown, title)]
        for offset in range(-2, 7)
    ]


def _first(shown: pyte.Screen, text: str) -> tuple[int, int]:
    """Where ``text`` stands, row and column; (0, 2) where it does not."""
    places = ((row, line.find(text)) for row, line in enumerate(shown.display))
    return next(((row, place) for row, place in places if place >= 0), (0, 2))


def _tabs(shown: pyte.Screen) -> object:
    """The marked ones."""
    return {name.lower() for line in shown.display for name in re.findall(r"▸([A-Za-z]+)", line)}


def _dialog(shown: pyte.Screen) -> object:
    """Whether the help, a ticket or the command line is open."""
    return any(re.search(r"[─━] (Keys|Order ·.*) [─━]|^ ?:\s", line) for line in shown.display)


_STEPS: tuple[tuple[str, str, Look], ...] = (
    ("cursor", "j", _cursor),
    ("cursor", "k", _cursor),
    ("pane", "2", _panes),
    ("pane", "3", _panes),
    ("pane", "5", _panes),
    ("tab", "]", _tabs),
    ("tab", "[", _tabs),
    ("pane", "1", _panes),
    ("dialog", "?", _dialog),
    ("close", _ESCAPE, _dialog),
    ("dialog", "o", _dialog),
    ("close", _ESCAPE, _dialog),
    ("line", ":", _dialog),
    ("close", _ESCAPE, _dialog),
)
"""One cycle: kind, key, and what shows that it was done."""


def _style(shown: pyte.Screen, row: int, column: int) -> tuple[object, ...]:
    cell = shown.buffer[row][column]
    return cell.data, cell.fg, cell.bg, cell.bold, cell.reverse
