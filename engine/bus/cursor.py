"""How far one stream of a group was read, and what of it is not acknowledged yet. Knows no socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

Message = Any
"""What ``decode`` makes of a payload."""
Batch = list[tuple[int, Message]]
"""Numbers and messages, rising."""

AT_ONCE = 1_000
"""Ids in one command."""


class Source(msgspec.Struct, frozen=True):
    """A stream that is to be read."""

    stream: str
    decode: Callable[[bytes], Message]
    """Raises msgspec.MsgspecError for what is none."""
    position: int | None = 0
    """The last number that was had: read on behind it. None: where the group stands; without one, at 0."""
    previous: Callable[[Message], int] | None = attrgetter("previous")
    """The number of the entry before, as the entry tells; None: it does not, holes are not looked for."""
    exact: bool = False
    """``position`` is an entry's. Else everything up to it was had, whatever the last entry before it is."""


class Lost(msgspec.Struct, frozen=True):
    """Entries that will not come. What follows them does."""

    stream: str
    after: int
    """The last that was had."""
    previous: int
    """What the next entry says came before it. Below ``after``: the server, and whoever wrote there, had
    forgotten entries that were had here."""
    number: int
    """Of that next entry."""
    why: str


class Cursor:
    """Of one stream. ``read`` is where the reader is, ``acked`` where it would begin again."""

    def __init__(self, source: Source) -> None:
        self.stream = source.stream
        self.read: int | None = source.position
        self.acked: int | None = source.position
        self.entries = 0
        """Had, repeats left out."""
        self.repeats = 0
        self.lost: list[Lost] = []
        """To be told before what was taken is."""
        self._decode = source.decode
        self._previous = source.previous
        self._exact = source.exact
        self._open: deque[bytes] = deque()
        """Ids that were delivered and not acknowledged, rising."""
        self.torn = False
        """Something seems to be missing before the next entry. Look again: another reader's hand, that let go
        since, may have taken it."""
        self._seen = 0
        """The last entry that was there when a hole was seen: a hole up to it that is there again is real."""

    def stands(self, acked: int) -> None:
        """The group was set there, or to an earlier entry: everything after is told again."""
        self.acked = acked
        self.torn = False
        self._open.clear()

    @property
    def unacknowledged(self) -> int:
        """Entries that were told and may come again."""
        return len(self._open)

    def take(self, entries: Sequence[Any]) -> Batch:
        """What is new of a stream's part of a reply, up to where it is torn."""
        taken: Batch = []
        read, decode, previous_of = self.read, self._decode, self._previous
        for ident, fields in entries:
            self._open.append(ident)
            try:
                number = int(ident[:-2])  # "<number>-0"
                if read is not None and number <= read:
                    self.repeats += 1
                    continue
                message = decode(fields[1])
            except (ValueError, TypeError, IndexError, msgspec.MsgspecError) as error:
                # No worker of ours wrote that. The entry after it tells whether something is missing.
                self.lost.append(Lost(self.stream, read or 0, read or 0, 0, f"unreadable entry: {error}"))
                continue
            if previous_of is not None and read is not None:
                previous = previous_of(message)
                if previous != read and (self._exact or previous > read):
                    if number > self._seen:
                        self._seen = max(number, _number(entries[-1][0]))
                        self.torn = True
                        break
                    self._hole(read, previous, number)
                self._exact = True
            taken.append((number, message))
            read = number
        self.read = read
        self.entries += len(taken)
        return taken

    def _hole(self, read: int, previous: int, number: int) -> None:
        why = "entries are missing" if previous > read else "the server forgot entries that were had here"
        self.lost.append(Lost(self.stream, read, previous, number, why))

    def ack(self, number: int) -> list[tuple[bytes, ...]]:
        """All that was had up to ``number`` is durable.

        Returns the ids to acknowledge, in parts of a bounded size.
        """
        if self.read is not None:
            self.acked = max(self.acked or 0, min(number, self.read))
        ids: list[bytes] = []
        while self._open and _number(self._open[0]) <= number:
            ids.append(self._open.popleft())
        return [tuple(ids[first : first + AT_ONCE]) for first in range(0, len(ids), AT_ONCE)]


def _number(ident: bytes) -> int:
    return int(ident.partition(b"-")[0])
