"""What was not believed: how it is listed, and how its table is kept to a bound."""

from __future__ import annotations

import sqlite3

from engine.events import Quarantined

MOST = 1_000
"""Rows that are answered at once."""
_COLUMNS = ", ".join(Quarantined.__struct_fields__)


def listed(
    connection: sqlite3.Connection,
    *,
    symbol: str = "",
    reason: str = "",
    since_ns: int = 0,
    limit: int = MOST,
) -> list[Quarantined]:
    """The newest ``limit``, newest first; of one symbol, of one reason, not older than ``since_ns``.

    None in a database that no engine has opened since before there was the table.
    """
    if not _exists(connection):
        return []
    where, values = ["ns >= ?"], [since_ns]
    texts = [("symbol", symbol), ("reason", reason)]
    where += [f"{column} = ?" for column, text in texts if text]
    query = f"SELECT {_COLUMNS} FROM quarantine WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"  # noqa: S608
    found = connection.execute(query, [*values, *(text for _, text in texts if text), limit])
    return [Quarantined(*row) for row in found]


def symbols(connection: sqlite3.Connection) -> list[str]:
    """Of which there are rows."""
    if not _exists(connection):
        return []
    return [one for (one,) in connection.execute("SELECT DISTINCT symbol FROM quarantine ORDER BY symbol")]


def _exists(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'quarantine'").fetchone())


def prune(connection: sqlite3.Connection, keep: int) -> int:
    """Delete all but the newest ``keep`` rows; how many went."""
    found = connection.execute(
        "DELETE FROM quarantine WHERE id <= (SELECT MAX(id) FROM quarantine) - ?", (keep,)
    )
    return found.rowcount
