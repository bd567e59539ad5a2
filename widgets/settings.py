"""Settings: what can be changed, what it is now and was by default, what it takes, what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.lines import Line
from widgets.rows import GridRow

CHANGED = "·"
"""Beside a value that is not the default."""


class Setting(NamedTuple):
    key: str
    label: str
    value: str
    default: str
    range: str = ""
    about: str = ""

    @property
    def changed(self) -> bool:
        return self.value != self.default


class SettingsGrid(Grid):
    COLUMNS = (
        Column("label", "setting", 15, 0, grow=9),
        Column("changed", "", 1, 0),
        Column("value", "value", 12, 0, grow=8),
        Column("default", "default", 8, 1, grow=4),
        Column("range", "takes", 12, 2, grow=6),
        Column("about", "", 20, 3, grow=FILL),
    )
    EMPTY = "asking the engine…"

    def show(self, settings: Sequence[Setting]) -> int:
        return self.set_rows([setting_cells(setting) for setting in settings])


def setting_cells(row: Setting) -> GridRow:
    return GridRow(
        row.key,
        (
            (row.label, "bold"),
            (CHANGED if row.changed else "", "accent"),
            (row.value, "accent" if row.changed else "text"),
            (row.default, "muted"),
            (row.range, "muted"),
            (row.about, "muted"),
        ),
    )


def setting_lines(row: Setting) -> list[Line]:
    """All of one setting, for where the columns are cut."""
    facts: list[Cell] = [(row.label, "bold"), (f" = {row.value or 'none'}", "text")]
    if row.changed:
        facts.append((f"  {CHANGED} by default {row.default or 'none'}", "accent"))
    if row.range:
        facts.append((f"  takes {row.range}", "muted"))
    return [tuple(facts), ((row.about, "muted"),)]
