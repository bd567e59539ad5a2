"""How streams of a group are read: what the readers of asyncio and of tapes have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.bus.cursor import Batch, Cursor, Lost, Source
from engine.bus.fence import Fence, fault_of
from engine.bus.group import attached
from engine.bus.wire import AwayError, ReplyError, Steps, pack

ANSWERS = 2
"""To a question."""
BLOCK_MS = 500
"""What is acknowledged meanwhile waits behind a question that waits: no longer than this."""
COUNT = 16
"""Entries of each stream in one reply: a tape's are large, and leases are renewed between two replies."""


class HoleError(Exception):
    """A stream is torn: connect anew, and look again."""


class Reading:
    """The cursors of a group's streams, and the commands that move them."""

    def __init__(self, group: str, consumer: str, sources: Sequence[Source], fences: Sequence[Fence]) -> None:
        self.group = group
        self.consumer = consumer
        self.cursors = {source.stream: Cursor(source) for source in sources}
        self._fences = {source.stream: fence for source, fence in zip(sources, fences, strict=True)}
        self._by_key = {stream.encode(): cursor for stream, cursor in self.cursors.items()}

    def opening(self) -> Steps[None]:
        """At each connection: every group stands where it is to be read from. Raises FencedError."""
        for stream, cursor in self.cursors.items():
            yield from attached(cursor, self.group, self.consumer, self._fences[stream])

    def question(self, block_ms: int = BLOCK_MS) -> bytes:
        """Two commands: a server that had nothing answers the first with the one stream that something came
        to, before Redis 7.2; the second brings what came to the others in the same moment."""
        head = ("XREADGROUP", "GROUP", self.group, self.consumer, "COUNT", COUNT)
        tail = ("STREAMS", *self.cursors, *([">"] * len(self.cursors)))
        return pack(*head, "BLOCK", block_ms, *tail) + pack(*head, *tail)

    def taken(self, replies: Sequence[Any]) -> Iterator[tuple[str, Batch, list[Lost]]]:
        """What is new, by stream, with what is lost before it. A cursor moves as its part is taken.

        Raises HoleError; AwayError when the group is gone: another took over, or the server forgot it.
        """
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise self.refused(reply)
            for key, entries in reply or ():
                cursor = self._by_key[key]
                batch = cursor.take(entries)
                lost, cursor.lost = cursor.lost, []
                if batch or lost:
                    yield cursor.stream, batch, lost
                if cursor.torn:
                    raise HoleError(cursor.stream)

    def acknowledging(self, stream: str, number: int) -> list[bytes]:
        """Commands, one reply each."""
        return [pack("XACK", stream, self.group, *part) for part in self.cursors[stream].ack(number)]

    @staticmethod
    def refused(reply: ReplyError) -> Exception:
        if "NOGROUP" in str(reply) or "UNBLOCKED" in str(reply):
            return AwayError(f"the group is gone: {reply}")
        return fault_of(reply, "reading")
