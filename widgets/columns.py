"""The columns of a table: their widths and which of them stay when it gets narrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len

from widgets.rows import GridRow

Exported = Literal["value", "text", "time"]
FILL = 10_000
"""A column that grows without end."""


class Column(NamedTuple):
    """``width`` in terminal cells. ``priority`` 0 stays longest; equal priorities drop from the right."""

    key: str
    title: str
    width: int
    priority: int = 0
    right: bool = False
    grow: int = 0
    """How many cells more it may take of what is left of the line; ``FILL`` for all."""
    shorten: bool = False
    """Amounts: one too long for the line is rounded, with a ``~``; the row keeps all its digits."""
    rounds: bool = False
    """Money: what is too long for the line loses its cents, and then is told in millions."""
    ranks: tuple[str, ...] = ()
    """Of what it sorts by, from least to most: ``info+`` filters by it."""
    exported: Exported = "value"
    """What a file of the table holds of it: what it sorts by, where there is that; the cell's text; or the
    time of ns since the epoch (negated where the newest sort first) that it sorts by."""
    heading: str = ""
    """What it is called in a file, where that is not ``title``: with its unit."""
    whole: int = 0
    """Names and times: others give way so that none is cut, up to so many cells: cut, one says another."""
    strength: bool = False
    """Sorts by how far it is from zero, and before the other columns: what is strongest, either way."""


def choose_columns(columns: Sequence[Column], width: int) -> list[tuple[int, int]]:
    """(index, width) of the columns that fit into ``width`` cells with one blank between, in their order.

    The first column always stays, cut to the line when need be. Growing columns share what is left.
    """
    kept = list(range(len(columns)))

    def needed() -> int:
        return sum(columns[i].width for i in kept) + len(kept) - 1

    while len(kept) > 1 and needed() > width:
        kept.remove(max(kept[1:], key=lambda i: (columns[i].priority, i)))
    widths = {i: columns[i].width for i in kept}
    left = width - needed()
    if left < 0:
        widths[kept[0]] = max(width, 0)
    growing = sorted((i for i in kept if columns[i].grow), key=lambda i: (columns[i].grow, i))
    for count, i in enumerate(growing):
        # The modest first: what they do not take is there for the rest.
        share = max(0, min(left // (len(growing) - count), columns[i].grow))
        widths[i] += share
        left -= share
    return [(i, widths[i]) for i in kept]


class Widths:
    """How wide the columns of one table are. A name that was shown keeps its room: columns do not dance."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._longest = {index: column.width for index, column in enumerate(columns) if column.whole}
        self._plan: list[tuple[int, int]] = []
        self._plan_width = -1

    def take_in(self, rows: Iterable[GridRow]) -> bool:
        """``rows`` will be shown. Whether one of them needs more room than any before."""
        if not self._longest:
            return False
        before = dict(self._longest)
        for row in rows:
            for index, longest in self._longest.items():
                length = cell_len(row.cells[index][0])
                if length > longest:
                    self._longest[index] = min(length, self._columns[index].whole)
        if self._longest == before:
            return False
        self._plan_width = -1
        return True

    def plan(self, width: int) -> list[tuple[int, int]]:
        """``choose_columns``; the very same list while nothing has changed."""
        if width != self._plan_width:
            self._plan_width = width
            self._plan = choose_columns(self._widened(width), width)
        return self._plan

    def _widened(self, width: int) -> list[Column]:
        """With room for the longest names, as far as the columns that stay longest leave it."""
        out = list(self._columns)
        for index, longest in self._longest.items():
            column = out[index]
            stay = sum(one.width + 1 for n, one in enumerate(out) if n != index and not one.priority)
            more = min(longest, width - stay) - column.width
            if more > 0:
                out[index] = column._replace(width=column.width + more, grow=max(0, column.grow - more))
        return out
