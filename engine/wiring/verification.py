"""Everything that must hold of a state directory: the store's invariants, and the journal through the desk's
own orders and ledger."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from engine.errors import OrderError, StoreError
from engine.events import Fill, JournalEvent, OrderChange, OrderEvent
from engine.execution.blotter import Blotter
from engine.store.findings import Findings, Invariant
from engine.store.verify import Observer, verify

TRANSITIONS = "every transition is a legal one"


def verify_database(path: Path) -> list[Invariant]:
    """Check the database of a state directory without changing it, also while an engine uses it.

    Raises ``StoreError`` when there is none, or it cannot be read.
    """
    if not path.is_file():
        raise StoreError(f"there is no database at {path}: choose --state-dir")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            connection.execute("PRAGMA busy_timeout = 5000")
            return verify(connection, _observers)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {path}: {error}; restore a copy, or choose --state-dir") from error


def _observers(findings: Findings) -> tuple[Observer, ...]:
    return (_transitions(findings),)


def _transitions(findings: Findings) -> Observer:
    blotter = Blotter()

    def see(seq: int, event: JournalEvent) -> None:
        if isinstance(event, (OrderEvent, OrderChange, Fill)):
            findings.count(TRANSITIONS)
            try:
                blotter.apply(event)
            except OrderError as error:
                findings.problem(TRANSITIONS, f"event {seq}: {error}")

    return see
