"""Events into the journal and the tables that follow from it, in one open transaction."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence

from engine.events import JournalEvent
from engine.store import checkpoints, rows
from engine.store.checkpoints import Chain
from engine.store.codec import encode
from engine.store.fold import KEYS, TABLES, Fold

_JOURNAL = ("seq", "ns", "kind", "client_order_id", "body")
_APPENDED = frozenset({"fills", "funding"})
"""Tables whose rows never change."""


def _conflict(table: str) -> str:
    if table in _APPENDED:
        return ""
    update = ", ".join(f"{name} = excluded.{name}" for name in TABLES[table][KEYS.get(table, 1) :])
    return f"ON CONFLICT DO UPDATE SET {update}"


_CONFLICTS = {table: _conflict(table) for table in TABLES}


class JournalWriter:
    """Owns the fold of what is written. ``chain``: of the events since the last checkpoint; None: none."""

    def __init__(self, fold: Fold, last_seq: int, chain: Chain | None) -> None:
        self._fold = fold
        self._chain = chain
        self._last_seq = last_seq

    def write(
        self, connection: sqlite3.Connection, commits: Iterable[tuple[int, Sequence[JournalEvent]]]
    ) -> None:
        """Insert commits, each with the number of its first event, and what follows from them."""
        journal = []
        for first_seq, events in commits:
            for seq, event in enumerate(events, first_seq):
                order_id = getattr(event, "client_order_id", "")
                body = encode(event)
                journal.append((seq, event.ns, type(event).__name__, order_id, body))
                self._fold.apply(seq, event)
                if self._chain is not None:
                    self._chain.add(body)
                self._last_seq = seq
        rows.insert(connection, "journal", _JOURNAL, journal)
        for table, changed in self._fold.take().items():
            rows.insert(connection, table, TABLES[table], changed, _CONFLICTS[table])
        if self._chain is not None and self._last_seq - self._chain.since.seq >= checkpoints.EVERY:
            self._checkpoint(connection, self._chain)

    def close(self, connection: sqlite3.Connection) -> None:
        """The last transaction of a run: the next start has nothing to fold, and who copies the file alone
        has all of it. Readers that are still open would leave the newest in the log beside it."""
        if self._chain is None:
            return
        if self._last_seq > self._chain.since.seq:
            connection.execute("BEGIN IMMEDIATE")
            self._checkpoint(connection, self._chain)
            connection.execute("COMMIT")
        with contextlib.suppress(sqlite3.Error):  # a full disk: it stays in that log
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _checkpoint(self, connection: sqlite3.Connection, chain: Chain) -> None:
        made = chain.close(self._last_seq, self._fold.held())
        checkpoints.write(connection, made)
        self._chain = Chain(made)
