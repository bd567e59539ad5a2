"""Records that are written behind, as table rows, many to a statement.

The sqlite3 module lets go of the interpreter lock at every statement and must win it back, which takes up to
5 ms beside a busy thread: a statement per row would write 200 rows a second during a replay. One statement
therefore carries up to 256 rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from engine.events import Blend, Drop, FeatureRow, Opportunity, Quarantined, Signal, Verdict
from engine.store.codec import encode
from engine.store.commands import Command

Row = tuple[Any, ...]


class EquityPoint(msgspec.Struct, frozen=True, gc=False):
    """The account at one moment; decimal text, in the account's currency."""

    ns: int
    equity: str
    cash: str
    unrealized: str


class PositionPoint(msgspec.Struct, frozen=True, gc=False):
    """A position at one moment; decimal text, prices and money in the symbol's quote currency."""

    ns: int
    symbol: str
    quantity: str
    """Signed; "0" once it is closed."""
    entry: str
    """Average price of what is open."""
    mark: str
    unrealized: str
    realized: str
    """Over all of the symbol's closed quantity, before fees."""


class CurrencyPoint(msgspec.Struct, frozen=True, gc=False):
    """What the account has of one currency at one moment; decimal text, in that currency."""

    ns: int
    currency: str
    cash: str
    positions: str
    """Value of the open positions; those in pegged currencies count with the account's own."""
    rate: str
    """One unit in the account's currency; "" when unknown."""


Record = (
    Signal
    | Blend
    | Opportunity
    | Verdict
    | FeatureRow
    | Drop
    | Quarantined
    | EquityPoint
    | PositionPoint
    | CurrencyPoint
    | Command
)


class Table(NamedTuple):
    name: str
    columns: tuple[str, ...]
    rows: Callable[[Sequence[Any]], Sequence[Row]]
    conflict: str = ""


def _signals(records: Sequence[Signal]) -> list[Row]:
    return [
        (r.ns, r.symbol, r.source, r.family.value, r.score, r.confidence, r.ttl_ns, r.reason) for r in records
    ]


def _blends(records: Sequence[Blend]) -> list[Row]:
    return [(r.ns, r.symbol, r.score, r.confidence, r.agreement, encode(r)) for r in records]


def _opportunities(records: Sequence[Opportunity]) -> list[Row]:
    newest = {r.opportunity_id: r for r in records}
    return [
        (
            r.opportunity_id,
            r.symbol,
            r.side.value,
            r.score,
            r.confidence,
            r.price,
            r.created_ns,
            r.expires_ns,
            r.merged,
            encode(r),
        )
        for r in newest.values()
    ]


def _verdicts(records: Sequence[Verdict]) -> list[Row]:
    return [
        (r.client_order_id, r.ns, r.symbol, int(r.approved), r.code, r.detail, encode(r)) for r in records
    ]


def _drops(records: Sequence[Drop]) -> list[Row]:
    counts: dict[tuple[str, str, str], tuple[int, Drop]] = {}
    for r in records:
        key = (r.stage, r.symbol, r.code)
        count, _ = counts.get(key, (0, r))
        counts[key] = (count + 1, r)
    return [(*key, count, last.ns, last.detail) for key, (count, last) in counts.items()]


def _structs(records: Sequence[msgspec.Struct]) -> list[Row]:
    return [msgspec.structs.astuple(record) for record in records]


TABLES: dict[type, Table] = {
    Signal: Table(
        "signals", ("ns", "symbol", "source", "family", "score", "confidence", "ttl_ns", "reason"), _signals
    ),
    Blend: Table("blends", ("ns", "symbol", "score", "confidence", "agreement", "body"), _blends),
    Opportunity: Table(
        "opportunities",
        (
            *("opportunity_id", "symbol", "side", "score", "confidence", "price"),
            *("created_ns", "expires_ns", "merged", "body"),
        ),
        _opportunities,
        "ON CONFLICT DO UPDATE SET score = excluded.score, confidence = excluded.confidence, "
        "price = excluded.price, expires_ns = excluded.expires_ns, merged = excluded.merged, "
        "body = excluded.body",
    ),
    Verdict: Table(
        "verdicts", ("client_order_id", "ns", "symbol", "approved", "code", "detail", "body"), _verdicts
    ),
    FeatureRow: Table("features", FeatureRow.__struct_fields__, _structs),
    Drop: Table(
        "drops",
        ("stage", "symbol", "code", "count", "last_ns", "last_detail"),
        _drops,
        "ON CONFLICT DO UPDATE SET count = count + excluded.count, last_ns = excluded.last_ns, "
        "last_detail = excluded.last_detail",
    ),
    Quarantined: Table("quarantine", Quarantined.__struct_fields__, _structs),
    EquityPoint: Table("equity", EquityPoint.__struct_fields__, _structs),
    PositionPoint: Table("position_points", PositionPoint.__struct_fields__, _structs),
    CurrencyPoint: Table("currency_points", CurrencyPoint.__struct_fields__, _structs),
    Command: Table(
        "commands",
        Command.__struct_fields__,
        _structs,
        "ON CONFLICT (number) DO UPDATE SET status = excluded.status, outcome = excluded.outcome, "
        "took_us = excluded.took_us",
    ),
}


def write(connection: sqlite3.Connection, records: Iterable[Record]) -> None:
    """Insert ``records`` in the open transaction; order is kept within each kind."""
    by_kind: dict[type, list[Record]] = {}
    for record in records:
        by_kind.setdefault(type(record), []).append(record)
    for kind, group in by_kind.items():
        table = TABLES[kind]
        insert(connection, table.name, table.columns, table.rows(group), table.conflict)


def insert(
    connection: sqlite3.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    conflict: str = "",
) -> None:
    """Insert ``rows`` with few statements, whose texts repeat, so that SQLite compiles each once."""
    head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608
    group = f"({', '.join('?' * len(columns))})"
    position = 0
    for size in (256, 64, 16, 4, 1):
        text = f"{head}{', '.join([group] * size)} {conflict}"
        while len(rows) - position >= size:
            chunk = rows[position : position + size]
            connection.execute(text, list(chain.from_iterable(chunk)))
            position += size
