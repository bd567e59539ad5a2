"""Reads streams of a group in order, through lost connections, a server that forgot a second, and take-overs.

What is read is handed over in the callback that read it. Little of it first, and the next question then: it
is waited for, and asking takes longer than looking. Of much the question is on its way meanwhile. The
reader's own position is the truth: what it had is passed over when it is told again.
https://redis.io/docs/latest/commands/xreadgroup/
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine.bus.address import TIMEOUT_S, Address
from engine.bus.connection import Connection
from engine.bus.cursor import Batch, Cursor, Lost, Source
from engine.bus.fence import NO_FENCE, Fence
from engine.bus.reading import ANSWERS, BLOCK_MS, HoleError, Reading
from engine.bus.wire import ReplyError, Wire, open_wire
from engine.bus.writing import PAUSE_S

log = logging.getLogger("engine.bus")

LITTLE = 32
"""Entries in one answer: more is a sign that the reader is behind."""
OnEntries = Callable[[str, Batch], None]
OnLost = Callable[[Lost], None]


class Reader(Connection):
    """``run`` reads until ``close``."""

    def __init__(
        self,
        address: Address,
        group: str,
        consumer: str,
        sources: Sequence[Source],
        on_entries: OnEntries,
        on_lost: OnLost,
        *,
        fences: Sequence[Fence] | None = None,
        may_read: Callable[[], bool] = lambda: True,
        name: str = "tickdesk",
    ) -> None:
        """``on_entries(stream, [(number, message), …])`` and ``on_lost``, which comes before what follows the
        loss; what they raise ends ``run``.

        ``fences``: of each source. ``may_read``: is the lease held, by the clock? Else nothing is asked for.
        """
        super().__init__()
        self._address = address
        self._name = name
        self._reading = Reading(group, consumer, sources, fences or [NO_FENCE] * len(sources))
        self._on_entries = on_entries
        self._on_lost = on_lost
        self._may_read = may_read
        self._question = self._reading.question()
        self._asked = False
        self._held: deque[Iterator[tuple[str, Batch, list[Lost]]]] = deque()
        """Replies, or what is left of them, that wait while paused: one, and one that was on its way."""
        self._paused = False
        self.calls = 0

    # --- what the owner looks at ---

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """By stream: ``read``, ``acked``, ``unacknowledged``, ``entries``, ``repeats``."""
        return self._reading.cursors

    # --- what the owner does ---

    def ack(self, stream: str, number: int) -> None:
        """All of ``stream`` up to ``number`` is durable. Never waits; made up for when not connected."""
        commands = self._reading.acknowledging(stream, number)
        wire = self._wire
        if wire is not None and commands:
            wire.send(b"".join(commands), len(commands), self._acked)

    def pause(self) -> None:
        """Hand over nothing more; two replies at most are held back."""
        self._paused = True

    def resume(self) -> None:
        """Go on: what was held back is handed over before this returns, unless it is paused again."""
        self._paused = False
        try:
            self._hand_over()
        except Exception as error:  # ``run`` tells of it, as of what comes by itself
            self._lost(error)
            return
        self._ask()

    # --- inside ---

    async def _connected(self) -> None:
        if not self._may_read():
            await asyncio.sleep(PAUSE_S)
            return
        await super()._connected()

    async def _open(self) -> Wire:
        wire = await open_wire(self._address, self._lost, self._name)
        try:
            await wire.follow(self._reading.opening())
        except BaseException:
            wire.end()
            raise
        return wire

    def _begin(self) -> None:
        self._asked = False
        self._held.clear()
        self._ask()

    def _look(self, wire: Wire) -> None:
        wire.check(BLOCK_MS / 1000 + 2 * TIMEOUT_S)
        self._ask()  # the lease may be held again

    def _ask(self) -> None:
        wire = self._wire
        if wire is None or self._asked or self._paused or not self._may_read():
            return
        self._asked = True
        wire.send(self._question, ANSWERS, self._answered)

    def _answered(self, replies: list[Any]) -> None:
        self.calls += 1
        self._asked = False
        self._held.append(self._reading.taken(replies))
        if self._paused:
            return
        if _entries(replies) > LITTLE:
            self._ask()
            self._hand_over()
        else:
            self._hand_over()
            self._ask()

    def _hand_over(self) -> None:
        held = self._held
        while held and not self._paused:
            found = next(held[0], None)
            if found is None:
                held.popleft()
                continue
            stream, batch, lost = found
            try:
                for one in lost:
                    self._on_lost(one)
                if batch:
                    self._on_entries(stream, batch)
            except Exception as error:
                self._fault = error
                raise

    def _acked(self, replies: list[Any]) -> None:
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise self._reading.refused(reply)

    def _lost(self, fault: Exception) -> None:
        self._held.clear()
        if isinstance(fault, HoleError):
            self._hang_up()
            log.warning("%s: something is missing, looking again", fault)
            self._gone.set()
            return
        super()._lost(fault)

    def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.end()


def _entries(replies: list[Any]) -> int:
    return sum(len(entries) for reply in replies if isinstance(reply, list) for _, entries in reply)
