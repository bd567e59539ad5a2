"""Opening a database: the same steps after a clean stop and after a kill."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.errors import StoreError
from engine.store import rows, schema
from engine.store.fold import FILL_COLUMNS, ORDER_COLUMNS, POSITION_COLUMNS, Fold, differences, fold_journal
from engine.text import clean

_COLUMNS = {"orders": ORDER_COLUMNS, "fills": FILL_COLUMNS, "positions": POSITION_COLUMNS}
_KEPT_STATEMENTS = 256
BUSY_MS = 5_000
"""How long to wait for another program that has the database locked."""


class Opened(NamedTuple):
    fold: Fold
    last_seq: int
    settings: dict[str, Any]
    repaired: list[str]


def open_database(path: Path | None, *, durable: bool) -> tuple[sqlite3.Connection, Opened]:
    """Open for writing, migrate, and check. Raises ``StoreError``, one line that says what to do."""
    where = str(path) if path is not None else "the database in memory"
    connection: sqlite3.Connection | None = None
    try:
        if path is not None:
            # SQLite would create it with the umask's rights; its -wal and -shm inherit these.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path if path is not None else ":memory:", isolation_level=None, cached_statements=_KEPT_STATEMENTS
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        # What need not be durable is written once, not to a log first; a crash may spoil such a file.
        wanted = "WAL" if durable else "MEMORY"
        (mode,) = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
        if durable and path is not None and mode != "wal":
            raise StoreError(
                f"its file system has no shared memory (journal mode {mode}): use a local --state-dir"
            )
        schema.migrate(connection)
        _check_pages(connection)
        last_seq = _check_journal(connection)
        fold = fold_journal(connection)
        repaired = differences(fold, connection)
        if repaired:
            _rebuild(connection, fold)
        if durable:
            fold.persist_in(connection)
        else:
            fold.take()
        settings = _settings(connection, repaired)
    except OSError as error:
        fault = f"{error.strerror}: make it writable, or choose --state-dir"
    except sqlite3.OperationalError as error:
        fault = f"{error}: free space, close other programs that use it, or choose --state-dir"
    except (sqlite3.Error, msgspec.DecodeError) as error:
        fault = f"it is damaged ({error}): restore a copy, or move it away to start afresh"
    except StoreError as error:
        fault = str(error)
    else:
        return connection, Opened(fold, last_seq, settings, repaired)
    if connection is not None:
        connection.close()
    raise StoreError(f"cannot open {where}: {fault}")


def _settings(connection: sqlite3.Connection, repaired: list[str]) -> dict[str, Any]:
    """What can be read of them. The rest is told in ``repaired``: none is worth a desk that stays away."""
    found = {}
    for key, value in connection.execute("SELECT key, value FROM settings ORDER BY key"):
        try:
            found[str(key)] = msgspec.json.decode(value)
        except (ValueError, TypeError, RecursionError) as error:  # msgspec's errors are ValueErrors
            repaired.append(f"setting {clean(key, 60)} cannot be read ({clean(error, 80)}): left out")
    return found


def _check_pages(connection: sqlite3.Connection) -> None:
    """The tables that money depends on; the others are too large to be read at every start."""
    for table in (
        *("journal", "orders", "fills", "positions", "settings"),
        *("automations", "automation_runs"),
    ):
        (answer,) = connection.execute(f"PRAGMA quick_check({table})").fetchone()
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)


def _check_journal(connection: sqlite3.Connection) -> int:
    """The last sequence number; the numbers start at 1 and have no gaps."""
    count, last = connection.execute("SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM journal").fetchone()
    if count != last:
        raise sqlite3.DatabaseError(f"the journal has {count} events up to number {last}")
    return int(last)


def _rebuild(connection: sqlite3.Connection, fold: Fold) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for table, content in fold.tables().items():
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
        rows.insert(connection, table, _COLUMNS[table], content)
    connection.execute("COMMIT")
