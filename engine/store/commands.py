"""The log of commands, and the keys under which they were asked for, as they are stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

UNANSWERED = 0
"""In place of a status: the command is at work, or the engine ended before it was answered."""


class Command(msgspec.Struct, frozen=True, gc=False):
    """A command that is asked for; the same again, once it is answered. The first is on disk at the latest
    with what the command journals."""

    number: str
    """Its own, unlike any other's."""
    ns: int
    who: str
    role: str
    peer: str
    method: str
    path: str
    body: str
    key: str
    status: int = UNANSWERED
    outcome: str = ""
    took_us: int = 0


class StoredCommand(msgspec.Struct, frozen=True, gc=False):
    """A row of ``commands``."""

    id: int
    ns: int
    who: str
    role: str
    peer: str
    method: str
    path: str
    body: str
    key: str
    status: int
    outcome: str
    took_us: int


class StoredKey(msgspec.Struct, frozen=True, gc=False):
    """What is stored under a key. ``status`` is ``UNANSWERED`` until there is a reply."""

    digest: str
    ns: int
    status: int
    reply: bytes


_COMMAND = ", ".join(StoredCommand.__struct_fields__)


def commands(
    before: int, limit: int, who: str = "", since_ns: int = 0
) -> Callable[[sqlite3.Connection], list[StoredCommand]]:
    """Commands with an id below ``before``, newest first; of those who are called so, not older."""

    def read(connection: sqlite3.Connection) -> list[StoredCommand]:
        rows = connection.execute(
            f"SELECT {_COMMAND} FROM commands WHERE id < ? AND ? IN ('', who) AND ns >= ? "  # noqa: S608
            "ORDER BY id DESC LIMIT ?",
            (before, who, since_ns, limit),
        )
        return [StoredCommand(*row) for row in rows]

    return read


def prune_commands(keep: int) -> Callable[[sqlite3.Connection], int]:
    """Delete all but the newest ``keep``; how many went."""

    def write(connection: sqlite3.Connection) -> int:
        return connection.execute(
            "DELETE FROM commands WHERE id <= (SELECT MAX(id) FROM commands) - ?", (keep,)
        ).rowcount

    return write


def claim_key(
    owner: str, key: str, digest: str, now_ns: int, *, lasting: bool = True
) -> Callable[[sqlite3.Connection], StoredKey | None]:
    """The key is ours from now on: None. Or it was somebody's before: what is stored under it.

    It outlives the process; ``lasting``: the machine's power, too.
    """

    def write(connection: sqlite3.Connection) -> StoredKey | None:
        connection.execute(f"PRAGMA synchronous = {'FULL' if lasting else 'NORMAL'}")
        claimed = connection.execute(
            "INSERT INTO command_keys (owner, key, digest, ns, status, reply) VALUES (?, ?, ?, ?, ?, x'') "
            "ON CONFLICT DO NOTHING",
            (owner, key, digest, now_ns, UNANSWERED),
        ).rowcount
        if claimed:
            return None
        row = connection.execute(
            "SELECT digest, ns, status, reply FROM command_keys WHERE owner = ? AND key = ?", (owner, key)
        ).fetchone()
        return StoredKey(*row)

    return write


def answer_key(owner: str, key: str, status: int, reply: bytes) -> Callable[[sqlite3.Connection], None]:
    """Keep what a command was answered with."""

    def write(connection: sqlite3.Connection) -> None:
        # It need not outlive the machine: asked again, an unanswered command is not done twice either.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "UPDATE command_keys SET status = ?, reply = ? WHERE owner = ? AND key = ?",
            (status, reply, owner, key),
        )

    return write


def free_key(owner: str, key: str) -> Callable[[sqlite3.Connection], None]:
    """Nothing was done under it: it may be used again."""

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM command_keys WHERE owner = ? AND key = ?", (owner, key))

    return write


def prune_keys(before_ns: int, keep: int, most_bytes: int) -> Callable[[sqlite3.Connection], int]:
    """Delete keys from before ``before_ns``, and all but the newest ``keep``; how many went. Of the newest
    replies ``most_bytes`` are kept: of older keys it is known that they were answered, and with which status.
    """

    def write(connection: sqlite3.Connection) -> int:
        gone = connection.execute("DELETE FROM command_keys WHERE ns < ?", (before_ns,)).rowcount
        gone += connection.execute(
            "DELETE FROM command_keys WHERE ns <= (SELECT ns FROM command_keys ORDER BY ns DESC "
            "LIMIT 1 OFFSET ?)",
            (keep,),
        ).rowcount
        connection.execute(
            "UPDATE command_keys SET reply = x'' WHERE reply != x'' AND ns <= (SELECT ns FROM (SELECT ns, "
            "SUM(LENGTH(reply)) OVER (ORDER BY ns DESC) AS size FROM command_keys) "
            "WHERE size > ? ORDER BY ns DESC LIMIT 1)",
            (most_bytes,),
        )
        return gone

    return write
