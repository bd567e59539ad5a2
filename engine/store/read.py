"""Queries. They never wait for the writer and cannot change anything.

For files a reader has a read-only connection of its own; call it from one worker thread at a time or several,
it serialises itself. A memory-only store lends the writer's connection instead.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.errors import StoreError
from engine.events import (
    NS,
    Fill,
    JournalEvent,
    Opportunity,
    OrderChange,
    OrderEvent,
    Quarantined,
    RiskChange,
    Verdict,
)
from engine.store import automations as automation_rows
from engine.store import schema
from engine.store.automations import AutomationRun, StoredAutomation
from engine.store.codec import decode, decode_journal
from engine.store.commands import StoredCommand, commands
from engine.store.pages import Wanted
from engine.store.quarantine import MOST, listed, symbols
from engine.store.rows import EquityPoint, PositionPoint

T = TypeVar("T")
Query = Callable[[sqlite3.Connection], T]

DATABASE = "tickdesk.db"
"""The database of a state directory."""

_DAY_NS = 86_400 * NS
_END = (1 << 63) - 1
_PAGE = 10_000
"""Rows of a long table that are read at once."""
_LOOKED_AT = 50_000
"""Fills among which those of one symbol are sought: they have no index by symbol."""

COUNTED = (
    *(
        "journal",
        "orders",
        "fills",
        "positions",
        "signals",
        "blends",
        "opportunities",
        "verdicts",
        "features",
    ),
    *("equity", "drops", "balances", "funding", "limits", "position_points", "currency_points"),
)


class OrderRecord(msgspec.Struct, frozen=True, gc=False):
    """A row of ``orders``; quantities, prices and money are decimal text."""

    client_order_id: str
    symbol: str
    side: str
    type: str
    purpose: str
    quantity: str
    filled: str
    notional: str
    fees: str
    state: str
    reason: str
    opportunity_id: str
    created_ns: int
    updated_ns: int
    updated_seq: int
    price: str | None
    stop_price: str | None
    trail: str | None
    time_in_force: str
    expire_ns: int
    post_only: int
    reduce_only: int
    pending: str
    list_id: str
    parent_id: str
    gateway: str
    venue_order_id: str
    who: str


class PositionRecord(msgspec.Struct, frozen=True, gc=False):
    """A row of ``positions``; ``quantity`` is signed, ``notional`` is the signed cash flow."""

    symbol: str
    quantity: str
    entry_price: str
    realized: str
    notional: str
    fees: str
    updated_seq: int
    funding: str


class BalanceRecord(msgspec.Struct, frozen=True, gc=False):
    """A row of ``balances``: what trading added to the cash of a currency; "" is the account's own."""

    currency: str
    cash: str
    notional: str
    fees: str
    funding: str
    updated_seq: int


class LimitRecord(msgspec.Struct, frozen=True, gc=False):
    """A row of ``limits``: the last change of one."""

    scope: str
    name: str
    value: str
    who: str
    ns: int
    updated_seq: int


class Reader:
    """Read-only queries on one database. Every method raises ``StoreError`` when it cannot be read."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
            )
            self._connection.execute("PRAGMA busy_timeout = 5000")
        except sqlite3.Error as error:
            raise StoreError(f"cannot read {path}: {error}; check the path or choose --state-dir") from error
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _run(self, query: Query[T]) -> T:
        with self._lock:
            try:
                return query(self._connection)
            except sqlite3.Error as error:
                raise StoreError(f"cannot read the database: {error}") from error

    def events_since(self, seq: int, limit: int = 1000) -> list[tuple[int, JournalEvent]]:
        """Journal events after ``seq``, oldest first, at most ``limit``."""
        rows = self._rows("SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)
        return [(int(row[0]), decode_journal(row[1])) for row in rows]

    def bodies(self, *kinds: type[JournalEvent], since: int = 0, up_to: int = _END) -> Iterator[str]:
        """The journal's events of these kinds behind ``since``, ``up_to`` with it, as they are stored (JSON),
        in order of sequence."""
        names = [kind.__name__ for kind in kinds]
        query = (
            "SELECT seq, body FROM journal WHERE seq > ? AND seq <= ? "  # noqa: S608
            f"AND kind IN ({', '.join('?' * len(names))}) ORDER BY seq LIMIT {_PAGE}"
        )
        seq = since
        while rows := self._rows(query, seq, up_to, *names):
            yield from (body for _, body in rows)
            seq = rows[-1][0]

    def last_seq(self) -> int:
        """0 when nothing was ever committed."""
        return int(self._rows("SELECT COALESCE(MAX(seq), 0) FROM journal")[0][0])

    def last_seq_before(self, ns: int) -> int:
        """Of the last event that is dated before ``ns``; 0: none is."""
        rows = self._rows("SELECT seq FROM journal WHERE ns < ? ORDER BY seq DESC LIMIT 1", ns)
        return int(rows[0][0]) if rows else 0

    def opportunity(self, opportunity_id: str) -> Opportunity | None:
        rows = self._rows("SELECT body FROM opportunities WHERE opportunity_id = ?", opportunity_id)
        return decode(rows[0][0], Opportunity) if rows else None

    def verdict(self, client_order_id: str) -> Verdict | None:
        """The newest verdict on an order."""
        rows = self._rows(
            "SELECT body FROM verdicts WHERE client_order_id = ? ORDER BY rowid DESC LIMIT 1", client_order_id
        )
        return decode(rows[0][0], Verdict) if rows else None

    def order_events(self, client_order_id: str) -> list[OrderEvent]:
        return [event for event in self._of_order(client_order_id) if isinstance(event, OrderEvent)]

    def order_changes(self, client_order_id: str) -> list[OrderChange]:
        return [event for event in self._of_order(client_order_id) if isinstance(event, OrderChange)]

    def fills(self, client_order_id: str) -> list[Fill]:
        return [event for event in self._of_order(client_order_id) if isinstance(event, Fill)]

    def order(self, client_order_id: str) -> OrderRecord | None:
        rows = self._rows(f"SELECT {_ORDER} FROM orders WHERE client_order_id = ?", client_order_id)  # noqa: S608
        return OrderRecord(*rows[0]) if rows else None

    def recent_orders(self, limit: int = 100) -> list[OrderRecord]:
        """Orders, the one changed last first."""
        rows = self._rows(f"SELECT {_ORDER} FROM orders ORDER BY updated_seq DESC LIMIT ?", limit)  # noqa: S608
        return [OrderRecord(*row) for row in rows]

    def fills_of(self, symbol: str, limit: int = 100) -> list[Fill]:
        """Fills of one symbol among the newest of all, newest first."""
        rows = self._rows(
            "SELECT journal.body FROM (SELECT seq, symbol FROM fills ORDER BY seq DESC LIMIT ?) AS newest "
            "JOIN journal ON journal.seq = newest.seq WHERE newest.symbol = ? "
            "ORDER BY newest.seq DESC LIMIT ?",
            _LOOKED_AT,
            symbol,
            limit,
        )
        return [fill for row in rows if isinstance(fill := decode_journal(row[0]), Fill)]

    def risk_changes(self, limit: int = 100) -> list[RiskChange]:
        """Changes of the trading state, newest first."""
        rows = self._rows(
            # As in the index of what is rare, or all orders would be gone through.
            "SELECT body FROM journal WHERE kind = 'RiskChange' "
            "AND kind NOT IN ('OrderEvent', 'OrderChange', 'Fill') ORDER BY seq DESC LIMIT ?",
            limit,
        )
        return [change for row in rows if isinstance(change := decode_journal(row[0]), RiskChange)]

    def positions(self) -> list[PositionRecord]:
        """Every symbol ever held, by symbol; quantity "0" when flat."""
        return [
            PositionRecord(*row)
            for row in self._rows(f"SELECT {_POSITION} FROM positions ORDER BY symbol")  # noqa: S608
        ]

    def balances(self) -> list[BalanceRecord]:
        """By currency."""
        rows = self._rows(f"SELECT {_BALANCE} FROM balances ORDER BY currency")  # noqa: S608
        return [BalanceRecord(*row) for row in rows]

    def limits(self) -> list[LimitRecord]:
        """Limits that were changed while the desk ran and still are."""
        rows = self._rows(f"SELECT {_LIMIT} FROM limits WHERE value <> '' ORDER BY scope, name")  # noqa: S608
        return [LimitRecord(*row) for row in rows]

    def settings(self) -> dict[str, Any]:
        """All of them, but for those that nobody can read any more."""
        found: dict[str, Any] = {}
        for key, value in self._rows("SELECT key, value FROM settings ORDER BY key"):
            with contextlib.suppress(ValueError):  # msgspec's errors are ValueErrors
                found[key] = msgspec.json.decode(value)
        return found

    def equity_points(
        self, since_ns: int = 0, until_ns: int = _END, *, after_row: int = 0
    ) -> list[EquityPoint]:
        """From then on and before ``until_ns``, oldest first; those alone that were written after
        ``newest_equity_row()`` gave this."""
        rows = self._rows(
            f"SELECT {_EQUITY} FROM equity WHERE ns >= ? AND ns < ? AND rowid > ? ORDER BY ns",  # noqa: S608
            since_ns,
            until_ns,
            after_row,
        )
        return [EquityPoint(*row) for row in rows]

    def newest_equity_row(self) -> int:
        """0: there is none."""
        return int(self._rows("SELECT COALESCE(MAX(rowid), 0) FROM equity")[0][0])

    def first_equity(self, since_ns: int = 0) -> EquityPoint | None:
        """The oldest point that is kept, from then on; None: there is none."""
        rows = self._rows(
            f"SELECT {_EQUITY} FROM equity WHERE ns >= ? ORDER BY ns LIMIT 1",  # noqa: S608
            since_ns,
        )
        return EquityPoint(*rows[0]) if rows else None

    def equity_closes(self, until_ns: int) -> list[EquityPoint]:
        """The last point of each UTC day before ``until_ns`` that has one, oldest first: a look-up a day."""
        closes: list[EquityPoint] = []
        while rows := self._rows(
            f"SELECT {_EQUITY} FROM equity WHERE ns < ? ORDER BY ns DESC LIMIT 1",  # noqa: S608
            until_ns,
        ):
            closes.append(EquityPoint(*rows[0]))
            until_ns = closes[-1].ns // _DAY_NS * _DAY_NS
        return closes[::-1]

    def position_points(self, symbol: str, since_ns: int = 0, until_ns: int = _END) -> list[PositionPoint]:
        """Of one symbol from then on and before ``until_ns``, oldest first."""
        rows = self._rows(
            f"SELECT {_POSITION_POINT} FROM position_points "  # noqa: S608
            "WHERE symbol = ? AND ns >= ? AND ns < ? ORDER BY ns",
            symbol,
            since_ns,
            until_ns,
        )
        return [PositionPoint(*row) for row in rows]

    def position_before(self, symbol: str, ns: int) -> PositionPoint | None:
        """The last point of a symbol before ``ns``."""
        rows = self._rows(
            f"SELECT {_POSITION_POINT} FROM position_points "  # noqa: S608
            "WHERE symbol = ? AND ns < ? ORDER BY ns DESC LIMIT 1",
            symbol,
            ns,
        )
        return PositionPoint(*rows[0]) if rows else None

    def rates_before(self, ns: int) -> dict[str, str]:
        """By currency, what one unit was worth last in the day before ``ns``; "" when it was not known."""
        rows = self._rows(
            "SELECT currency, rate, MAX(ns) FROM currency_points WHERE ns >= ? AND ns < ? GROUP BY currency",
            ns - _DAY_NS,
            ns,
        )
        return {row[0]: row[1] for row in rows}

    def require_current(self) -> None:
        """Raises ``StoreError`` for a database of another version, whose tables are others."""
        version = int(self._rows("PRAGMA user_version")[0][0])
        if version != schema.VERSION:
            raise StoreError(
                f"the database is of version {version}, this tickdesk knows {schema.VERSION}: "
                "start the engine on it once, or upgrade tickdesk"
            )

    def commands(self, before: int, limit: int, who: str = "", since_ns: int = 0) -> list[StoredCommand]:
        """The log of commands below an id, newest first."""
        return self._run(commands(before, limit, who, since_ns))

    def part(self, read: Callable[[sqlite3.Connection, Wanted], T], wanted: Wanted) -> T:
        """A page of what is recorded: ``read`` is a function of ``engine.store.pages``."""
        return self._run(lambda connection: read(connection, wanted))

    def automations(self) -> list[StoredAutomation]:
        """All automations, by name."""
        return self._run(automation_rows.load)

    def automation_runs(self, limit: int = 100, name: str = "") -> list[AutomationRun]:
        """Runs of automations (of one, when named), newest first."""
        return self._run(automation_rows.recent_runs(limit, name))

    def counts(self) -> dict[str, int]:
        """Rows by table; for ``drops`` the sum of its counters."""
        query = ", ".join(
            f"(SELECT {'COALESCE(SUM(count), 0)' if table == 'drops' else 'COUNT(*)'} FROM {table})"  # noqa: S608
            for table in COUNTED
        )
        return dict(zip(COUNTED, self._rows(f"SELECT {query}")[0], strict=True))

    def drops(self) -> dict[str, int]:
        """Counts by ``stage:CODE``."""
        rows = self._rows(
            "SELECT stage || ':' || code, SUM(count) FROM drops GROUP BY stage, code ORDER BY stage, code"
        )
        return {row[0]: int(row[1]) for row in rows}

    def quarantine(
        self, *, symbol: str = "", reason: str = "", since_ns: int = 0, limit: int = MOST
    ) -> list[Quarantined]:
        """What was not believed, newest first; see ``quarantine.listed``."""
        return self._run(
            lambda connection: listed(
                connection, symbol=symbol, reason=reason, since_ns=since_ns, limit=limit
            )
        )

    def quarantined_symbols(self) -> list[str]:
        """Of which something that was not believed is kept."""
        return self._run(symbols)

    def _of_order(self, client_order_id: str) -> list[JournalEvent]:
        rows = self._rows("SELECT body FROM journal WHERE client_order_id = ? ORDER BY seq", client_order_id)
        return [decode_journal(row[0]) for row in rows]

    def _rows(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._run(lambda connection: connection.execute(text, values).fetchall())


class BorrowedReader(Reader):
    """The same queries on a connection that somebody else owns: ``run`` calls its argument with it."""

    def __init__(self, run: Callable[[Query[Any]], Any]) -> None:
        self._borrow = run

    def close(self) -> None:
        """The connection is not ours to close."""

    def _run(self, query: Query[T]) -> T:
        return self._borrow(query)  # type: ignore[no-any-return]


_ORDER = ", ".join(OrderRecord.__struct_fields__)
_POSITION = ", ".join(PositionRecord.__struct_fields__)
_BALANCE = ", ".join(BalanceRecord.__struct_fields__)
_LIMIT = ", ".join(LimitRecord.__struct_fields__)
_EQUITY = ", ".join(EquityPoint.__struct_fields__)
_POSITION_POINT = ", ".join(PositionPoint.__struct_fields__)
