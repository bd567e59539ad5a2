"""Positions: what is held, what it is worth, and where it ends."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from textual.app import ComposeResult

from engine.api.protocol import PositionRow
from engine.api.trading_protocol import AccountDetail
from widgets import figures
from widgets.cells import Cell
from widgets.columns import Column
from widgets.frame_lines import FramedPane
from widgets.grid import Grid
from widgets.lines import FixedLines, Line, faded, join_items
from widgets.market.prices import decimals_needed, price_text
from widgets.rows import GridRow, RowCache
from widgets.symbol_names import short_name

NEAR_PCT = 0.1
"""A stop this close is about to be hit."""

_LEVEL = 9
"""Cells that a price has for sure, beside a mark."""

TRAILS = "↝"
"""Before a stop that follows the market."""


class PositionsGrid(Grid):
    COLUMNS = (
        Column("symbol", "symbol", 9, 0, grow=5, whole=24),
        Column("side", "side", 7, 0),
        Column("quantity", "qty", 10, 0, right=True, grow=6, shorten=True),
        Column("unrealized", "uP&L", 11, 0, right=True, rounds=True, grow=2),
        Column("return", "return", 8, 4, right=True),
        Column("entry", "entry", 10, 5, right=True, grow=2),
        Column("mark", "mark", 10, 3, right=True, grow=2),
        Column("stop", "stop", 10, 1, right=True, grow=2),
        Column("gap", "away", 7, 2, right=True, heading="to stop"),
        Column("trailing", "trailing", 9, 6, right=True, grow=2),
        Column("target", "target", 9, 7, right=True, grow=2),
        Column("realized", "realised", 10, 8, right=True, rounds=True),
        Column("held", "held", 4, 10, right=True, exported="time", heading="opened"),
        Column("exit", "exit in", 7, 9, right=True, exported="time", heading="exit"),
    )
    EMPTY = "flat"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cache: RowCache[PositionRow] = RowCache(position_cells)

    def show(self, rows: Iterable[PositionRow], now_ns: int, *, halted: bool = False) -> int:
        """Draw ``rows`` by symbol; the targets of a ``halted`` desk are dim: no take-profit leaves then."""
        held = sorted(rows, key=lambda row: row.symbol)
        self._cache.prune({row.symbol for row in held})
        return self.set_rows([self._cache.get(row.symbol, row, *_times(row, now_ns), halted) for row in held])


class TotalsLine(FixedLines):
    """What all positions come to, in the account's currency."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._account: AccountDetail | None = None
        self._past = self._stale = False

    def show(self, account: AccountDetail | None, past: bool, stale: bool = False) -> int:
        """``past``: all of it is; ``stale``: a position's price is."""
        self._account, self._past, self._stale = account, past, stale
        return self.update_lines()

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        line = join_items(total_items(self._account, self._stale), width - 2, ("  ", "text"))
        return (((" ", "text"), *(faded(line) if self._past else line)),)


class PositionsPane(FramedPane):
    """The table, and below it the totals."""

    DEFAULT_CSS = "PositionsPane { & PositionsGrid { height: 1fr; } }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.grid = PositionsGrid(id="positions-grid")
        self.totals = TotalsLine(id="totals")

    def compose(self) -> ComposeResult:
        yield self.grid
        yield self.totals


def total_items(account: AccountDetail | None, stale: bool = False) -> list[tuple[int, Line]]:
    """(priority, cells) of exposure and P&L; ``stale``: of prices that are."""
    if account is None:
        return [(0, (("exposure and P&L: not known yet", "muted"),))]
    total = next((row for row in account.exposures if row.kind == "total"), None)
    desk = next((row for row in account.pnl if not row.name), None)
    items: list[tuple[int, Line]] = []
    if total is not None:
        share = f" {total.gross_pct:.1f}%" if total.gross else ""
        items += [
            (0, (("gross ", "muted"), of_prices((figures.money(total.gross) + share, "text"), stale))),
            (1, (("net ", "muted"), of_prices((figures.money(total.net, sign=True), "text"), stale))),
        ]
    if desk is not None:
        items += [
            (2, (("rP&L", "muted"), signed_money(desk.realized))),
            (2, (("uP&L", "muted"), signed_money(desk.unrealized, stale))),
            (3, (("fees ", "muted"), (figures.money(desk.fees), "text"))),
        ]
    return [*items, (4, ((account.currency, "muted"),))]


def _times(row: PositionRow, now_ns: int) -> tuple[str, str]:
    """How long it is held, and how long until it is closed for its age."""
    left = ""
    if row.exit_ns:
        left = "now" if row.exit_ns <= now_ns else figures.age(row.exit_ns - now_ns)
    return figures.age(now_ns - row.opened_ns), left


def signed_money(text: str, stale: bool = False) -> Cell:
    """``▲+12.40``; a stale one is dim and carries ``~``."""
    value = figures.decimal(text)
    # Rounded as it is written, so that the arrow never points away from a zero.
    shown = round(float(value), 2) if value is not None else None
    label = f"{figures.arrow(shown)}{figures.money(text, sign=True)}"
    return ("~" + label, "stale") if stale else (label, figures.direction(shown))


def of_prices(cell: Cell, stale: bool) -> Cell:
    """What rests on prices: dim and with ``~`` when one is stale; what warns goes on warning."""
    text, style = cell
    if not stale:
        return cell
    return f"~{text}", style if style in ("warn", "bad") else "stale"


def nearest_stop(row: PositionRow) -> tuple[Decimal, str] | None:
    """(level, as it is shown) of the stop that the market meets first, the one that trails included."""
    quantity = figures.decimal(row.quantity)
    stops = [(row.stop_price, ""), (row.trailing_price, TRAILS)]
    known = [
        (value, mark + level(text)) for text, mark in stops if (value := figures.decimal(text)) is not None
    ]
    if not quantity or not known:
        return None
    return (max if quantity > 0 else min)(known, key=lambda stop: stop[0])


def stop_gap_pct(row: PositionRow) -> float | None:
    """How far the mark is from the nearest stop, percent of the mark; below 0: beyond."""
    quantity, mark, nearest = (
        figures.decimal(row.quantity),
        figures.decimal(row.mark_price),
        nearest_stop(row),
    )
    if not quantity or not mark or nearest is None:
        return None
    gap = mark - nearest[0] if quantity > 0 else nearest[0] - mark
    return float(gap / mark * 100)


def position_cells(row: PositionRow, held: str, leaves: str, halted: bool) -> GridRow:
    quantity = figures.decimal(row.quantity)
    long = quantity is not None and quantity > 0
    native = short_name(row.symbol)
    entry, mark = figures.decimal(row.entry_price), figures.decimal(row.mark_price)
    gain = None
    if entry and mark is not None:
        gain = float((mark - entry) / entry * 100) * (1 if long else -1)
    marks = [figures.decimal(text) for text in (row.mark_price, row.stop_price, row.target_price)]
    decimals = decimals_needed(*(float(price) for price in marks if price is not None))
    stale, tilde = row.stale, "~" if row.stale else ""
    unrealized, gap = figures.decimal(row.unrealized), stop_gap_pct(row)
    stop = nearest_stop(row)
    return GridRow(
        row.symbol,
        (
            (native, "bold"),
            ("▲ LONG", "up") if long else ("▼ SHORT", "down"),
            (figures.amount(row.quantity), "text"),
            signed_money(row.unrealized, stale),
            (figures.change(gain), "stale" if stale else figures.direction(gain)),
            (level(row.entry_price, decimals), "text"),
            (tilde + level(row.mark_price, decimals), "stale" if stale else "text"),
            (figures.UNKNOWN if stop is None else stop[1], "muted"),
            (f"{gap:.2f}%" if gap is not None else figures.UNKNOWN, _gap_style(gap, stale)),
            (level(row.trailing_price, decimals), "muted"),
            (level(row.target_price, decimals), "stale" if halted else "muted"),
            (figures.money(row.realized, sign=True), "muted"),
            (held, "muted"),
            (leaves, "muted"),
        ),
        (
            native,
            "long" if long else "short",
            quantity,
            unrealized,
            gain,
            entry,
            mark,
            None if stop is None else stop[0],
            gap,
            figures.decimal(row.trailing_price),
            figures.decimal(row.target_price),
            figures.decimal(row.realized),
            -row.opened_ns,
            row.exit_ns or None,
        ),
    )


def _gap_style(gap: float | None, stale: bool) -> str:
    return "stale" if stale else "warn" if gap is not None and gap < NEAR_PCT else "text"


def level(text: str, decimals: int = 0) -> str:
    """A price in decimal text, with the decimals that it needs, ``decimals`` at least; "" is unknown."""
    value = figures.decimal(text)
    if value is None:
        return figures.UNKNOWN
    return price_text(float(value), max(decimals, decimals_needed(float(value))), _LEVEL)
