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
"""From least to most."""
LEAST = "debug"


class LogsPane(Grid):
    COLUMNS = (
        Column("time", "time", 8, 1, exported="time", whole=16),
        Column("level", "level", 7, 0, ranks=tuple(LEVELS)),
        Column("source", "source", 12, 2),
        Column("text", "message", 20, 0, grow=FILL),
    )
    EMPTY = "nothing logged"
    FOLLOW = True
    SEARCHES = True
    SEARCH_HINT = "word · !not · source:text · warn+ · n N"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.least = LEAST
        """The least level that is shown."""
        self._cache: RowCache[LogRow] = RowCache(log_cells)

    def step_level(self, step: int) -> None:
        """The next level (-1: the one before) as the least that is shown; round and round."""
        names = tuple(LEVELS)
        self.least = names[(names.index(self.least) + step) % len(names)]

    @property
    def mode(self) -> str:
        """What is left out, for a person; "" nothing."""
        return "" if self.least == LEAST else f"{self.least} and above"

    def show(self, rows: Iterable[LogRow], now_ns: int = 0) -> int:
        """Draw ``rows``, oldest first, without those below the least level; those of another day with their
        date."""
        if self.least == LEAST:
            known = list(rows)
        else:
            names = tuple(LEVELS)
            enough = {*names[names.index(self.least) :]}
            known = [row for row in rows if row.level in enough or row.level not in LEVELS]
        self._cache.prune({str(row.seq) for row in known})
        day = figures.day_of(now_ns)
        return self.set_rows([self._cache.get(str(row.seq), row, day) for row in known])


def log_cells(row: LogRow, day: int = 0) -> GridRow:
    level = LEVELS.get(row.level, (row.level, "text"))
    ink = {"error": "bad", "warning": "warn"}.get(row.level, "text")
    return GridRow(
        str(row.seq),
        ((figures.on_day(row.ns, day), "muted"), level, (row.source, "heading"), (row.text, ink)),
        (row.ns, row.level, row.source, row.text),
    )
