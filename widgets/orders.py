"""Orders: at work, filled, ended without a fill; where each one stands, what it waits for, why it exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.api.protocol import OrderRow
from engine.events import OrderState
from widgets import figures
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.opportunities import SIDES
from widgets.positions import level
from widgets.rows import GridRow, RowCache
from widgets.symbol_names import short_name
from widgets.tabbed import TabbedPane

STATES = {
    "initialized": ("… new", "muted"),
    "held": ("◌ held", "muted"),
    "submitted": ("↗ sent", "accent"),
    "accepted": ("● working", "accent"),
    "triggered": ("◉ trigger", "accent"),
    "partially_filled": ("◐ part", "accent"),
    "filled": ("✓ filled", "good"),
    "denied": ("✗ denied", "warn"),
    "rejected": ("✗ reject", "bad"),
    "canceled": ("○ cancel", "muted"),
    "expired": ("○ expired", "muted"),
}
PENDING = {"update": "amend…", "cancel": "cancel…"}
"""Asked for and not answered yet."""
TRIGGER = "»"
"""Before a price: the order waits until the market gets there."""
TYPES = {"stop_limit": "stop lmt", "trailing_stop": "trailing", "take_profit": "take pft"}
TABS = ("Working", "Filled", "Ended")
FINAL = frozenset(state.value for state in OrderState if state.terminal)
_CHILD = "└ "


def tab_of(row: OrderRow) -> int:
    """Its place in ``TABS``."""
    if row.state not in FINAL:
        return 0
    return 1 if row.state == "filled" else 2


def order_state(row: OrderRow) -> Cell:
    """Its state, or the state's mark with what is asked of it: it can be part filled and on its way out."""
    text, style = STATES.get(row.state, (row.state, "text"))
    if row.pending in PENDING and row.state not in FINAL:
        return (f"{text[:1]} {PENDING[row.pending]}", "warn")
    return (text, style)


class OrdersGrid(Grid):
    """Orders of one tab, newest first, children below their parents."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cache: RowCache[OrderRow] = RowCache(order_cells)

    def show(self, rows: Sequence[OrderRow], now_ns: int = 0) -> int:
        self._cache.prune({row.id for row in rows})
        as_it_comes, day = self.sort_column is None, figures.day_of(now_ns)
        return self.set_rows(
            [self._cache.get(row.id, row, child and as_it_comes, day) for row, child in nested(rows)]
        )


def _columns(*, average: int, reason: int) -> tuple[Column, ...]:
    """``average`` and ``reason``: how long these stay where it is narrow."""
    return (
        Column("state", "state", 9, 1),
        Column("side", "side", 6, 0),
        Column("symbol", "symbol", 9, 0, grow=5, whole=26),
        Column("quantity", "filled/qty", 13, 0, right=True, grow=12, shorten=True, exported="text"),
        Column("price", "price", 11, 1, right=True, grow=2),
        Column("average", "avg", 10, average, right=True, grow=2),
        Column("type", "type", 12, 4),
        Column("purpose", "purpose", 11, 5),
        Column("stop", "stop", 9, 6, right=True, grow=4),
        Column("time", "time", 8, 7, exported="time", whole=16),
        Column("reason", "reason", 18, reason, grow=FILL),
    )


class WorkingOrders(OrdersGrid):
    COLUMNS = _columns(average=9, reason=2)
    EMPTY = "no order is at work"


class FilledOrders(OrdersGrid):
    COLUMNS = _columns(average=0, reason=9)
    EMPTY = "no order has filled yet"


class EndedOrders(OrdersGrid):
    COLUMNS = _columns(average=9, reason=1)
    EMPTY = "none was canceled, denied, rejected or expired"


class OrdersPane(TabbedPane):
    def __init__(self, *, id: str | None = None) -> None:
        self._tables = (
            WorkingOrders(id="orders-working"),
            FilledOrders(id="orders-filled"),
            EndedOrders(id="orders-ended"),
        )
        super().__init__(TABS, self._tables, id=id, heading="Orders")

    def show(self, rows: Iterable[OrderRow], now_ns: int = 0) -> int:
        """Draw the open tab; what is of another day than now has its date. Returns the number of lines that
        changed."""
        tabs: tuple[list[OrderRow], ...] = ([], [], [])
        for row in rows:
            tabs[tab_of(row)].append(row)
        table = self._tables[self.tab]
        others = [
            f"{len(tab)} {name.lower()}"
            for number, (name, tab) in enumerate(zip(TABS, tabs, strict=True))
            if tab and number != self.tab
        ]
        table.say_empty(f"{table.EMPTY} · in the other tabs: {', '.join(others)}" if others else table.EMPTY)
        lines = table.show(tabs[self.tab], now_ns)
        if self.tabs.display:
            lines += self.tabs.show(self.tab, tuple(len(tab) for tab in tabs))
        return lines


def nested(rows: Iterable[OrderRow]) -> list[tuple[OrderRow, bool]]:
    """Newest first, each child below its parent where the parent is there too: (row, whether it is below)."""
    newest = sorted(rows, key=lambda row: (-row.created_ns, row.id))
    ids = {row.id for row in newest}
    children: dict[str, list[OrderRow]] = {}
    for row in newest:
        if row.parent_id in ids:
            children.setdefault(row.parent_id, []).append(row)
    out: list[tuple[OrderRow, bool]] = []
    placed: set[str] = set()

    def place(row: OrderRow, below: bool) -> None:
        if row.id not in placed:
            placed.add(row.id)
            out.append((row, below))
            for child in children.get(row.id, ()):
                place(child, True)

    for row in newest:
        if row.parent_id not in ids:
            place(row, False)
    for row in newest:
        place(row, False)  # nothing is left out, whatever its parents are
    return out


def order_cells(row: OrderRow, child: bool, day: int = 0) -> GridRow:
    """``child``: it stands below its parent. ``day``: the one it is now."""
    side, side_style = SIDES.get(row.side, (row.side, "text"))
    native = short_name(row.symbol)
    stop = level(row.stop_price) if row.stop_price else ""
    if row.trail:
        stop = f"{stop} ±{figures.amount(row.trail)}".lstrip()
    return GridRow(
        row.id,
        (
            order_state(row),
            (side, side_style),
            (_CHILD + native if child else native, "bold"),
            (_progress(row), "text"),
            (_price(row), "text"),
            (level(row.average_price), "text"),
            (_type(row), "muted"),
            (row.purpose.replace("_", " "), "muted"),
            (stop, "text"),
            (figures.on_day(row.created_ns, day), "muted"),
            (row.reason, "warn" if row.state in ("denied", "rejected") else "muted"),
        ),
        (
            row.state,
            row.side,
            native,
            figures.decimal(row.quantity),
            figures.decimal(row.price or row.stop_price),
            figures.decimal(row.average_price),
            _type(row),
            row.purpose,
            figures.decimal(row.stop_price),
            row.created_ns,
            row.reason,
        ),
    )


def _price(row: OrderRow) -> str:
    """Where it triggers, while it waits for that; then its limit."""
    if row.stop_price and (not row.price or row.state not in ("triggered", "partially_filled", "filled")):
        return TRIGGER + level(row.stop_price)
    return level(row.price) if row.price else ""


def _type(row: OrderRow) -> str:
    """Its type and how long it stands; a market order does not stand."""
    name = TYPES.get(row.type, row.type)
    return name if row.type == "market" else f"{name} {row.time_in_force.upper()}"


def _progress(row: OrderRow) -> str:
    """``filled/quantity``; the quantity alone once it is filled."""
    filled, quantity = figures.decimal(row.filled), figures.decimal(row.quantity)
    if filled and filled == quantity:
        return figures.amount(row.quantity)
    return f"{figures.amount(row.filled) if filled else '0'}/{figures.amount(row.quantity)}"
