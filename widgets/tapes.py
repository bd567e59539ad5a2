"""Tapes as a table: name, from when to when, size, venue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.tapes import TapeSpan
from widgets import figures
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.rows import GridRow


class TapesGrid(Grid):
    COLUMNS = (
        Column("name", "tape", 16, 0, grow=FILL),
        Column("from", "from", 16, 1, exported="time"),
        Column("lasts", "lasts", 5, 2, right=True, heading="lasts_ns"),
        Column("size", "size", 6, 3, right=True, heading="bytes"),
        Column("venue", "venue", 10, 4),
    )
    EMPTY = "no tape here: type a folder or a file above, Tab completes"

    def show(self, paths: Sequence[Path], known: dict[str, TapeSpan]) -> int:
        return self.set_rows([tape_row(path, known.get(str(path))) for path in paths])


def tape_row(path: Path, span: TapeSpan | None) -> GridRow:
    """``span``: None while nothing is known yet."""
    name: Cell = (path.name, "text")
    order: tuple[object, ...] = (path.name, None, None, None, None)
    if span is None:
        return GridRow(str(path), (name, ("…", "muted"), ("", "muted"), ("", "muted"), ("", "muted")), order)
    if span.error:
        return GridRow(
            str(path), (name, ("no tape", "warn"), ("", "muted"), ("", "muted"), ("", "muted")), order
        )
    lasts = span.to_ns - span.from_ns if span.to_ns >= span.from_ns > 0 else None
    cells: tuple[Cell, ...] = (
        name,
        (figures.moment(span.from_ns), "text"),
        (figures.UNKNOWN if lasts is None else figures.age(lasts), "text"),
        (figures.compact(span.bytes), "muted"),
        (span.venue if span.venue not in ("", "tape") else span.kind, "muted"),
    )
    return GridRow(str(path), cells, (path.name, span.from_ns, lasts, span.bytes, span.venue))
