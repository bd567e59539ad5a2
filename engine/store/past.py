"""Where a fold finds what it does not hold in memory: nowhere, in the tables, or in the journal."""

from __future__ import annotations

import sqlite3
from typing import Protocol

from engine.events import Fill, OrderChange, OrderEvent
from engine.store.codec import decode_journal
from engine.store.order_fold import ORDER_COLUMNS, OrderFold


class Past(Protocol):
    def order(self, client_order_id: str) -> OrderFold | None:
        """The order as it stood; None when there was none."""

    def has_fill(self, trade_id: str) -> bool:
        """Whether the trade was booked."""

    def has_funding(self, funding_id: str) -> bool:
        """Whether the payment was booked."""


class NoPast:
    """Everything is in memory."""

    def order(self, client_order_id: str) -> OrderFold | None:
        return None

    def has_fill(self, trade_id: str) -> bool:
        return False

    def has_funding(self, funding_id: str) -> bool:
        return False


class Tables:
    """What the tables say."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def order(self, client_order_id: str) -> OrderFold | None:
        row = self._connection.execute(
            f"SELECT {', '.join(ORDER_COLUMNS)} FROM orders WHERE client_order_id = ?",  # noqa: S608
            (client_order_id,),
        ).fetchone()
        return None if row is None else OrderFold.from_row(row)

    def has_fill(self, trade_id: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM fills WHERE trade_id = ?", (trade_id,))
        return found.fetchone() is not None

    def has_funding(self, funding_id: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM funding WHERE funding_id = ?", (funding_id,))
        return found.fetchone() is not None


class JournalUpTo:
    """What the journal said up to ``seq``, order by order; the tables after it may be wrong."""

    def __init__(self, connection: sqlite3.Connection, seq: int) -> None:
        self._connection = connection
        self._seq = seq

    def order(self, client_order_id: str) -> OrderFold | None:
        order: OrderFold | None = None
        trades: set[str] = set()
        for seq, body in self._connection.execute(
            "SELECT seq, body FROM journal WHERE client_order_id = ? AND client_order_id <> '' AND seq <= ? "
            "ORDER BY seq",
            (client_order_id, self._seq),
        ):
            event = decode_journal(body)
            if isinstance(event, Fill):
                if event.trade_id in trades:
                    continue
                trades.add(event.trade_id)
            order = order or OrderFold(client_order_id, getattr(event, "symbol", ""), "")
            if isinstance(event, Fill):
                order.side = order.side or event.side.value
                order.fill(event)
            elif isinstance(event, OrderEvent):
                order.transition(event)
            elif isinstance(event, OrderChange):
                order.change(event)
            order.updated_seq = seq
        return order

    def has_fill(self, trade_id: str) -> bool:
        return self._before("SELECT seq FROM fills WHERE trade_id = ?", trade_id)

    def has_funding(self, funding_id: str) -> bool:
        return self._before("SELECT seq FROM funding WHERE funding_id = ?", funding_id)

    def _before(self, query: str, key: str) -> bool:
        row = self._connection.execute(query, (key,)).fetchone()
        return row is not None and row[0] <= self._seq
