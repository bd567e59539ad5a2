"""Which rows of a table are shown, and in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from widgets.columns import Column
from widgets.highlight import pattern
from widgets.row_filter import RowFilter
from widgets.rows import GridRow


class Arrangement:
    """Filter and sort of one table. ``searches``: words mark rows instead of hiding the others."""

    def __init__(self, columns: Sequence[Column], *, searches: bool = False) -> None:
        self.columns, self.searches = columns, searches
        self.sort_column: int | None = None
        self.sort_reverse = False
        self.filter = self._sought = RowFilter("", columns)
        self.given: Sequence[GridRow] = ()
        """All rows, as they came."""
        self.needles: re.Pattern[str] | None = None
        """What to mark in the rows."""
        self._judged: dict[str, tuple[GridRow, bool]] = {}

    def next_sort(self) -> tuple[int | None, bool]:
        """The sort after the one of now: each column down, then up, then as given."""
        walk = sorted(range(len(self.columns)), key=lambda index: not self.columns[index].strength)
        if self.sort_column is None:
            return walk[0], True
        if self.sort_reverse:
            return self.sort_column, False
        after = walk.index(self.sort_column) + 1
        return (walk[after], True) if after < len(walk) else (None, False)

    @property
    def sort_mode(self) -> str:
        """The column it is sorted by and which way, for a person; "" as it comes."""
        if self.sort_column is None:
            return ""
        return f"{self.columns[self.sort_column].title or 'column'} {'▼' if self.sort_reverse else '▲'}"

    def arrange(self, rows: Sequence[GridRow]) -> list[GridRow]:
        """The rows to show, in their order."""
        self.given = rows
        return self._sorted(self._filtered(rows) if self.filter else rows)

    def filter_by(self, text: str) -> None:
        self.filter = RowFilter(text, self.columns)
        if text:
            self._sought = self.filter
        self.needles = pattern(self.filter.needles) if self.searches else None
        self._judged.clear()

    @property
    def found(self) -> str:
        """How many rows the filter is about, for a person; of none, why that may be."""
        hits = sum(map(self.is_hit, self.given))
        return f"{hits} of {len(self.given)}" + (f" · {self.doubt}" if self.doubt and not hits else "")

    @property
    def doubt(self) -> str:
        """What a filter that finds nothing may mean by mistake, for a person; "" nothing."""
        return f"no column {self.filter.unknown}" if self.filter.unknown else self.filter.wrong

    def is_hit(self, row: GridRow) -> bool:
        """Whether a row is what is looked for, or, without a filter, was last; none before there was one.

        A row that did not change is not looked at again.
        """
        judged = self._judged.get(row.key)
        if judged is None or judged[0] is not row:
            judged = self._judged[row.key] = (row, bool(self._sought.text) and self._sought.matches(row))
        return judged[1]

    def _filtered(self, rows: Sequence[GridRow]) -> Sequence[GridRow]:
        if len(self._judged) > 2 * len(rows) + 64:
            self._judged.clear()  # most of what was judged is gone
        if self.searches:
            ranked = self.filter.ranked
            return [row for row in rows if all(t.holds(row) for t in ranked)] if ranked else rows
        return [row for row in rows if self.is_hit(row)]

    def _sorted(self, rows: Sequence[GridRow]) -> list[GridRow]:
        column = self.sort_column
        if column is None:
            return list(rows)

        strength = self.columns[column].strength

        def value(row: GridRow) -> Any:
            found = row.order[column] if row.order else row.cells[column][0]
            return abs(found) if strength and isinstance(found, (int, float)) else found

        known = [row for row in rows if value(row) is not None]
        known.sort(key=value, reverse=self.sort_reverse)
        return known + [row for row in rows if value(row) is None]
