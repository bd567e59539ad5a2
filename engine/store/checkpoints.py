"""Checkpoints: what the journal made up to some event, so that a start need not fold all of it again.

Each has a digest of the one before it and of every event between the two: a chain over the whole journal that
a full verification walks, and whose last link a start checks. A seal joins the body to the digest.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import NamedTuple

import msgspec

from engine.store.fold import Held

EVERY = 5_000
"""Events between two."""
BODIES_KEPT = 20
"""Older ones keep their digest alone."""

_encoder = msgspec.json.Encoder(decimal_format="string")


class Checkpoint(NamedTuple):
    seq: int
    digest: str
    seal: str
    body: str
    """JSON of what was held after ``seq``; "" once it was let go."""

    @property
    def whole(self) -> bool:
        """Whether its body is there, and the one it was written with."""
        return bool(self.body) and self.seal == _seal(self.digest, self.body)

    def anew(self, held: Held) -> Checkpoint:
        """With the body that it should have."""
        body = _encoder.encode(held).decode()
        return Checkpoint(self.seq, self.digest, _seal(self.digest, body), body)

    def held(self) -> Held:
        """Raises ``msgspec.MsgspecError`` for a body that is none, or of another version."""
        return msgspec.json.decode(self.body, type=Held)


BEGINNING = Checkpoint(0, "", "", "")


class Chain:
    """The digest of the events since a checkpoint."""

    def __init__(self, since: Checkpoint = BEGINNING) -> None:
        self.since = since
        self._digest = hashlib.blake2b(since.digest.encode(), digest_size=16)

    def add(self, body: str) -> None:
        """One event more, as it is stored."""
        self._digest.update(body.encode())
        self._digest.update(b"\n")

    def digest(self) -> str:
        return self._digest.hexdigest()

    def close(self, seq: int, held: Held) -> Checkpoint:
        """The checkpoint after the event ``seq``, the last that was added."""
        return Checkpoint(seq, self.digest(), "", "").anew(held)


def _seal(digest: str, body: str) -> str:
    return hashlib.blake2b(f"{digest} {body}".encode(), digest_size=16).hexdigest()


def newest(connection: sqlite3.Connection, count: int) -> list[Checkpoint]:
    """The last ``count``, oldest first."""
    rows = connection.execute(
        "SELECT seq, digest, seal, body FROM checkpoints ORDER BY seq DESC LIMIT ?", (count,)
    )
    # What is no text is none that was written here: it fits nothing.
    return [
        Checkpoint(seq, *(text if isinstance(text, str) else "" for text in texts)) for seq, *texts in rows
    ][::-1]


def replace(connection: sqlite3.Connection, checkpoint: Checkpoint) -> None:
    """The one of the same event."""
    connection.execute(
        "UPDATE checkpoints SET seal = ?, body = ? WHERE seq = ?",
        (checkpoint.seal, checkpoint.body, checkpoint.seq),
    )


def write(connection: sqlite3.Connection, checkpoint: Checkpoint) -> None:
    """In the open transaction of the events it closes."""
    connection.execute(
        "INSERT INTO checkpoints (seq, digest, seal, body) VALUES (?, ?, ?, ?)", tuple(checkpoint)
    )
    connection.execute(
        "UPDATE checkpoints SET body = '' WHERE body <> '' AND seq < "
        "(SELECT seq FROM checkpoints ORDER BY seq DESC LIMIT 1 OFFSET ?)",
        (BODIES_KEPT - 1,),
    )


def chain_from(connection: sqlite3.Connection, since: Checkpoint, until: int) -> Chain:
    """The chain after ``since`` with the events up to ``until`` in it."""
    chain = Chain(since)
    for (body,) in connection.execute(
        "SELECT body FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq", (since.seq, until)
    ):
        chain.add(body)
    return chain


def fits(connection: sqlite3.Connection, before: Checkpoint, checkpoint: Checkpoint) -> bool:
    """Whether the events between the two make the later one's digest."""
    return chain_from(connection, before, checkpoint.seq).digest() == checkpoint.digest
