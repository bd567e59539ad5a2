"""Opening a database: the same steps after a clean stop and after a kill."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.errors import StoreError
from engine.store import checkpoints, rows, schema
from engine.store.checkpoints import BEGINNING, Checkpoint
from engine.store.compare import differences, fold_journal, journal_after, recent_differences
from engine.store.fold import TABLES, Fold, Held
from engine.store.journal import JournalWriter
from engine.store.past import JournalUpTo
from engine.text import clean

_KEPT_STATEMENTS = 256
BUSY_MS = 5_000
"""How long to wait for another program that has the database locked."""
COMPARED_WHOLE = 5_000
"""A journal up to so many events is compared from its beginning at every start, a longer one from its last
checkpoint on."""
_LONG = ("journal", "orders", "fills", "funding")
_SHORT = (
    *("positions", "balances", "limits", "settings", "checkpoints"),
    *("automations", "automation_runs"),
)


class Opened(NamedTuple):
    journal: JournalWriter
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
        migrated = schema.migrate(connection)
        repaired: list[str] = []
        last_seq, fold, since = _compared(connection, repaired, migrated=migrated)
        if durable:
            fold.persist_in(connection)
        else:
            fold.take()
        chain = checkpoints.chain_from(connection, since, last_seq) if durable else None
        settings = _settings(connection, repaired)
    except OSError as error:
        fault = f"{error.strerror}: make it writable, or choose --state-dir"
    except sqlite3.OperationalError as error:
        damaged = str(error).startswith(("no such", "Could not decode"))
        advice = "restore a copy, or move it away to start afresh"
        if not damaged:
            advice = "free space, close other programs that use it, or choose --state-dir"
        fault = clean(f"{error}: {advice}", 300)
    except (sqlite3.Error, msgspec.DecodeError, ArithmeticError, ValueError, TypeError) as error:
        fault = f"it is damaged ({error}): restore a copy, or move it away to start afresh"
    except StoreError as error:
        fault = str(error)
    else:
        return connection, Opened(JournalWriter(fold, last_seq, chain), last_seq, settings, repaired)
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


def _compared(
    connection: sqlite3.Connection, repaired: list[str], *, migrated: bool
) -> tuple[int, Fold, Checkpoint]:
    """(last number, fold, newest checkpoint), the tables being as the journal says; adds to ``repaired``."""
    _check_pages(connection, _SHORT)
    (last_seq,) = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM journal").fetchone()
    if connection.execute("DELETE FROM checkpoints WHERE seq > ?", (last_seq,)).rowcount:
        repaired.append(f"checkpoints beyond the last event {last_seq}: removed")
    mended = _mend(connection)
    repaired += [f"checkpoint {seq} was damaged: made anew from the journal" for seq in mended]
    kept = [BEGINNING, *checkpoints.newest(connection, 2)]
    since = kept[-1]
    if since.seq and last_seq > COMPARED_WHOLE and not (migrated or mended):
        before, held = kept[-2], _held(since)
        if held is not None and checkpoints.fits(connection, before, since):
            fold = _folded_since(connection, since.seq, held, last_seq)
            if not recent_differences(fold, connection, since.seq):
                return last_seq, fold, since
        else:
            repaired.append(f"checkpoint {since.seq} does not fit the journal: compared all of it")
    _check_pages(connection, _LONG)
    _check_journal(connection)
    fold = fold_journal(connection)
    found = differences(fold, connection)
    if found:
        _rebuild(connection, fold)
    if not migrated:  # else the tables had no room for what is in them now
        repaired += found
    return last_seq, fold, since


def _held(checkpoint: Checkpoint) -> Held | None:
    """What it holds; None where that is not to be trusted, or of a version that held other things."""
    try:
        return checkpoint.held() if checkpoint.whole else None
    except msgspec.MsgspecError:
        return None


def _mend(connection: sqlite3.Connection) -> list[int]:
    """Give checkpoints whose body is not to be trusted the right one; returns which.

    One that the events before it do not make is left as it is: that is for a person to look at.
    """
    kept = [BEGINNING, *checkpoints.newest(connection, checkpoints.BODIES_KEPT + 1)]
    damaged = {
        one.seq: one
        for before, one in pairwise(kept)
        if (one.body or one is kept[-1]) and _held(one) is None and checkpoints.fits(connection, before, one)
    }
    if damaged:
        fold, last = Fold(), max(damaged)
        connection.execute("BEGIN IMMEDIATE")
        for seq, _, event in journal_after(connection, 0):
            fold.apply(seq, event)
            if seq in damaged:
                checkpoints.replace(connection, damaged[seq].anew(fold.held()))
            if seq == last:
                break
        connection.execute("COMMIT")
    return sorted(damaged)


def _folded_since(connection: sqlite3.Connection, since: int, held: Held, last_seq: int) -> Fold:
    fold = Fold(JournalUpTo(connection, since), held)
    count = 0
    for seq, _, event in journal_after(connection, since):
        fold.apply(seq, event)
        count += 1
    if count != last_seq - since:
        raise sqlite3.DatabaseError(f"the journal has {count} events from {since + 1} to {last_seq}")
    return fold


def _check_pages(connection: sqlite3.Connection, tables: Iterable[str]) -> None:
    """Of tables that money depends on; the others are too large to be read at every start."""
    for table in tables:
        (answer,) = connection.execute(f"PRAGMA quick_check({table})").fetchone()
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)


def _check_journal(connection: sqlite3.Connection) -> None:
    """The sequence numbers start at 1 and have no gaps."""
    count, last = connection.execute("SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM journal").fetchone()
    if count != last:
        raise sqlite3.DatabaseError(f"the journal has {count} events up to number {last}")


def _rebuild(connection: sqlite3.Connection, fold: Fold) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for table, content in fold.tables().items():
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
        rows.insert(connection, table, TABLES[table], content)
    connection.execute("COMMIT")
