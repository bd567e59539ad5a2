"""Reads streams of a group in order, through lost connections, a server that forgot a second, and take-overs.

What is read is handed over in the callback that read it; the next question is on its way meanwhile. The
reader's own position is the truth: what it had is passed over when it is told again.
https://redis.io/docs/latest/commands/xreadgroup/
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine.bus.address import TIMEOUT_S, Address
from engine.bus.cursor import Batch, Cursor, Lost, Source
from engine.bus.fence import NO_FENCE, Fence
from engine.bus.reading import ANSWERS, BLOCK_MS, HoleError, Reading
from engine.bus.wire import ReplyError, Wire, open_wire
from engine.bus.writing import PAUSE_S
from engine.errors import BusError, FencedError

log = logging.getLogger("engine.bus")

OnEntries = Callable[[str, Batch], None]
OnLost = Callable[[Lost], None]


class Reader:
    """Of asyncio. ``run`` reads until ``close``."""

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
        self._address = address
        self._name = name
        self._reading = Reading(group, consumer, sources, fences or [NO_FENCE] * len(sources))
        self._on_entries = on_entries
        self._on_lost = on_lost
        self._may_read = may_read
        self._question = self._reading.question()
        self._wire: Wire | None = None
        self._asked = False
        self._held: deque[Iterator[tuple[str, Batch, list[Lost]]]] = deque()
        """Replies, or what is left of them, that wait while paused: one, and one that was on its way."""
        self._paused = False
        self._closing = False
        self._fault: Exception | None = None
        self._gone = asyncio.Event()
        self._opened = asyncio.Event()
        self.trouble = ""
        """Why nothing is read now; "": it is."""
        self.down_since_s: float | None = time.monotonic()
        """When the server was heard of last, or first asked since, monotonic seconds; None: connected."""
        self.reconnects = -1
        self.calls = 0

    # --- what the owner looks at ---

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """By stream: ``read``, ``acked``, ``unacknowledged``, ``entries``, ``repeats``."""
        return self._reading.cursors

    async def opened(self) -> None:
        """Wait until the groups stand."""
        await self._opened.wait()

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

    def close(self) -> None:
        self._closing = True
        self._gone.set()

    async def run(self) -> None:
        """Until ``close``. Raises FencedError, ConfigError, and what the callbacks raise."""
        try:
            while not self._closing:
                await self._connected()
        except Exception as error:
            self._fault = error
            raise
        finally:
            self._hang_up()

    # --- inside ---

    async def _connected(self) -> None:
        self._gone.clear()
        if not self._may_read():
            await asyncio.sleep(PAUSE_S)
            return
        try:
            wire = await open_wire(self._address, self._lost, self._name)
            try:
                await wire.follow(self._reading.opening())
            except BaseException:
                wire.end()
                raise
        except FencedError:
            raise
        except BusError as error:
            self._down(str(error), time.monotonic())
            await self._pause_a_little()
            return
        self._wire, self.trouble, self.down_since_s = wire, "", None
        self._asked = False
        self._held.clear()
        self.reconnects += 1
        self._opened.set()
        self._ask()
        while not self._gone.is_set() and not self._closing:
            wire.check(BLOCK_MS / 1000 + 2 * TIMEOUT_S)
            self._ask()  # the lease may be held again
            try:
                async with asyncio.timeout(0.5):
                    await self._gone.wait()
            except TimeoutError:
                pass
        self._hang_up()
        if self._fault is not None:
            raise self._fault
        if self.trouble:
            await self._pause_a_little()

    async def _pause_a_little(self) -> None:
        if not self._closing:
            await asyncio.sleep(PAUSE_S)

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
        if not self._paused:
            self._ask()
            self._hand_over()

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
        since_s = time.monotonic() if self._wire is None else self._wire.heard_s
        self._hang_up()
        self._held.clear()
        if isinstance(fault, HoleError):
            log.warning("%s: something is missing, looking again", fault)
        else:
            if isinstance(fault, FencedError) or not isinstance(fault, BusError):
                self._fault = fault
            self._down(str(fault), since_s)
        self._gone.set()

    def _down(self, why: str, since_s: float) -> None:
        if self.down_since_s is None:
            self.down_since_s = since_s
        if why != self.trouble:
            log.warning("%s", why)
        self.trouble = why

    def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.end()
