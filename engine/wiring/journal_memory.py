"""A journal that lives as long as its run: what is committed is durable at once, digested as a store's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from engine.events import Fill, JournalEvent, OrderEvent
from engine.store.codec import lines

_DIGESTED = OrderEvent, Fill
_AT_ONCE = 4096
"""Events that are encoded together."""


class JournalMemory:
    """Implements ``order_journal.Commit`` by ``commit``."""

    def __init__(self) -> None:
        self.events: list[JournalEvent] = []
        """In order."""

    def commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        self.events += events
        done()

    def sha256(self) -> str:
        """Of all orders and fills, as ``replay`` digests what its store holds: the bodies, a line each."""
        kept = [event for event in self.events if isinstance(event, _DIGESTED)]
        sha = hashlib.sha256()
        for start in range(0, len(kept), _AT_ONCE):
            sha.update(lines(kept[start : start + _AT_ONCE]))
        return sha.hexdigest()
