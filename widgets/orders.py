"""Orders: where each one stands and why it exists."""

from __future__ import annotations

from collections.abc import Iterable

from engine.api.protocol import OrderRow
from widgets import figures
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.opportunities import SIDES
from widgets.positions import level
from widgets.rows import GridRow, RowCache

STATES = {
    "initialized": ("… new", "muted"),
    "submitted": ("↗ sent", "accent"),
    "accepted": ("● working", "accent"),
    "partially_filled": ("◐ part", "accent"),
    "filled": ("✓ filled", "good"),
    "denied": ("✗ denied", "warn"),
    "rejected": ("✗ reject", "bad"),
    "canceled": ("○ cancel", "muted"),
    "expired": ("○ expired", "muted"),
}


class OrdersPane(Grid):
    COLUMNS = (
        Column("state", "state", 9, 1),
        Column("side", "side", 6, 0),
        Column("symbol", "symbol", 9, 0, grow=5),
        Column("quantity", "filled/qty", 15, 0, right=True, grow=10, shorten=True),
        Column("average", "avg", 10, 2, right=True, grow=2),
        Column("purpose", "purpose", 11, 4),
        Column("time", "time", 8, 5),
        Column("reason", "reason", 12, 3, grow=FILL),
    )
    EMPTY = "no orders yet"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cache: RowCache[OrderRow] = RowCache(order_cells)

    def show(self, rows: Iterable[OrderRow]) -> int:
        """Draw ``rows``, newest first."""
        newest = sorted(rows, key=lambda row: (-row.created_ns, row.id))
        self._cache.prune({row.id for row in newest})
        return self.set_rows([self._cache.get(row.id, row) for row in newest])


def order_cells(row: OrderRow) -> GridRow:
    side, side_style = SIDES.get(row.side, (row.side, "text"))
    native = figures.symbol_parts(row.symbol)[1]
    return GridRow(
        row.id,
        (
            STATES.get(row.state, (row.state, "text")),
            (side, side_style),
            (native, "bold"),
            (_progress(row), "text"),
            (level(row.average_price), "text"),
            (row.purpose.replace("_", " "), "muted"),
            (figures.clock(row.created_ns), "muted"),
            (row.reason, "warn" if row.state in ("denied", "rejected") else "muted"),
        ),
        (
            row.state,
            row.side,
            native,
            figures.decimal(row.quantity),
            figures.decimal(row.average_price),
            row.purpose,
            row.created_ns,
            row.reason,
        ),
    )


def _progress(row: OrderRow) -> str:
    """``filled/quantity``; the quantity alone once it is filled."""
    filled, quantity = figures.decimal(row.filled), figures.decimal(row.quantity)
    if filled and filled == quantity:
        return figures.amount(row.quantity)
    return f"{figures.amount(row.filled) if filled else '0'}/{figures.amount(row.quantity)}"
