"""Automations and their runs as they are stored. Every function is one transaction or one query.

Those that write are for the writer's connection (``Store.ask``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

STARTED, SUCCEEDED, FAILED, INTERRUPTED = "started", "succeeded", "failed", "interrupted"
"""States of a run. Interrupted: the engine ended before the run did."""

CUT_SHORT = "the engine ended before the run did: it is not run again"


class StoredAutomation(msgspec.Struct, frozen=True, gc=False):
    """A row of ``automations``. ``definition`` is JSON."""

    name: str
    definition: str
    active: bool
    updated_ns: int


class AutomationRun(msgspec.Struct, frozen=True, gc=False):
    """A row of ``automation_runs``. ``signal`` is the signal's source, "" for a periodic run."""

    run_id: str
    name: str
    signal: str
    symbol: str
    state: str
    started_ns: int
    ended_ns: int
    """0 while it runs."""
    error: str
    place: str = ""
    """The worker that did its last work outside of the desk; "": the engine's process."""
    attempt: int = 1
    """Of that work."""


class EndedRun(msgspec.Struct, frozen=True, gc=False):
    run_id: str
    state: str
    ended_ns: int
    error: str
    place: str = ""
    attempt: int = 1


_RUN = ", ".join(AutomationRun.__struct_fields__)
_GROUP = 500
"""Rows to a statement: SQLite takes at least 32,766 values."""


def _row(kind: type[msgspec.Struct]) -> str:
    return f"({', '.join('?' * len(kind.__struct_fields__))})"


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def load(connection: sqlite3.Connection) -> list[StoredAutomation]:
    """All automations by name."""
    rows = connection.execute("SELECT name, definition, active, updated_ns FROM automations ORDER BY name")
    return [StoredAutomation(name, text, bool(active), ns) for name, text, active, ns in rows]


def put(stored: StoredAutomation) -> Callable[[sqlite3.Connection], None]:
    """Create or replace one."""

    def write(connection: sqlite3.Connection) -> None:
        with _transaction(connection):
            connection.execute(
                "INSERT INTO automations (name, definition, active, updated_ns) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET definition = excluded.definition, active = excluded.active, "
                "updated_ns = excluded.updated_ns",
                (stored.name, stored.definition, int(stored.active), stored.updated_ns),
            )

    return write


def remove(name: str) -> Callable[[sqlite3.Connection], bool]:
    """Forget one; its runs stay in the log. Answers whether there was one."""

    def write(connection: sqlite3.Connection) -> bool:
        with _transaction(connection):
            return connection.execute("DELETE FROM automations WHERE name = ?", (name,)).rowcount > 0

    return write


def take_up(now_ns: int) -> Callable[[sqlite3.Connection], dict[tuple[str, str], int]]:
    """At start: what was running is interrupted. Answers when each (name, symbol) last started."""

    def write(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
        with _transaction(connection):
            connection.execute(
                "UPDATE automation_runs SET state = ?, ended_ns = ?, error = ? WHERE state = ?",
                (INTERRUPTED, now_ns, CUT_SHORT, STARTED),
            )
        rows = connection.execute("SELECT name, symbol, MAX(started_ns) FROM automation_runs GROUP BY 1, 2")
        # No cooldown lasts for as long as an earlier clock was ahead.
        return {(name, symbol): min(int(ns), now_ns) for name, symbol, ns in rows}

    return write


def advance(
    ended: Sequence[EndedRun], wanted: Sequence[AutomationRun], keep: int
) -> Callable[[sqlite3.Connection], frozenset[str]]:
    """Write how runs ended, then begin ``wanted``; answers the ids of those that may run.

    The one statement that records them leaves out those that were recorded before and those whose automation
    and symbol have a run at work. At most ``keep`` ended runs are kept, the newest.
    """

    def write(connection: sqlite3.Connection) -> frozenset[str]:
        with _transaction(connection):
            for start in range(0, len(ended), _GROUP):
                _end(connection, ended[start : start + _GROUP])
            begun: set[str] = set()
            for start in range(0, len(wanted), _GROUP):
                begun |= _begin(connection, wanted[start : start + _GROUP])
            if begun:
                connection.execute(
                    "DELETE FROM automation_runs WHERE state <> ? AND started_ns < (SELECT started_ns "
                    "FROM automation_runs ORDER BY started_ns DESC LIMIT 1 OFFSET ?)",
                    (STARTED, keep - 1),
                )
            return frozenset(begun)

    return write


def _end(connection: sqlite3.Connection, ended: Sequence[EndedRun]) -> None:
    connection.execute(
        "WITH ended (run_id, state, ns, error, place, attempt) "  # noqa: S608
        f"AS (VALUES {', '.join([_row(EndedRun)] * len(ended))}) "
        "UPDATE automation_runs SET state = ended.state, ended_ns = ended.ns, error = ended.error, "
        "place = ended.place, attempt = ended.attempt FROM ended WHERE automation_runs.run_id = ended.run_id",
        [value for run in ended for value in msgspec.structs.astuple(run)],
    )


def _begin(connection: sqlite3.Connection, wanted: Sequence[AutomationRun]) -> set[str]:
    rows = connection.execute(
        f"INSERT INTO automation_runs ({_RUN}) VALUES "  # noqa: S608
        f"{', '.join([_row(AutomationRun)] * len(wanted))} ON CONFLICT DO NOTHING RETURNING run_id",
        [value for run in wanted for value in msgspec.structs.astuple(run)],
    )
    return {run_id for (run_id,) in rows.fetchall()}


def learn(ended: EndedRun) -> Callable[[sqlite3.Connection], bool]:
    """How an interrupted run ended after all, elsewhere. Answers whether there was one."""

    def write(connection: sqlite3.Connection) -> bool:
        with _transaction(connection):
            changed = connection.execute(
                "UPDATE automation_runs SET state = ?, ended_ns = ?, error = ?, place = ?, attempt = ? "
                "WHERE run_id = ? AND state = ?",
                (*msgspec.structs.astuple(ended)[1:], ended.run_id, INTERRUPTED),
            )
            return changed.rowcount > 0

    return write


def recent_runs(
    limit: int, name: str = "", state: str = ""
) -> Callable[[sqlite3.Connection], list[AutomationRun]]:
    """The newest runs (of one automation, in one state), newest first."""

    def read(connection: sqlite3.Connection) -> list[AutomationRun]:
        rows = connection.execute(
            f"SELECT {_RUN} FROM automation_runs WHERE ? IN ('', name) AND ? IN ('', state) "  # noqa: S608
            "ORDER BY started_ns DESC, run_id LIMIT ?",
            (name, state, limit),
        )
        return [AutomationRun(*row) for row in rows]

    return read
