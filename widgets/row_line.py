"""A row of a table as the cells of one line, at the widths that were chosen for its columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from widgets.cells import Cell, fit
from widgets.columns import Column
from widgets.figures import rounded, shortened
from widgets.highlight import marked
from widgets.rows import GridRow

Plan = Sequence[tuple[int, int]]
"""(index, width) of the columns that are shown."""


def row_cells(
    row: GridRow,
    columns: Sequence[Column],
    plan: Plan,
    width: int,
    *,
    faded: bool = False,
    needles: re.Pattern[str] | None = None,
) -> list[Cell]:
    """Cells of exactly ``width`` together; ``needles`` is marked in them."""
    cells: list[Cell] = []
    used, style_before = 0, "text"
    for index, column_width in plan:
        text, style = row.cells[index]
        if faded:
            style = "stale"
        if used:
            # A blank has no ink: it joins the run before it.
            cells.append((" ", style_before))
            used += 1
        column = columns[index]
        if column.shorten:
            text = shortened(text, column_width)
        elif column.rounds:
            text = rounded(text, column_width)
        cell = (fit(text, column_width, column.right), style)
        if needles is None:
            cells.append(cell)
        else:
            cells.extend(marked(cell, needles))
        style_before = "text" if style.startswith("badge") else style
        used += column_width
    if used < width:
        cells.append((" " * (width - used), style_before))
    return cells


def heading(columns: Sequence[Column], plan: Plan, sort_column: int | None, reverse: bool) -> str:
    """The titles; the one that is sorted by is marked."""
    titles = []
    for index, width in plan:
        column = columns[index]
        mark = ("▼" if reverse else "▲") if index == sort_column else ""
        title = column.title[: width - len(mark)] + mark if width > len(mark) else ""
        titles.append(fit(title, width, column.right))
    return " ".join(titles)
