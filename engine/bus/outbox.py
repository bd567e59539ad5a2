"""What was given to be written and is not surely on the server's disk yet. Knows no socket and no clock.

A server with ``appendfsync everysec`` that is killed has forgotten up to its last second or two, answers or
not. So what was answered is kept until the disk has it, and what turns out to be missing is written again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from engine.errors import FencedError

AT_ONCE = 2_000
"""Entries in one script call, about."""
AT_ONCE_BYTES = 1 << 22
ENTRY_BYTES = 200
"""What an entry costs in memory beside its payload."""

Entry = tuple[str, int, bytes]
"""Stream, number, payload."""


class Lot(msgspec.Struct, gc=False):
    """Entries that are written together or not at all."""

    entries: tuple[Entry, ...]
    size: int
    answered_s: float = 0.0


class Outbox:
    """Lots in the order they were given: kept ones, those in flight, those that wait."""

    def __init__(self, streams: Iterable[str], most_bytes: int) -> None:
        self.numbers = dict.fromkeys(streams, 0)
        """The last number of each stream that was given here, or found at the start."""
        self.most_bytes = most_bytes
        self.size = 0
        """Bytes of all that is held."""
        self.again = 0
        """Entries that were written again."""
        self.is_open = False
        """The last numbers are known: something may be given."""
        self._kept: deque[Lot] = deque()
        self._flying: list[Lot] = []
        self._waiting: deque[Lot] = deque()

    @property
    def is_full(self) -> bool:
        """So much waits for the server that nothing more may be given."""
        return self.size >= self.most_bytes

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is in flight."""
        return not self._flying and not self._waiting

    @property
    def kept(self) -> int:
        """Lots that were written, and are written again where the server forgot them."""
        return len(self._kept)

    def put(self, entries: Iterable[Entry]) -> None:
        """They are written together. Raises ValueError for a number that does not rise in its stream."""
        lot = tuple(entries)
        numbers = self.numbers
        for stream, number, _ in lot:
            if number <= numbers[stream]:
                raise ValueError(f"{stream}: {number} after {numbers[stream]}")
            numbers[stream] = number
        size = _size(lot)
        self.size += size
        self._waiting.append(Lot(lot, size))

    def take(self) -> list[Entry] | None:
        """What is to be written now; None while something is in flight, or when nothing waits."""
        if self._flying or not self._waiting:
            return None
        entries: list[Entry] = []
        size = 0
        while self._waiting and len(entries) < AT_ONCE and size < AT_ONCE_BYTES:
            lot = self._waiting.popleft()
            self._flying.append(lot)
            entries += lot.entries
            size += lot.size
        return entries

    def answered(self, now_s: float) -> None:
        """What is in flight has been written; it is kept until the disk has it."""
        for lot in self._flying:
            lot.answered_s = now_s
        self._kept += self._flying
        self._flying = []

    def on_disk(self, until_s: float) -> None:
        """What was answered before then need not be kept."""
        kept = self._kept
        while kept and kept[0].answered_s < until_s:
            self.size -= kept.popleft().size

    def connected(self, found: Mapping[str, int], now_s: float) -> None:
        """``found`` are the last numbers in the streams now. At first they are where this one begins; later
        what is missing waits again.

        Raises FencedError when a stream has numbers that were not given here.
        """
        if not self.is_open:
            self.numbers.update(found)
            self.is_open = True
        for stream, number in found.items():
            if number > self.numbers[stream]:
                raise FencedError(
                    f"{stream} has entry {number} of another worker, ours end at {self.numbers[stream]}: "
                    "this one stops writing"
                )
        kept: list[Lot] = []
        missing: list[Lot] = []
        for lot in (*self._kept, *self._flying):
            entries = tuple([entry for entry in lot.entries if entry[1] > found[entry[0]]])
            if entries:
                self.size -= lot.size
                lot.entries, lot.size = entries, _size(entries)
                self.size += lot.size
                self.again += len(entries)
                missing.append(lot)
            else:
                lot.answered_s = lot.answered_s or now_s
                kept.append(lot)
        self._kept = deque(kept)
        self._flying = []
        self._waiting.extendleft(reversed(missing))


def _size(entries: tuple[Entry, ...]) -> int:
    return sum([len(payload) for _, _, payload in entries]) + ENTRY_BYTES * len(entries)
