"""Orders, fills, positions, balances, funding and limits as a fold of the journal.

The journal is the truth. The tables are written in the transaction of the events they follow from, and
compared with the journal at start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

import msgspec

from engine.events import Fill, Funding, JournalEvent, LimitChange, OrderChange, OrderEvent
from engine.store.exact import Row, row_of
from engine.store.money_fold import (
    BALANCE_COLUMNS,
    LIMIT_COLUMNS,
    POSITION_COLUMNS,
    BalanceFold,
    LimitFold,
    PositionFold,
)
from engine.store.order_fold import ORDER_COLUMNS, OrderFold
from engine.store.past import NoPast, Past, Tables

FILL_COLUMNS = (
    *("seq", "trade_id", "client_order_id", "symbol", "side", "quantity"),
    *("price", "fee", "liquidity", "decision_price", "ns", "currency"),
)
FUNDING_COLUMNS = ("seq", "funding_id", "symbol", "amount", "currency", "rate", "ns")

TABLES: Mapping[str, tuple[str, ...]] = {
    "orders": ORDER_COLUMNS,
    "fills": FILL_COLUMNS,
    "positions": POSITION_COLUMNS,
    "balances": BALANCE_COLUMNS,
    "funding": FUNDING_COLUMNS,
    "limits": LIMIT_COLUMNS,
}
"""The columns of each table that is a fold."""

KEYS: Mapping[str, int] = {"limits": 2}
"""How many of a table's first columns are its key, where it is not one."""


class Held(msgspec.Struct, frozen=True):
    """What is not ended at some moment, small enough to be kept with a checkpoint. Rows of the tables."""

    positions: tuple[PositionFold, ...]
    balances: tuple[BalanceFold, ...]
    limits: tuple[LimitFold, ...]
    open_orders: tuple[str, ...]
    """Client order ids."""


class Fold:
    """The tables that follow from the journal. ``apply`` every event in order; ``take`` what changed.

    Orders and fills are kept in memory until ``persist_in`` names the tables to ask instead.
    """

    def __init__(self, past: Past | None = None, held: Held | None = None) -> None:
        """From the beginning; or from ``held``, with ``past`` to ask for the rest."""
        self._past: Past = past or NoPast()
        self._orders: dict[str, OrderFold] = {}
        self._positions: dict[str, PositionFold] = {}
        self._balances: dict[str, BalanceFold] = {}
        self._limits: dict[tuple[str, str], LimitFold] = {}
        self._fills: dict[str, Row] = {}
        self._funding: dict[str, Row] = {}
        # Ids that are not in the past.
        self._trades: set[str] = set()
        self._payments: set[str] = set()
        self._changed: dict[str, dict[object, msgspec.Struct]] = {
            name: {} for name in ("orders", "positions", "balances", "limits")
        }
        if held is not None:
            self._positions = {one.symbol: one for one in held.positions}
            self._balances = {one.currency: one for one in held.balances}
            self._limits = {(one.scope, one.name): one for one in held.limits}
            for key in held.open_orders:
                self._order(key, "", "")

    def apply(self, seq: int, event: JournalEvent) -> None:
        """Fold one event. A fill or payment whose id was seen before changes nothing."""
        if isinstance(event, OrderEvent):
            order = self._order(event.client_order_id, event.symbol, "")
            order.transition(event)
            self._touch_order(order, seq)
        elif isinstance(event, Fill):
            self._fill(seq, event)
        elif isinstance(event, OrderChange):
            order = self._order(event.client_order_id, event.symbol, "")
            order.change(event)
            self._touch_order(order, seq)
        elif isinstance(event, Funding):
            self._fund(seq, event)
        elif isinstance(event, LimitChange):
            key = event.scope, event.name
            limit = LimitFold(*key, event.value, event.who, event.ns, seq)
            self._limits[key] = self._changed["limits"][key] = limit

    def _fill(self, seq: int, fill: Fill) -> None:
        key = fill.trade_id
        if key in self._trades or self._past.has_fill(key):
            return
        self._trades.add(key)
        self._fills[key] = _fill_row(seq, fill)
        order = self._order(fill.client_order_id, fill.symbol, fill.side.value)
        order.fill(fill)
        self._touch_order(order, seq)
        self._position(fill.symbol, seq).fill(fill)
        self._balance(fill.currency, seq).fill(fill)

    def _fund(self, seq: int, funding: Funding) -> None:
        key = funding.funding_id
        if key in self._payments or self._past.has_funding(key):
            return
        self._payments.add(key)
        self._funding[key] = (
            *(seq, key, funding.symbol, str(funding.amount), funding.currency, funding.rate, funding.ns),
        )
        self._position(funding.symbol, seq).fund(funding)
        self._balance(funding.currency, seq).fund(funding)

    def _touch_order(self, order: OrderFold, seq: int) -> None:
        order.updated_seq = seq
        self._changed["orders"][order.client_order_id] = order

    def _order(self, client_order_id: str, symbol: str, side: str) -> OrderFold:
        order = self._orders.get(client_order_id)
        if order is None:
            order = self._past.order(client_order_id) or OrderFold(client_order_id, symbol, side)
            self._orders[client_order_id] = order
        return order

    def _position(self, symbol: str, seq: int) -> PositionFold:
        position = self._positions.setdefault(symbol, PositionFold(symbol))
        position.updated_seq = seq
        self._changed["positions"][symbol] = position
        return position

    def _balance(self, currency: str, seq: int) -> BalanceFold:
        balance = self._balances.setdefault(currency, BalanceFold(currency))
        balance.updated_seq = seq
        self._changed["balances"][currency] = balance
        return balance

    def take(self) -> dict[str, list[Row]]:
        """Rows by table that changed since the last call; to be written before the next ``apply``."""
        rows = {name: [row_of(one) for one in changed.values()] for name, changed in self._changed.items()}
        rows["fills"] = list(self._fills.values())
        rows["funding"] = list(self._funding.values())
        for changed in self._changed.values():
            changed.clear()
        self._fills.clear()
        self._funding.clear()
        if isinstance(self._past, Tables):
            self._forget()
        return rows

    def tables(self) -> dict[str, list[Row]]:
        """All rows by table, in order of their keys; meant before the first ``take``."""
        orders, positions, balances = self._orders, self._positions, self._balances
        return {
            "orders": [row_of(orders[key]) for key in sorted(orders)],
            "fills": sorted(self._fills.values(), key=lambda row: int(row[0])),
            "positions": [row_of(positions[key]) for key in sorted(positions)],
            "balances": [row_of(balances[key]) for key in sorted(balances)],
            "funding": sorted(self._funding.values(), key=lambda row: int(row[0])),
            "limits": [row_of(self._limits[key]) for key in sorted(self._limits)],
        }

    def persist_in(self, connection: sqlite3.Connection) -> None:
        """Declare that ``connection`` holds all of ``tables``; from now on it is asked for what has ended."""
        self._past = Tables(connection)
        self.take()

    def held(self) -> Held:
        """What is not ended now."""
        return Held(
            tuple(self._positions.values()),
            tuple(self._balances.values()),
            tuple(self._limits.values()),
            tuple(key for key, order in self._orders.items() if not order.terminal),
        )

    def _forget(self) -> None:
        self._trades.clear()
        self._payments.clear()
        for key in [key for key, order in self._orders.items() if order.terminal]:
            del self._orders[key]


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
        fill.currency,
    )


def by_key(table: str, rows: Iterable[Row]) -> dict[str, Row]:
    """Rows as they are stored (NaN is NULL) by the text of their keys."""
    width = KEYS.get(table, 1)
    return {
        " ".join(str(part) for part in row[:width]): tuple(None if value != value else value for value in row)
        for row in rows
    }
