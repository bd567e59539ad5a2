"""A journal that lives as long as its run: what is committed is durable at once, digested as a store's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from engine.events import Fill, JournalEvent, OrderEvent
from engine.store.codec import encode


class JournalMemory:
    """Implements ``order_journal.Commit`` by ``commit``."""

    def __init__(self) -> None:
        self.events: list[JournalEvent] = []
        """In order."""

    def commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        self.events += events
        done()

    def sha256(self) -> str:
        """Of all orders and fills, as ``replay`` digests what its store holds."""
        return digest(encode(event) for event in self.events if isinstance(event, (OrderEvent, Fill)))


def digest(bodies: Iterable[str]) -> str:
    """SHA-256 over the journal's bodies, a line each."""
    sha = hashlib.sha256()
    for body in bodies:
        sha.update(body.encode())
        sha.update(b"\n")
    return sha.hexdigest()
