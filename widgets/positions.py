"""Positions: what is held, what it is worth, and where it ends."""

from __future__ import annotations

from collections.abc import Iterable

from engine.api.protocol import PositionRow
from widgets import figures
from widgets.cells import Cell
from widgets.columns import Column
from widgets.grid import Grid
from widgets.rows import GridRow, RowCache


class PositionsPane(Grid):
    COLUMNS = (
        Column("symbol", "symbol", 9, 0, grow=5),
        Column("side", "side", 7, 0),
        Column("quantity", "qty", 10, 0, right=True, grow=6, shorten=True),
        Column("unrealized", "uP&L", 11, 0, right=True, grow=2),
        Column("return", "return", 8, 3, right=True),
        Column("entry", "entry", 10, 2, right=True, grow=2),
        Column("mark", "mark", 10, 1, right=True, grow=2),
        Column("stop", "stop", 9, 4, right=True, grow=2),
        Column("target", "target", 9, 5, right=True, grow=2),
        Column("realized", "realized", 10, 6, right=True),
        Column("held", "held", 4, 7, right=True),
    )
    EMPTY = "flat"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cache: RowCache[PositionRow] = RowCache(position_cells)

    def show(self, rows: Iterable[PositionRow], now_ns: int, *, halted: bool = False) -> int:
        """Draw ``rows`` by symbol; the targets of a ``halted`` desk are dim: no take-profit leaves then."""
        held = sorted(rows, key=lambda row: row.symbol)
        self._cache.prune({row.symbol for row in held})
        return self.set_rows(
            [self._cache.get(row.symbol, row, figures.age(now_ns - row.opened_ns), halted) for row in held]
        )


def signed_money(text: str, stale: bool = False) -> Cell:
    """``▲+12.40``; a stale one is dim and carries ``~``."""
    value = figures.decimal(text)
    # Rounded as it is written, so that the arrow never points away from a zero.
    shown = round(float(value), 2) if value is not None else None
    label = f"{figures.arrow(shown)}{figures.money(text, sign=True)}"
    return ("~" + label, "stale") if stale else (label, figures.direction(shown))


def position_cells(row: PositionRow, held: str, halted: bool) -> GridRow:
    quantity = figures.decimal(row.quantity)
    long = quantity is not None and quantity > 0
    native = figures.symbol_parts(row.symbol)[1]
    entry, mark = figures.decimal(row.entry_price), figures.decimal(row.mark_price)
    gain = None
    if entry and mark is not None:
        gain = float((mark - entry) / entry * 100) * (1 if long else -1)
    stale, tilde = row.stale, "~" if row.stale else ""
    unrealized = figures.decimal(row.unrealized)
    return GridRow(
        row.symbol,
        (
            (native, "bold"),
            ("▲ LONG", "up") if long else ("▼ SHORT", "down"),
            (figures.amount(row.quantity), "text"),
            signed_money(row.unrealized, stale),
            (figures.change(gain), "stale" if stale else figures.direction(gain)),
            (level(row.entry_price), "text"),
            (tilde + level(row.mark_price), "stale" if stale else "text"),
            (level(row.stop_price), "muted"),
            (level(row.target_price), "stale" if halted else "muted"),
            (figures.money(row.realized, sign=True), "muted"),
            (held, "muted"),
        ),
        (
            native,
            "long" if long else "short",
            quantity,
            unrealized,
            gain,
            entry,
            mark,
            figures.decimal(row.stop_price),
            figures.decimal(row.target_price),
            figures.decimal(row.realized),
            -row.opened_ns,
        ),
    )


def level(text: str) -> str:
    """A price in decimal text, shown with the decimals of market prices of its size; "" is unknown."""
    value = figures.decimal(text)
    return figures.price(float(value)) if value is not None else figures.UNKNOWN
