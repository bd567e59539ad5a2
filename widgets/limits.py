"""Risk limits: what each one is, how much of it is used, and within what it can be changed."""

from __future__ import annotations

from collections.abc import Sequence

from engine.api.trading_protocol import LimitRow
from widgets import figures
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.lines import Line
from widgets.rows import GridRow
from widgets.settings import CHANGED

_BAR = 8


class LimitsGrid(Grid):
    COLUMNS = (
        Column("name", "limit", 22, 0, grow=6),
        Column("changed", "", 1, 0),
        Column("value", "value", 9, 0, right=True),
        Column("used", "used", 8, 1, right=True),
        Column("bar", "", _BAR, 4),
        Column("unit", "unit", 11, 2),
        Column("default", "default", 8, 5, right=True),
        Column("hard", "takes", 18, 3, grow=8),
        Column("about", "", 20, 6, grow=FILL),
    )
    EMPTY = "asking the engine…"

    def show(self, rows: Sequence[LimitRow]) -> int:
        return self.set_rows([limit_cells(row) for row in rows])


def changed(row: LimitRow) -> bool:
    """Whether somebody changed it live."""
    return row.value != row.default


def use(row: LimitRow) -> float | None:
    """The used part of the limit, 1 is all; None when that is not known."""
    used, value = figures.decimal(row.used), figures.decimal(row.value)
    return float(used / value) if used is not None and value else None


def limit_cells(row: LimitRow) -> GridRow:
    part = use(row)
    # A full limit is told by its number and by the mark, not by the colour alone.
    mark = "!" if part is not None and part >= 1 else ""
    style = "text" if part is None or part < 0.6 else "bad" if part >= 1 else "warn"
    return GridRow(
        row.name,
        (
            (row.name, "bold"),
            (CHANGED if changed(row) else "", "accent"),
            (row.value or "inherits", ("accent" if changed(row) else "text") if row.value else "stale"),
            (f"{mark}{row.used}" if row.used else "", style),
            (figures.bar(part, _BAR) if part is not None else "", style),
            (row.unit, "muted"),
            (row.default or figures.UNKNOWN, "muted"),
            (row.hard, "muted"),
            (row.about, "muted"),
        ),
    )


def limit_lines(row: LimitRow) -> list[Line]:
    """All of one limit, for where the columns are cut."""
    facts = f" = {row.value} {row.unit}" if row.value else ": none of its own, what is above it holds"
    default = f"  {CHANGED} by default {row.default or 'none'}" if changed(row) else ""
    used = f"  used {row.used}" if row.used else ""
    return [
        ((row.name, "bold"), (facts, "text"), (used, "text"), (default, "accent")),
        ((row.about, "muted"), (f"  takes {row.hard}" if row.hard else "", "muted")),
    ]
