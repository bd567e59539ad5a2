"""Ticks: each symbol's quote, last price, window change, age and the shape of its last bars."""

from __future__ import annotations

from collections.abc import Iterable

from engine.api.protocol import TickRow
from widgets import figures
from widgets.cells import Cell
from widgets.columns import Column
from widgets.grid import Grid
from widgets.price_flash import PriceFlashes
from widgets.rows import GridRow, RowCache

SPARK_WIDTH = 10
_LAST = 10


class TicksPane(Grid):
    COLUMNS = (
        Column("symbol", "symbol", 9, 0, grow=5),
        Column("last", "last", _LAST, 1, right=True, grow=2),
        Column("change", "change", 8, 0, right=True, grow=1, heading="change_pct"),
        Column("bid", "bid", 10, 4, right=True, grow=2),
        Column("ask", "ask", 10, 4, right=True, grow=2),
        Column("score", "score", 5, 2, right=True),
        Column("rsi", "rsi", 4, 6, right=True),
        Column("age", "age", 4, 3, right=True, heading="age_ms"),
        Column("spark", "trend", SPARK_WIDTH, 5),
        Column("venue", "venue", 9, 7, grow=6),
        Column("bid_size", "bid size", 8, 8, right=True),
        Column("ask_size", "ask size", 8, 8, right=True),
    )
    EMPTY = "waiting for the first tick"

    def __init__(self, *, id: str | None = None, flash: bool = True) -> None:
        """``flash``: a last price that changed is marked for a moment."""
        super().__init__(id=id)
        self._flashes = PriceFlashes() if flash else None
        self.mode = ""
        """Which symbols are shown, for a person; "" all."""
        self._cache: RowCache[TickRow] = RowCache(tick_cells)

    def show(
        self, ticks: Iterable[tuple[TickRow, float | None]], *, ordered: bool = False, past: bool = False
    ) -> int:
        """Draw (row, age in ns now) pairs, by symbol unless they are ``ordered``; ``past``: all of it is of a
        while ago.

        Returns the number of lines that changed.
        """
        by_symbol = list(ticks) if ordered else sorted(ticks, key=lambda pair: pair[0].symbol)
        moved = self._flashes.moved(row for row, _ in by_symbol) if self._flashes is not None else {}
        return self.set_rows(
            [
                self._cache.get(row.symbol, row, figures.age(age), moved.get(row.symbol, 0), past)
                for row, age in by_symbol
            ]
        )


def tick_cells(row: TickRow, age: str, flash: int = 0, past: bool = False) -> GridRow:
    """A stale symbol's figures are dimmed and its last price carries ``~``; in the ``past`` every last price.

    ``flash``: which way its last price went just now, 0 for not at all.

    In place of a fresh symbol's age stands what its figures lack: ``book`` while its book is wrong, ``gap``
    while trades are missing in its windows.
    """
    venue, native = figures.symbol_parts(row.symbol)
    quiet = "stale" if row.stale else "muted"
    moved = "stale" if row.stale else figures.direction(row.change_pct)
    scored = "stale" if row.stale else figures.direction(row.score)
    shown = row.spark[-SPARK_WIDTH:]
    rise = shown[-1] - shown[0] if len(shown) > 1 else None
    return GridRow(
        row.symbol,
        (
            (native, "stale" if row.stale else "bold"),
            _last(row, flash, past),
            (figures.change(row.change_pct), moved),
            (figures.price(row.bid), quiet),
            (figures.price(row.ask), quiet),
            (figures.signed(row.score), scored),
            (figures.number(row.rsi, 0), quiet),
            _age(row, age),
            (figures.spark(row.spark, SPARK_WIDTH), "stale" if row.stale else figures.direction(rise, None)),
            (venue, quiet),
            (_size(row.bid_size), quiet),
            (_size(row.ask_size), quiet),
        ),
        (
            native,
            row.last,
            row.change_pct,
            row.bid,
            row.ask,
            row.score,
            row.rsi,
            row.age_ms,
            rise,
            venue,
            row.bid_size,
            row.ask_size,
        ),
    )


def _last(row: TickRow, flash: int, past: bool) -> Cell:
    """With an arrow while it flashes, where that fits."""
    price = figures.price(row.last)
    if row.stale or past:
        return f"~{price}", "stale"
    if not flash:
        return price, "text"
    arrow = figures.arrow(flash) if len(price) < _LAST else ""
    return arrow + price, "flash-up" if flash > 0 else "flash-down"


def _size(value: float | None) -> str:
    """In at most eight characters."""
    if value is None:
        return figures.UNKNOWN
    return figures.compact(value) if value >= 1000 or value < 0.001 else f"{value:.4g}"


def _age(row: TickRow, age: str) -> Cell:
    if row.stale:
        return age, "warn"
    if row.book_fault:
        return "book", "bad"
    return ("gap", "warn") if row.gapped else (age, "muted")
