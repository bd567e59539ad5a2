"""The database's tables and how an older database becomes the current one."""

from __future__ import annotations

import sqlite3
from importlib.resources import files

from engine.errors import StoreError

MIGRATIONS: tuple[str, ...] = (
    "schema.sql",
    "automations.sql",
    "trading.sql",
    "market.sql",
    "jobs.sql",
    "commands.sql",
)
"""Script ``n`` (from 0) turns version ``n`` into ``n + 1``. Scripts are only ever added."""

VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, scripts: tuple[str, ...] = MIGRATIONS) -> bool:
    """Bring the database to the version that ``scripts`` lead to, in one transaction, and prove that it can
    be written.

    True when an older one was changed.

    Raises ``StoreError`` when a newer tickdesk wrote it, ``sqlite3.Error`` when it cannot be written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked inside: another program may be making the same database.
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > len(scripts):
            raise StoreError(
                f"a newer tickdesk wrote it (version {found}, this one knows {len(scripts)}): "
                "upgrade tickdesk, or choose --state-dir"
            )
        for script in scripts[found:]:
            for statement in _statements(files("engine.store").joinpath(script).read_text("utf-8")):
                connection.execute(statement)
        # Written even when unchanged: a full or read-only disk shows now, not at the first order.
        connection.execute(f"PRAGMA user_version = {len(scripts)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return 0 < int(found) < len(scripts)


def _statements(script: str) -> list[str]:
    """Split a script; ``executescript`` would commit the open transaction first."""
    statements = []
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(text):
            statements.append(text)
            text = ""
    return statements
