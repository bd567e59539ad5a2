"""Automations: what starts them, what they do, and how that went."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from engine.api.protocol import AutomationRow, SignalStatistics
from widgets import figures
from widgets.cells import Cell, padded
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.lines import Line, section
from widgets.rows import GridRow


class AutomationsGrid(Grid):
    COLUMNS = (
        Column("active", "on", 3, 0),
        Column("name", "automation", 12, 0, grow=8),
        Column("note", "trigger", 19, 1, grow=FILL),
        Column("steps", "steps", 14, 6, grow=26),
        Column("matched", "match", 5, 5, right=True, grow=1),
        Column("started", "start", 5, 4, right=True, grow=1),
        Column("succeeded", "ok", 5, 2, right=True, grow=1),
        Column("failed", "fail", 4, 2, right=True, grow=2),
        Column("place", "where", 7, 7, grow=12),
        Column("last", "last", 4, 3, right=True, exported="time"),
    )
    EMPTY = "no automations: `tickdesk automations` puts one"

    def show(self, rows: Iterable[AutomationRow], now_ns: int) -> int:
        return self.set_rows(
            [automation_cells(row, now_ns) for row in sorted(rows, key=lambda row: row.name)]
        )


def automation_cells(row: AutomationRow, now_ns: int) -> GridRow:
    """A failure takes the trigger's place: it is what must be seen. So does a job that is away, or waits."""
    ink = "text" if row.active else "muted"
    note = (row.trigger, ink)
    if row.error:
        note = (f"! {row.error}", "bad")
    elif row.running and row.place not in ("", "in process"):
        away = "waits for a worker" if row.place == "waiting" else f"on {row.place}"
        note = (f"▶ {away}", "accent")
    last = f"▶{row.running}" if row.running else _age(row, now_ns)
    return GridRow(
        row.name,
        (
            ("[x]", "good") if row.active else ("[ ]", "muted"),
            (row.name, "bold" if row.active else "muted"),
            note,
            (row.steps, "muted"),
            (figures.compact(row.matched), ink),
            (figures.compact(row.started), ink),
            (figures.compact(row.succeeded), ink),
            (figures.compact(row.failed), "warn" if row.failed else ink),
            (row.place or figures.UNKNOWN, "accent" if row.running else "muted"),
            (last, "accent" if row.running else "muted"),
        ),
        (
            row.active,
            row.name,
            note[0],
            row.steps,
            row.matched,
            row.started,
            row.succeeded,
            row.failed,
            row.place,
            row.last_ns,
        ),
    )


def _age(row: AutomationRow, now_ns: int) -> str:
    return figures.age(now_ns - row.last_ns) if row.last_ns else figures.UNKNOWN


def automation_lines(
    row: AutomationRow | None, definition: Any, statistics: Sequence[SignalStatistics], now_ns: int
) -> list[Line]:
    """What became of it, its definition, and what the dispatcher saw by type of signal."""
    lines: list[Line] = []
    if row is not None:
        lines += _outcome(row, now_ns)
    lines += section("Definition")
    text = json.dumps(definition, indent=2, ensure_ascii=False)
    lines += [((line, "text"),) for line in text.splitlines()]
    if statistics:
        lines += section("Signals", "all automations, since the engine started")
        lines += [_statistics(each) for each in statistics]
    return lines


def _outcome(row: AutomationRow, now_ns: int) -> list[Line]:
    state: Cell = ("● active", "good") if row.active else ("○ switched off", "muted")
    counts = (
        ("matched", row.matched),
        ("started", row.started),
        ("succeeded", row.succeeded),
        ("failed", row.failed),
        ("running", row.running),
    )
    cells: list[Cell] = [state]
    for label, count in counts:
        cells += [(f"  {label} ", "muted"), (f"{count:,}", "bold" if count else "stale")]
    cells.append((f"  last start {_age(row, now_ns)}", "muted"))
    if row.place:
        cells.append((f"  {row.place}", "accent" if row.running else "muted"))
    lines: list[Line] = [tuple(cells), (("when  ", "muted"), (row.trigger, "text"))]
    lines.append((("then  ", "muted"), (row.steps, "text")))
    if row.error:
        lines.append((("! last run: ", "bad"), (row.error, "warn")))
    return lines


def _statistics(row: SignalStatistics) -> Line:
    cells: list[Cell] = [(padded(row.signal, 16), "bold")]
    for label, count in (
        ("seen", row.seen),
        ("matched", row.matched),
        ("started", row.started),
        ("ok", row.succeeded),
        ("failed", row.failed),
        ("running already", row.skipped),
    ):
        cells += [
            (f" {label} ", "muted"),
            (figures.compact(count), "warn" if label == "failed" and count else "text"),
        ]
    if row.latency_p50_us is not None:
        p50, p99 = figures.micros(row.latency_p50_us), figures.micros(row.latency_p99_us)
        cells.append((f"  signal → job {p50}, p99 {p99}", "muted"))
    return tuple(cells)
