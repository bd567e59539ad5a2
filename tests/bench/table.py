"""The table alone: 50 rows of 10 columns, 200 changed cells per refresh, ten refreshes a second.

``python -m tests.bench.table OUT`` is the program in the terminal; it writes to ``OUT``, as JSON, the seconds
of CPU and of the loop that each refresh took, when it has done them all.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from pathlib import Path

import numpy as np
from textual.app import ComposeResult

from console.driver import DeskDriver, PatientApp
from console.screens.calm import CalmScreen
from tests.bench.registry import Figure, at_most, bench
from tests.bench.terminal import Terminal
from themes import THEMES, VARIABLE_DEFAULTS
from widgets.cells import Cell
from widgets.columns import Column
from widgets.grid import Grid
from widgets.rows import GridRow

_ROWS, _COLUMNS, _CHANGES = 50, 10, 200
_SIZE = 110, 52
_EVERY_S, _WARM_UP, _REFRESHES = 0.1, 20, 100
_WITHIN_S = 60.0


@bench("table")
def table(scratch: Path) -> list[Figure]:
    """50 x 10 cells, 200 changes per refresh at 10 Hz: CPU and bytes of a refresh."""
    out = scratch / "table.json"
    with Terminal([sys.executable, "-m", "tests.bench.table", str(out)], *_SIZE) as screen:
        deadline = time.monotonic() + _WITHIN_S
        while screen.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if not out.exists():
            raise RuntimeError(f"the table did not end: {screen.text}")
        told = json.loads(out.read_text(encoding="utf-8"))
        chunks = [(at, len(data)) for at, data in screen._chunks]
    began, ended = told["began_ns"], told["ended_ns"]
    size = sum(count for at, count in chunks if began <= at < ended) / _REFRESHES
    note = f"{_REFRESHES} refreshes at {1 / _EVERY_S:g} Hz, {_CHANGES} changes each, truecolor; "
    note += f"beside it {told['making_s'] / _REFRESHES * 1e3:.2f} ms to make up the changes"
    return [
        Figure("CPU per refresh", told["cpu_s"] / _REFRESHES * 1e3, "ms", at_most(7.0), note),
        Figure("of it in the painting call, p50", float(np.median(told["paint_s"])) * 1e3, "ms"),
        Figure("to the terminal per refresh", size, "bytes", at_most(20_000)),
    ]


class Rows(Grid):
    COLUMNS = tuple(
        Column(f"c{number}", f"column {number}"[-9:], 9, number, right=number > 0)
        for number in range(_COLUMNS)
    )


class TableApp(PatientApp):
    def __init__(self, out: Path) -> None:
        super().__init__(driver_class=DeskDriver)
        self._out = out
        self._random = random.Random(1)
        self._cells: list[list[Cell]] = [
            [(f"R{row:02}", "bold"), *((f"{0.0:9.2f}", "muted") for _ in range(_COLUMNS - 1))]
            for row in range(_ROWS)
        ]
        self._keys = [f"R{row:02}" for row in range(_ROWS)]
        self._made = [GridRow(key, tuple(cells)) for key, cells in zip(self._keys, self._cells, strict=True)]
        self._done = 0
        self._began_ns, self._cpu_s = 0, 0.0
        self._paints: list[float] = []
        self._making_s = 0.0
        """CPU of making up what changes, which a console is told."""
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = "tickdesk-dark"
        self.table = Rows()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def get_default_screen(self) -> CalmScreen[None]:
        """As every screen of the console is drawn."""
        return CalmScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.animation_level = "none"
        self.table.set_rows(self._made)
        self.call_after_refresh(gc.freeze)
        self.set_interval(_EVERY_S, self._paint)

    def _paint(self) -> None:
        if self._done == _WARM_UP:
            self._began_ns, self._cpu_s = time.perf_counter_ns(), time.process_time()
            self._paints.clear()
            self._making_s = 0.0
        if self._done == _WARM_UP + _REFRESHES:
            self._end()
            return
        self._done += 1
        making_s = time.process_time()
        touched = set()
        for _ in range(_CHANGES):
            row, column = self._random.randrange(_ROWS), self._random.randrange(1, _COLUMNS)
            value = self._random.gauss(0.0, 1_000.0)
            self._cells[row][column] = f"{value:9.2f}", "up" if value > 0 else "down"
            touched.add(row)
        self._making_s += time.process_time() - making_s
        began = time.perf_counter()
        for row in touched:
            self._made[row] = GridRow(self._keys[row], tuple(self._cells[row]))
        self.table.set_rows(list(self._made))
        self._paints.append(time.perf_counter() - began)

    def _end(self) -> None:
        told = {
            "began_ns": self._began_ns,
            "ended_ns": time.perf_counter_ns(),
            "cpu_s": time.process_time() - self._cpu_s - self._making_s,
            "making_s": self._making_s,
            "paint_s": self._paints,
        }
        self._out.write_text(json.dumps(told), encoding="utf-8")
        self.exit()


if __name__ == "__main__":
    TableApp(Path(sys.argv[1])).run()
