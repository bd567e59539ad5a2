"""The log: the newest at the end, followed until the cursor leaves it."""

from __future__ import annotations

from collections.abc import Iterable

from engine.api.protocol import LogRow
from widgets import figures
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.rows import GridRow, RowCache

LEVELS = {
    "debug": ("· debug", "muted"),
    "info": ("  info", "muted"),
    "warning": ("! warn", "warn"),
    "error": ("✗ error", "bad"),
}


class LogsPane(Grid):
    COLUMNS = (
        Column("time", "time", 8, 1),
        Column("level", "level", 7, 0),
        Column("source", "source", 12, 2),
        Column("text", "message", 20, 0, grow=FILL),
    )
    EMPTY = "nothing logged"
    FOLLOW = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cache: RowCache[LogRow] = RowCache(log_cells)

    def show(self, rows: Iterable[LogRow]) -> int:
        """Draw ``rows``, oldest first."""
        known = list(rows)
        self._cache.prune({str(row.seq) for row in known})
        return self.set_rows([self._cache.get(str(row.seq), row) for row in known])


def log_cells(row: LogRow) -> GridRow:
    level = LEVELS.get(row.level, (row.level, "text"))
    ink = {"error": "bad", "warning": "warn"}.get(row.level, "text")
    return GridRow(
        str(row.seq),
        ((figures.clock(row.ns), "muted"), level, (row.source, "heading"), (row.text, ink)),
        (row.seq, row.level, row.source, row.text),
    )
