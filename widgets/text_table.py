"""A table as lines of text, for where one is read and not walked through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from widgets.cells import Cell, fit
from widgets.columns import Column, Widths
from widgets.figures import rounded, shortened
from widgets.lines import Line
from widgets.rows import GridRow


def table_lines(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], width: int) -> list[Line]:
    """A heading and one line per row in ``width`` cells; columns drop by priority where it is narrow."""
    listed = [tuple(row) for row in rows]
    widths = Widths(columns)
    widths.take_in(GridRow("", row) for row in listed)
    plan = widths.plan(width)
    lines: list[Line] = [_line([(c.title, "heading") for c in columns], columns, plan)]
    return lines + [_line(row, columns, plan) for row in listed]


def _line(row: Sequence[Cell], columns: Sequence[Column], plan: Sequence[tuple[int, int]]) -> Line:
    cells: list[Cell] = []
    for index, width in plan:
        if cells:
            cells.append((" ", "text"))
        (text, style), column = row[index], columns[index]
        if column.shorten or column.rounds:
            text = shortened(text, width) if column.shorten else rounded(text, width)
        cells.append((fit(text, width, column.right), style))
    return tuple(cells)
