"""The columns of a table: their widths and which of them stay when it gets narrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

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
    ranks: tuple[str, ...] = ()
    """Of what it sorts by, from least to most: ``info+`` filters by it."""
    exported: Exported = "value"
    """What a file of the table holds of it: what it sorts by, where there is that; the cell's text; or the
    time of ns since the epoch (negated where the newest sort first) that it sorts by."""
    heading: str = ""
    """What it is called in a file, where that is not ``title``: with its unit."""
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
