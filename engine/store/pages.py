"""What is recorded, in pages from the newest: each reads a bounded part of its table, whatever is sought."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from engine.events import Family, FeatureRow, Fill, Opportunity, Signal
from engine.store.codec import decode, decode_journal

T = TypeVar("T")
Part = tuple[tuple[T, ...], int | None]
"""Rows, newest first, and the number before which the next part goes on; None: there is none."""

SCANNED = 50_000
"""Rows of the table that one page looks through: few columns have an index, as each costs the writer."""


class Wanted(NamedTuple):
    before: int
    """Rows with a number below it."""
    limit: int
    since_ns: int
    until_ns: int
    equal: dict[str, str]
    """What columns hold; "" is anything."""


class _Table(NamedTuple):
    name: str
    key: str
    """A number that rises with each row."""
    ns: str
    columns: str
    row: Callable[[Sequence[Any]], Any]


def _number(value: Any) -> Any:
    return math.nan if value is None else value


def _signal(row: Sequence[Any]) -> Signal:
    ns, symbol, source, family, score, confidence, ttl_ns, reason = row
    return Signal(symbol, source, Family(family), _number(score), _number(confidence), ns, ttl_ns, reason)


def _opportunity(row: Sequence[Any]) -> Opportunity:
    return decode(row[0], Opportunity)


def _features(row: Sequence[Any]) -> FeatureRow:
    return FeatureRow(*(_number(value) for value in row))


def _fill(row: Sequence[Any]) -> Fill:
    fill = decode_journal(row[0])
    assert isinstance(fill, Fill)  # it is joined by the fill's own number
    return fill


_SIGNALS = _Table(
    "signals", "rowid", "ns", "ns, symbol, source, family, score, confidence, ttl_ns, reason", _signal
)
_OPPORTUNITIES = _Table("opportunities", "rowid", "created_ns", "body", _opportunity)
_FEATURES = _Table("features", "rowid", "ns", ", ".join(FeatureRow.__struct_fields__), _features)
_FILLS = _Table("fills", "seq", "ns", "(SELECT body FROM journal WHERE journal.seq = fills.seq)", _fill)


def signals(connection: sqlite3.Connection, wanted: Wanted) -> Part[Signal]:
    return _part(connection, _SIGNALS, wanted)


def opportunities(connection: sqlite3.Connection, wanted: Wanted) -> Part[Opportunity]:
    return _part(connection, _OPPORTUNITIES, wanted)


def features(connection: sqlite3.Connection, wanted: Wanted) -> Part[FeatureRow]:
    return _part(connection, _FEATURES, wanted)


def fills(connection: sqlite3.Connection, wanted: Wanted) -> Part[Fill]:
    return _part(connection, _FILLS, wanted)


def _part(connection: sqlite3.Connection, table: _Table, wanted: Wanted) -> Part[Any]:
    name, key, ns, columns, make = table
    least = connection.execute(
        f"SELECT {key} FROM {name} WHERE {key} < ? ORDER BY {key} DESC LIMIT 1 OFFSET ?",  # noqa: S608
        (wanted.before, SCANNED - 1),
    ).fetchone()
    lowest = 0 if least is None else int(least[0])
    equal = [(column, text) for column, text in wanted.equal.items() if text]
    where = " AND ".join([f"{key} < ? AND {key} >= ?", *(f"{column} = ?" for column, _ in equal)])
    values: list[Any] = [wanted.before, lowest, *(text for _, text in equal)]
    found = connection.execute(
        f"SELECT {key}, {columns} FROM {name} WHERE {where} AND {ns} >= ? AND {ns} < ? "  # noqa: S608
        f"ORDER BY {key} DESC LIMIT ?",
        (*values, wanted.since_ns, wanted.until_ns, wanted.limit + 1),
    ).fetchall()
    rows = tuple(make(row[1:]) for row in found[: wanted.limit])
    if len(found) > wanted.limit:
        return rows, int(found[wanted.limit - 1][0])
    return rows, _rest(connection, table, wanted, lowest)


def _rest(connection: sqlite3.Connection, table: _Table, wanted: Wanted, lowest: int) -> int | None:
    """Where to look on: not at all once all that was looked through is older than what is sought."""
    if lowest == 0:
        return None
    name, key, ns = table[:3]
    young = connection.execute(
        f"SELECT 1 FROM {name} WHERE {key} < ? AND {key} >= ? AND {ns} >= ? LIMIT 1",  # noqa: S608
        (wanted.before, lowest, wanted.since_ns),
    ).fetchone()
    return None if young is None else lowest
