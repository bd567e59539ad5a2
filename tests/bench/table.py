"""The table alone: 50 rows of 10 columns, 200 changed cells per refresh, ten refreshes a second.

Textual's own ``DataTable`` is given the same changes beside it, which tells how fast the machine is.
``python -m tests.bench.table OUT [data-table]`` is the program in the terminal; when all refreshes are done,
it writes to ``OUT``, as JSON, the seconds of CPU and of the loop that they took.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text
from textual.app import App, ComposeResult
from textual.widgets import DataTable

from console.driver import DeskDriver
from console.patient import PatientApp
from console.screens.calm import CalmScreen
from tests.bench.registry import Figure, at_least, at_most, bench
from tests.bench.terminal import Terminal
from themes import THEMES, VARIABLE_DEFAULTS
from widgets.cells import Cell
from widgets.columns import Column
from widgets.grid import Grid
from widgets.rows import GridRow

_ROWS, _COLUMNS, _CHANGES = 50, 10, 200
_SIZE = 110, 52
_EVERY_S, _WARM_UP, _REFRESHES = 0.1, 20, 100
_BESIDE, _PEER = 25, "data-table"
"""Refreshes of the peer, which takes about ten times as long."""
_WITHIN_S = 60.0
_GOAL_MS, _DATA_TABLE_MS = 7.0, 71.0
"""Of one machine, both: so the ratio of the two is a goal for any."""


@bench("table")
def table(scratch: Path) -> list[Figure]:
    """50 x 10 cells, 200 changes per refresh at 10 Hz: CPU and bytes of a refresh."""
    before, _ = _shown(scratch / "before.json", _PEER)
    told, size = _shown(scratch / "table.json")
    after, peer_size = _shown(scratch / "after.json", _PEER)
    note = f"{_REFRESHES} refreshes at {1 / _EVERY_S:g} Hz, {_CHANGES} changes each, truecolor; "
    note += f"beside it {told['making_s'] / _REFRESHES * 1e3:.2f} ms to make up the changes"
    ours = told["cpu_s"] / _REFRESHES * 1e3
    peers = [one["cpu_s"] / _BESIDE * 1e3 for one in (before, after)]
    peer = sum(peers) / len(peers)
    there = f"{peers[0]:.1f} before, {peers[1]:.1f} after; {_DATA_TABLE_MS:g} where the goal was set"
    least = at_least(_DATA_TABLE_MS / _GOAL_MS)
    return [
        Figure("CPU per refresh", ours, "ms", at_most(_GOAL_MS), note),
        Figure("of it in the painting call, p50", float(np.median(told["paint_s"])) * 1e3, "ms"),
        Figure("to the terminal per refresh", size, "bytes", at_most(20_000)),
        Figure("DataTable.update_cell, CPU per refresh", peer, "ms", None, there),
        Figure("DataTable.update_cell, to the terminal per refresh", peer_size, "bytes"),
        Figure(
            "DataTable.update_cell / ours, CPU", peer / ours, "times", least, "side by side, on any machine"
        ),
    ]


def _shown(out: Path, *program: str) -> tuple[dict[str, Any], float]:
    """What the program told at its end, and its bytes to the terminal per refresh."""
    with Terminal([sys.executable, "-m", "tests.bench.table", str(out), *program], *_SIZE) as screen:
        deadline = time.monotonic() + _WITHIN_S
        while screen.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if not out.exists():
            raise RuntimeError(f"the table did not end: {screen.text}")
        told = json.loads(out.read_text(encoding="utf-8"))
        chunks = [(at, len(data)) for at, data in screen._chunks]
    size = sum(count for at, count in chunks if told["began_ns"] <= at < told["ended_ns"])
    return told, size / told["refreshes"]


Change = tuple[int, int, str, bool]


class Rows(Grid):
    COLUMNS = tuple(
        Column(f"c{number}", f"column {number}"[-9:], 9, number, right=number > 0)
        for number in range(_COLUMNS)
    )


class Script:
    """What changes at each refresh, when it is measured and what it took: the same for both tables.

    ``paint`` is given what changed: row, column, text and whether it rose."""

    def __init__(
        self, app: App[None], out: Path, refreshes: int, paint: Callable[[list[Change]], None]
    ) -> None:
        self._app, self._out, self._refreshes, self._paint = app, out, refreshes, paint
        self._random = random.Random(1)
        self._done = 0
        self._began_ns, self._cpu_s = 0, 0.0
        self._paints: list[float] = []
        self._making_s = 0.0
        """CPU of making up what changes, which a console is told."""

    def step(self) -> None:
        if self._done == _WARM_UP:
            self._began_ns, self._cpu_s = time.perf_counter_ns(), time.process_time()
            self._paints.clear()
            self._making_s = 0.0
        if self._done == _WARM_UP + self._refreshes:
            self._end()
            return
        self._done += 1
        making_s = time.process_time()
        changes = [self._change() for _ in range(_CHANGES)]
        self._making_s += time.process_time() - making_s
        began = time.perf_counter()
        self._paint(changes)
        self._paints.append(time.perf_counter() - began)

    def _change(self) -> Change:
        row, column = self._random.randrange(_ROWS), self._random.randrange(1, _COLUMNS)
        value = self._random.gauss(0.0, 1_000.0)
        return row, column, f"{value:9.2f}", value > 0

    def _end(self) -> None:
        told = {
            "began_ns": self._began_ns,
            "ended_ns": time.perf_counter_ns(),
            "cpu_s": time.process_time() - self._cpu_s - self._making_s,
            "making_s": self._making_s,
            "paint_s": self._paints,
            "refreshes": self._refreshes,
        }
        self._out.write_text(json.dumps(told), encoding="utf-8")
        self._app.exit()


class TableApp(PatientApp):
    def __init__(self, out: Path) -> None:
        super().__init__(driver_class=DeskDriver)
        self._cells: list[list[Cell]] = [
            [(f"R{row:02}", "bold"), *((f"{0.0:9.2f}", "muted") for _ in range(_COLUMNS - 1))]
            for row in range(_ROWS)
        ]
        self._keys = [f"R{row:02}" for row in range(_ROWS)]
        self._made = [GridRow(key, tuple(cells)) for key, cells in zip(self._keys, self._cells, strict=True)]
        self._script = Script(self, out, _REFRESHES, self._paint)
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
        self.set_interval(_EVERY_S, self._script.step)

    def _paint(self, changes: list[Change]) -> None:
        touched = set()
        for row, column, text, up in changes:
            self._cells[row][column] = text, "up" if up else "down"
            touched.add(row)
        for row in touched:
            self._made[row] = GridRow(self._keys[row], tuple(self._cells[row]))
        self.table.set_rows(list(self._made))


class DataTableApp(App[None]):
    """As Textual's documentation has it: a cell updated at a time, all else as it comes."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self._script = Script(self, out, _BESIDE, self._paint)
        self.table: DataTable[str | Text] = DataTable()

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        for number in range(_COLUMNS):
            self.table.add_column(f"column {number}"[-9:], width=9, key=f"c{number}")
        for row in range(_ROWS):
            self.table.add_row(f"R{row:02}", *[f"{0.0:9.2f}"] * (_COLUMNS - 1), key=f"R{row:02}")
        self.call_after_refresh(gc.freeze)
        self.set_interval(_EVERY_S, self._script.step)

    def _paint(self, changes: list[Change]) -> None:
        for row, column, text, up in changes:
            style = "green" if up else "red"
            self.table.update_cell(f"R{row:02}", f"c{column}", Text(text, style=style))


if __name__ == "__main__":
    program = DataTableApp if sys.argv[2:] == [_PEER] else TableApp
    program(Path(sys.argv[1])).run()
