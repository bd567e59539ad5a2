"""Opportunities: what the desk wants to do, how sure it is, who says so, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable

from engine.api.protocol import OpportunityRow
from widgets import figures
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.rows import GridRow, RowCache
from widgets.symbol_names import short_name

SIDES = {"buy": ("▲ BUY", "up"), "sell": ("▼ SELL", "down")}


class OpportunitiesPane(Grid):
    COLUMNS = (
        Column("symbol", "symbol", 9, 0, grow=5, whole=24),
        Column("side", "side", 6, 0),
        Column("score", "score", 6, 1, right=True, strength=True),
        Column("confidence", "conf", 4, 3, right=True),
        Column("status", "status", 16, 2, grow=4),
        Column("age", "age", 4, 4, right=True, exported="time", heading="created"),
        Column("sources", "sources", 20, 6, grow=16),
        Column("reason", "reason", 16, 5, grow=FILL),
    )
    EMPTY = "no opportunity yet: the funnel shows where signals fall"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cache: RowCache[OpportunityRow] = RowCache(opportunity_cells)

    def show(self, rows: Iterable[OpportunityRow], now_ns: int) -> int:
        """Draw ``rows``, newest first."""
        newest = sorted(rows, key=lambda row: (-row.created_ns, row.id))
        self._cache.prune({row.id for row in newest})
        return self.set_rows(
            [self._cache.get(row.id, row, figures.age(now_ns - row.created_ns)) for row in newest]
        )


def status_cell(status: str) -> tuple[str, str]:
    """``denied:CODE`` and ``dropped:CODE`` show the code; a mark stands beside every colour."""
    word, _, code = status.partition(":")
    if word in ("denied", "dropped"):
        return f"✗ {code or word}", "warn" if word == "denied" else "muted"
    style = {"live": "accent", "ordered": "good", "expired": "muted"}.get(word, "text")
    mark = {"live": "●", "ordered": "✓", "expired": "○"}.get(word, "·")
    return f"{mark} {status}", style


def opportunity_cells(row: OpportunityRow, age: str) -> GridRow:
    over = row.status == "expired"
    side, side_style = SIDES.get(row.side, (row.side, "text"))
    sources = ", ".join(row.sources)
    merged = f" (+{row.merged})" if row.merged else ""
    native = short_name(row.symbol)
    return GridRow(
        row.id,
        (
            (native, "muted" if over else "bold"),
            (side, "muted" if over else side_style),
            (figures.signed(row.score), "muted" if over else figures.direction(row.score)),
            (f"{row.confidence:.0%}", "muted" if over else "text"),
            status_cell(row.status),
            (age, "muted"),
            (sources + merged, "muted"),
            (row.reason, "muted" if over else "text"),
        ),
        (native, row.side, row.score, row.confidence, row.status, -row.created_ns, sources, row.reason),
    )
