"""Orders, fills and positions as a fold of the journal.

The journal is the truth. The tables are written in the transaction of the events they follow from, and
compared with the journal at start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Any

import msgspec

from engine.events import Fill, JournalEvent, OrderEvent, OrderState
from engine.store.codec import decode_journal

EXACT = Context(prec=60)
"""Sums and products of venue numbers are exact in 60 digits; only an average price is ever rounded."""

ZERO = Decimal(0)

Row = tuple[Any, ...]


class OrderFold(msgspec.Struct, gc=False):
    """A row of ``orders``: its fields are the columns. ``notional`` is the unsigned value filled."""

    client_order_id: str
    symbol: str
    side: str
    type: str = ""
    purpose: str = ""
    quantity: Decimal = ZERO
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    state: str = OrderState.INITIALIZED.value
    reason: str = ""
    opportunity_id: str = ""
    created_ns: int = 0
    updated_ns: int = 0
    updated_seq: int = 0

    def transition(self, event: OrderEvent) -> None:
        request = event.request
        if request is not None:
            self.side = request.side.value
            self.type = request.type.value
            self.purpose = request.purpose.value
            self.quantity = request.quantity
            self.opportunity_id = request.opportunity_id
            self.created_ns = event.ns
        self.state = event.state.value
        self.reason = event.reason
        self.updated_ns = event.ns

    def fill(self, fill: Fill) -> None:
        self.filled = EXACT.add(self.filled, fill.quantity)
        self.notional = EXACT.add(self.notional, EXACT.multiply(fill.price, fill.quantity))
        self.fees = EXACT.add(self.fees, fill.fee)
        if self.filled >= self.quantity:
            self.state = OrderState.FILLED.value
        elif not OrderState(self.state).terminal:
            self.state = OrderState.PARTIALLY_FILLED.value
        self.updated_ns = fill.ns


class PositionFold(msgspec.Struct, gc=False):
    """A row of ``positions``, at average cost. ``notional`` is the cash flow, negative for buys."""

    symbol: str
    quantity: Decimal = ZERO
    entry_price: Decimal = ZERO
    realized: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    updated_seq: int = 0

    def fill(self, fill: Fill) -> None:
        # Not "-x" or "abs(x)": those round to the thread's own 28 digits.
        change = fill.quantity if fill.side.sign > 0 else fill.quantity.copy_negate()
        held = self.quantity
        after = EXACT.add(held, change)
        if not held or (held > 0) == (change > 0):
            before = EXACT.multiply(self.entry_price, held.copy_abs())
            cost = EXACT.add(before, EXACT.multiply(fill.price, fill.quantity))
            self.entry_price = EXACT.divide(cost, after.copy_abs()) if after else ZERO
        else:
            closed = min(held.copy_abs(), fill.quantity)
            gain = EXACT.multiply(EXACT.subtract(fill.price, self.entry_price), closed)
            self.realized = EXACT.add(self.realized, gain if held > 0 else gain.copy_negate())
            if not after:
                self.entry_price = ZERO
            elif (after > 0) != (held > 0):
                self.entry_price = fill.price
        self.quantity = after
        self.notional = EXACT.subtract(self.notional, EXACT.multiply(change, fill.price))
        self.fees = EXACT.add(self.fees, fill.fee)


def _row(record: OrderFold | PositionFold) -> Row:
    return tuple(
        str(value) if isinstance(value, Decimal) else value for value in msgspec.structs.astuple(record)
    )


def _fill_row(seq: int, fill: Fill) -> Row:
    return (
        seq,
        fill.trade_id,
        fill.client_order_id,
        fill.symbol,
        fill.side.value,
        str(fill.quantity),
        str(fill.price),
        str(fill.fee),
        fill.liquidity,
        fill.decision_price,
        fill.ns,
    )


ORDER_COLUMNS = OrderFold.__struct_fields__
POSITION_COLUMNS = PositionFold.__struct_fields__
FILL_COLUMNS = (
    *("seq", "trade_id", "client_order_id", "symbol", "side", "quantity"),
    *("price", "fee", "liquidity", "decision_price", "ns"),
)
_DECIMALS = ("quantity", "filled", "notional", "fees")


class Fold:
    """The tables that follow from the journal. ``apply`` every event in order; ``take`` what changed.

    Everything is kept in memory until ``persist_in`` names the tables to ask instead.
    """

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._trade_ids: set[str] = set()
        self._orders: dict[str, OrderFold] = {}
        self._positions: dict[str, PositionFold] = {}
        self._fills: dict[str, Row] = {}
        self._changed_orders: dict[str, OrderFold] = {}
        self._changed_positions: dict[str, PositionFold] = {}

    def apply(self, seq: int, event: JournalEvent) -> None:
        """Fold one event. A fill whose trade id was seen before changes nothing."""
        if isinstance(event, Fill):
            if self._seen(event.trade_id):
                return
            self._trade_ids.add(event.trade_id)
            self._fills[event.trade_id] = _fill_row(seq, event)
            order = self._order(event.client_order_id, event.symbol, event.side.value)
            order.fill(event)
            position = self._positions.get(event.symbol)
            if position is None:
                position = self._positions[event.symbol] = PositionFold(event.symbol)
            position.fill(event)
            position.updated_seq = seq
            self._changed_positions[event.symbol] = position
        elif isinstance(event, OrderEvent):
            order = self._order(event.client_order_id, event.symbol, "")
            order.transition(event)
        else:
            return
        order.updated_seq = seq
        self._changed_orders[order.client_order_id] = order

    def take(self) -> dict[str, list[Row]]:
        """Rows by table that changed since the last call; to be written before the next ``apply``."""
        rows = {
            "orders": [_row(order) for order in self._changed_orders.values()],
            "fills": list(self._fills.values()),
            "positions": [_row(position) for position in self._changed_positions.values()],
        }
        self._changed_orders = {}
        self._changed_positions = {}
        self._fills = {}
        if self._connection is not None:
            self._forget()
        return rows

    def tables(self) -> dict[str, list[Row]]:
        """All rows by table, ordered by primary key; meant before the first ``take``."""
        return {
            "orders": [_row(self._orders[key]) for key in sorted(self._orders)],
            "fills": sorted(self._fills.values(), key=lambda row: int(row[0])),
            "positions": [_row(self._positions[key]) for key in sorted(self._positions)],
        }

    def persist_in(self, connection: sqlite3.Connection) -> None:
        """Declare that ``connection`` holds all of ``tables``; from now on it is asked for what has ended."""
        self._connection = connection
        self.take()

    def _forget(self) -> None:
        self._trade_ids.clear()
        for key in [key for key, order in self._orders.items() if OrderState(order.state).terminal]:
            del self._orders[key]

    def _seen(self, trade_id: str) -> bool:
        if trade_id in self._trade_ids:
            return True
        if self._connection is None:
            return False
        found = self._connection.execute("SELECT 1 FROM fills WHERE trade_id = ?", (trade_id,)).fetchone()
        return found is not None

    def _order(self, client_order_id: str, symbol: str, side: str) -> OrderFold:
        order = self._orders.get(client_order_id)
        if order is None:
            order = self._stored(client_order_id) or OrderFold(client_order_id, symbol, side)
            self._orders[client_order_id] = order
        return order

    def _stored(self, client_order_id: str) -> OrderFold | None:
        if self._connection is None:
            return None
        row = self._connection.execute(
            f"SELECT {', '.join(ORDER_COLUMNS)} FROM orders WHERE client_order_id = ?",  # noqa: S608
            (client_order_id,),
        ).fetchone()
        if row is None:
            return None
        values: dict[str, Any] = dict(zip(ORDER_COLUMNS, row, strict=True))
        for name in _DECIMALS:
            values[name] = Decimal(values[name])
        return OrderFold(**values)


def fold_journal(connection: sqlite3.Connection) -> Fold:
    """Fold the whole journal of a database."""
    fold = Fold()
    for seq, body in connection.execute("SELECT seq, body FROM journal ORDER BY seq"):
        fold.apply(seq, decode_journal(body))
    return fold


def differences(fold: Fold, connection: sqlite3.Connection) -> list[str]:
    """One line per row in which the tables differ from ``fold``; empty when they agree."""
    columns = {"orders": ORDER_COLUMNS, "fills": FILL_COLUMNS, "positions": POSITION_COLUMNS}
    found: list[str] = []
    for table, expected in fold.tables().items():
        stored = connection.execute(f"SELECT {', '.join(columns[table])} FROM {table} ORDER BY 1").fetchall()  # noqa: S608
        found += _compare(table, columns[table], _by_key(expected), _by_key(stored))
    return found


def verify(connection: sqlite3.Connection) -> list[str]:
    """Compare the tables with the journal; one line per difference."""
    return differences(fold_journal(connection), connection)


def _by_key(rows: Iterable[Row]) -> dict[str, Row]:
    # NaN is stored as NULL: a row is compared as it is stored.
    return {str(row[0]): tuple(None if value != value else value for value in row) for row in rows}


def _compare(table: str, columns: Row, expected: dict[str, Row], stored: dict[str, Row]) -> list[str]:
    found = []
    for key in sorted(expected.keys() | stored.keys()):
        want, have = expected.get(key), stored.get(key)
        if want is None:
            found.append(f"{table} {key}: not in the journal")
        elif have is None:
            found.append(f"{table} {key}: missing")
        elif want != have:
            wrong = [
                f"{name} is {h}, journal says {w}"
                for name, h, w in zip(columns, have, want, strict=True)
                if h != w
            ]
            found.append(f"{table} {key}: {'; '.join(wrong)}")
    return found
