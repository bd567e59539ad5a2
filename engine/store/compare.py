"""The journal's fold beside the tables: every difference, one line each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from engine.events import JournalEvent
from engine.store.codec import decode_stored
from engine.store.exact import Row
from engine.store.fold import TABLES, Fold, by_key
from engine.store.order_fold import TERMINAL

_PAGE = 10_000
_OPEN = f"state NOT IN ({', '.join(repr(state) for state in TERMINAL)})"


def journal_after(connection: sqlite3.Connection, seq: int) -> Iterator[tuple[int, str, JournalEvent]]:
    """(seq, body, event) in order of sequence. Raises ``msgspec.ValidationError`` for what is damaged."""
    cursor = connection.execute("SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq", (seq,))
    while page := cursor.fetchmany(_PAGE):
        for number, body in page:
            yield number, body, decode_stored(body)


def fold_journal(connection: sqlite3.Connection) -> Fold:
    """Fold the whole journal of a database."""
    fold = Fold()
    for seq, _, event in journal_after(connection, 0):
        fold.apply(seq, event)
    return fold


def differences(fold: Fold, connection: sqlite3.Connection) -> list[str]:
    """One line per row in which the tables differ from ``fold``; empty when they agree."""
    found: list[str] = []
    for table, expected in fold.tables().items():
        stored = connection.execute(f"SELECT {', '.join(TABLES[table])} FROM {table}")  # noqa: S608
        found += _compare(table, expected, stored)
    return found


def recent_differences(fold: Fold, connection: sqlite3.Connection, seq: int) -> list[str]:
    """The same for what is open, what changed after ``seq``, and all money; ``fold`` began at ``seq``."""
    since = {
        "orders": f"updated_seq > ? OR {_OPEN}",
        "fills": "seq > ?",
        "funding": "seq > ?",
    }
    found: list[str] = []
    for table, expected in fold.tables().items():
        query = f"SELECT {', '.join(TABLES[table])} FROM {table}"  # noqa: S608
        where = since.get(table)
        if where is None:
            stored = connection.execute(query)
        else:
            stored = connection.execute(f"{query} WHERE {where}", (seq,))
        found += _compare(table, expected, stored)
    return found


def _compare(table: str, want: Iterable[Row], have: Iterable[Row]) -> list[str]:
    columns = TABLES[table]
    expected, stored = by_key(table, want), by_key(table, have)
    found = []
    for key in sorted(expected.keys() | stored.keys()):
        wanted, there = expected.get(key), stored.get(key)
        if wanted is None:
            found.append(f"{table} {key}: not in the journal")
        elif there is None:
            found.append(f"{table} {key}: missing")
        elif wanted != there:
            wrong = [
                f"{name} is {h}, journal says {w}"
                for name, h, w in zip(columns, there, wanted, strict=True)
                if h != w
            ]
            found.append(f"{table} {key}: {'; '.join(wrong)}")
    return found


def verify(connection: sqlite3.Connection) -> list[str]:
    """Compare the tables with the journal; one line per difference."""
    return differences(fold_journal(connection), connection)
