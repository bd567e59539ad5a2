"""Fan-out to clients: conflated state, and events that keep their gap-free sequence.

A client owns no queue that can grow: events are read from one bounded ring by sequence number, state is
rebuilt when the client is ready for it. A client slower than the ring is told to resync.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from engine.api.protocol import EventFrame, Resync, StateFrame
from engine.api.topics import ALL
from engine.events import JournalEvent
from engine.slices import Work

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


class Conflator:
    """What one client has been sent of each row, so that a frame holds only what changed since."""

    _KEYS = (
        ("feeds", "venue"),
        ("ticks", "symbol"),
        ("opportunities", "id"),
        ("positions", "symbol"),
        ("orders", "id"),
        ("strategies", "name"),
        ("models", "strategy"),
        ("automations", "name"),
    )

    def __init__(self, topics: frozenset[str] = ALL) -> None:
        """``topics``: rows of others are left out."""
        self._keys = tuple(pair for pair in self._KEYS if pair[0] in topics)
        self._without: dict[str, tuple[object, ...]] = {
            name: () for name, _ in self._KEYS if name not in topics
        }
        self._logs = "logs" in topics
        self._sent: dict[str, dict[str, object]] = {name: {} for name, _ in self._keys}
        self._log_seq = 0
        self._first = True

    def making(self, state: StateFrame, since: int) -> Work[StateFrame]:
        """The part of ``state`` (every row) that this client has not seen yet.

        ``since``, the last event it was sent, becomes ``last_seq``: where it resumes after a cut.
        """
        changed: dict[str, tuple[object, ...]] = dict(self._without)
        gone: dict[str, tuple[str, ...]] = {}
        for name, key in self._keys:
            sent = self._sent[name]
            rows = getattr(state, name)
            new = []
            for row in rows:
                identity = getattr(row, key)
                if sent.get(identity) != row:
                    sent[identity] = row
                    new.append(row)
            if len(sent) > len(rows):
                kept = {getattr(row, key): row for row in rows}
                gone[name] = tuple(identity for identity in sent if identity not in kept)
                self._sent[name] = kept
            changed[name] = tuple(new)
            yield
        logs = tuple(row for row in state.logs if row.seq > self._log_seq) if self._logs else ()
        if logs:
            self._log_seq = logs[-1].seq
        full, self._first = self._first, False
        return msgspec.structs.replace(state, full=full, logs=logs, last_seq=since, gone=gone, **changed)
