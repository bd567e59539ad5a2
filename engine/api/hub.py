"""Fan-out to clients: events that keep their gap-free sequence.

A client owns no queue that can grow: events are read from one bounded ring by sequence number, state is
rebuilt when the client is ready for it (see conflator.py). A client slower than the ring is told to resync.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from engine.api.protocol import EventFrame, Resync
from engine.events import JournalEvent

encode = msgspec.json.Encoder().encode


class Hub:
    """The newest events by sequence number, encoded once for all clients."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._ring: deque[tuple[int, bytes]] = deque(maxlen=capacity)
        self._last = 0
        self._wakers: list[Callable[[], None]] = []

    @property
    def last_seq(self) -> int:
        """Sequence of the newest event published; 0 before the first."""
        return self._last

    @property
    def held(self) -> int:
        """Events that a client which comes back can have."""
        return len(self._ring)

    def start_at(self, seq: int) -> None:
        """Events up to ``seq`` happened before this engine started: they are in the journal, not here."""
        self._last = seq

    def publish(self, seq: int, event: JournalEvent) -> None:
        """Add the next event. Raises ValueError on a gap: that would be our own bug."""
        if seq != self._last + 1:
            raise ValueError(f"event sequence {seq} after {self._last}")
        self._last = seq
        self._ring.append((seq, encode(EventFrame(seq=seq, event=event))))
        for wake in self._wakers:
            wake()

    def since(self, seq: int) -> list[tuple[int, bytes]] | Resync:
        """Encoded events after ``seq``, oldest first; Resync when some are no longer held.

        A ``seq`` from the future is of another journal: Resync too.
        """
        if seq == self._last:
            return []
        if seq > self._last:
            return Resync(oldest_seq=self._last + 1)
        oldest = self._ring[0][0] if self._ring else self._last + 1
        if seq + 1 < oldest:
            return Resync(oldest_seq=oldest)
        newer = []
        for item in reversed(self._ring):
            if item[0] <= seq:
                break
            newer.append(item)
        newer.reverse()
        return newer

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` after each publish; returns the function that ends it."""
        self._wakers.append(wake)
        return lambda: self._wakers.remove(wake)
