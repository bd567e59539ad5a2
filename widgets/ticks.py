"""Ticks: each symbol's quote, last price, window change, age and the shape of its last bars."""

from __future__ import annotations

from collections.abc import Iterable

from engine.api.protocol import TickRow
from widgets import figures
from widgets.cells import Cell
from widgets.columns import Column
from widgets.grid import Grid
from widgets.market.prices import decimals_needed, price_text
from widgets.price_flash import PriceFlashes
from widgets.rows import GridRow, RowCache
from widgets.symbol_names import short_name

SPARK_WIDTH = 10
_LAST = _PRICE = 10
"""Cells that a price has for sure."""


class TicksPane(Grid):
    COLUMNS = (
        Column("symbol", "symbol", 9, 0, grow=5, whole=24),
        Column("last", "last", _LAST, 1, right=True, grow=2),
        Column("change", "change", 8, 0, right=True, grow=1, heading="change_pct"),
        Column("bid", "bid", _PRICE, 4, right=True, grow=2),
        Column("ask", "ask", _PRICE, 4, right=True, grow=2),
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
        self._decimals: dict[str, tuple[TickRow, int]] = {}
        """By symbol: the row that was looked at last, and the most that its prices had."""

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
                self._cache.get(
                    row.symbol, row, figures.age(age), moved.get(row.symbol, 0), past, self._decimals_of(row)
                )
                for row, age in by_symbol
            ]
        )

    def _decimals_of(self, row: TickRow) -> int:
        """Never fewer than before: prices do not dance."""
        known = self._decimals.get(row.symbol)
        if known is not None and known[0] is row:
            return known[1]
        before = 0 if known is None else known[1]
        decimals = max(before, decimals_needed(row.bid, row.ask, row.last))
        self._decimals[row.symbol] = row, decimals
        return decimals


def tick_cells(
    row: TickRow, age: str, flash: int = 0, past: bool = False, decimals: int | None = None
) -> GridRow:
    """A stale symbol's figures are dimmed and its last price carries ``~``; in the ``past`` every last price.

    ``flash``: which way its last price went just now, 0 for not at all. ``decimals``: of its prices; None: as
    these need.

    In place of a fresh symbol's age stands what its figures lack: ``book`` while its book is wrong, ``gap``
    while trades are missing in its windows.
    """
    venue, native = figures.symbol_parts(row.symbol)[0], short_name(row.symbol)
    if decimals is None:
        decimals = decimals_needed(row.bid, row.ask, row.last)
    quiet = "stale" if row.stale else "muted"
    moved = "stale" if row.stale else figures.direction(row.change_pct)
    scored = "stale" if row.stale else figures.direction(row.score)
    shown = row.spark[-SPARK_WIDTH:]
    rise = shown[-1] - shown[0] if len(shown) > 1 else None
    return GridRow(
        row.symbol,
        (
            (native, "stale" if row.stale else "bold"),
            _last(row, flash, past, decimals),
            (figures.change(row.change_pct), moved),
            (_price(row.bid, decimals), quiet),
            (_price(row.ask, decimals), quiet),
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


def _price(price: float | None, decimals: int, room: int = _PRICE) -> str:
    return figures.UNKNOWN if price is None else price_text(price, decimals, room)


def _last(row: TickRow, flash: int, past: bool, decimals: int) -> Cell:
    """With an arrow while it flashes, where that fits."""
    if row.stale or past:
        return f"~{_price(row.last, decimals, _LAST - 1)}", "stale"
    price = _price(row.last, decimals, _LAST)
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
