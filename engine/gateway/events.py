"""The newest events of the desk by sequence number, as frames that are ready to be sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

MOST_EVENTS = 10_000
MOST_BYTES = 8 * 1024 * 1024


class Events:
    """Gap-free. ``last`` is the newest event's sequence number, or where the ring begins."""

    def __init__(self, last: int = 0, most: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self._ring: deque[tuple[int, bytes]] = deque()
        self._most, self._most_bytes, self._bytes = most, most_bytes, 0
        self.last = last

    @property
    def oldest(self) -> int:
        """Of the first event that is held, or would be."""
        return self._ring[0][0] if self._ring else self.last + 1

    def add(self, seq: int, frame: bytes) -> bool:
        """Take the next event; one that is there already is passed over. False for one after a gap: nothing
        before it is held any more."""
        if seq <= self.last:
            return True
        whole = seq == self.last + 1
        if not whole:
            self.begin(seq - 1)
        self._ring.append((seq, frame))
        self.last = seq
        self._bytes += len(frame)
        while len(self._ring) > self._most or self._bytes > self._most_bytes:
            self._bytes -= len(self._ring.popleft()[1])
        return whole

    def put_before(self, older: Sequence[tuple[int, bytes]]) -> None:
        """Events that come right before the oldest, oldest first: as many of the newest as have room."""
        for seq, frame in reversed(older):
            if seq != self.oldest - 1 or len(self._ring) >= self._most:
                return
            if self._bytes + len(frame) > self._most_bytes:
                return
            self._ring.appendleft((seq, frame))
            self._bytes += len(frame)

    def begin(self, last: int) -> None:
        """Hold nothing; the next event is the one after ``last``."""
        self._ring.clear()
        self._bytes = 0
        self.last = last

    def holds(self, seq: int) -> bool:
        """Whether all events after ``seq`` are here."""
        return self.oldest - 1 <= seq <= self.last

    def after(self, seq: int, most_bytes: int) -> list[tuple[int, bytes]]:
        """The events after ``seq``, oldest first, about ``most_bytes`` of them. Only where ``holds``."""
        found: list[tuple[int, bytes]] = []
        size, first = 0, seq + 1 - self.oldest
        for item in islice(self._ring, first, None):
            found.append(item)
            size += len(item[1])
            if size >= most_bytes:
                break
        return found
