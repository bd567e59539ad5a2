"""Writes numbered entries to streams, and sees to it that they stay there.

One call at a time is in flight; what is given meanwhile goes with the next one: quick when idle, large when
busy. What a server lost with its last second, or was not heard about, is written again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from engine.bus.address import TIMEOUT_S, Address
from engine.bus.fence import NO_FENCE, Fence
from engine.bus.line import Line
from engine.bus.outbox import Entry
from engine.bus.wire import Wire
from engine.bus.writing import KEEP_S, MOST_BYTES, PAUSE_S, Writing
from engine.errors import BusError, FencedError
from engine.histogram import Histogram

log = logging.getLogger("engine.bus")


class Publisher:
    """Of asyncio. ``run`` keeps it connected; what is put is sent at once when nothing is in flight."""

    def __init__(
        self,
        address: Address,
        streams: Sequence[str],
        fence: Fence = NO_FENCE,
        *,
        on_ready: Callable[[], None] | None = None,
        most_bytes: int = MOST_BYTES,
        name: str = "tickdesk",
        line: Line | None = None,
    ) -> None:
        """``on_ready`` is called whenever ``is_ready`` has become true: gather, put, and wait for it again.

        ``most_bytes``: of all that is held, waiting or kept. ``line``: shared with others; None: its own.
        """
        self._address = address
        self._line = line or Line(address, name, gather=False)
        self._writing = Writing(streams, fence, most_bytes)
        self._outbox = self._writing.outbox
        self._on_ready = on_ready
        self._opened = asyncio.Event()
        self._gone = asyncio.Event()
        self._idle = asyncio.Event()
        self._wire: Wire | None = None
        self._life = 0
        """Counts connections: what an earlier one is answered is of no interest any more."""
        self._fault: Exception | None = None
        self._closing = False
        self.trouble = ""
        """Why nothing is written now; "": it is."""
        self.down_since_s: float | None = time.monotonic()
        """When the server was heard of last, or first asked since, monotonic seconds; None: connected."""
        self.reconnects = -1

    # --- what the owner looks at ---

    @property
    def numbers(self) -> Mapping[str, int]:
        """The last number of each stream: found there by ``opened``, then as they are put."""
        return self._outbox.numbers

    @property
    def is_ready(self) -> bool:
        """Connected, nothing is in flight, and there is room: what is put now is sent now."""
        return self._wire is not None and self._outbox.is_idle and not self._outbox.is_full

    @property
    def is_full(self) -> bool:
        """The bound is reached: ``put`` raises. The owner lets its ticks wait, or halts.

        ``on_ready`` tells of room; what is merely kept leaves after ``KEEP_S``.
        """
        return self._outbox.is_full

    @property
    def entries(self) -> int:
        """Answered, those written again among them."""
        return self._writing.entries

    @property
    def again(self) -> int:
        """Entries that a server had lost, or was not heard about."""
        return self._outbox.again

    @property
    def took(self) -> Histogram:
        """From a call to its answer."""
        return self._writing.took

    # --- what the owner does ---

    async def opened(self) -> None:
        """Wait until ``numbers`` is known. (``run`` must be running; its error is the one that tells.)"""
        await self._opened.wait()

    def put(self, entries: Iterable[Entry]) -> None:
        """Write these together. Never waits.

        Raises FencedError when another owns the stage; BusError when the bound is reached, or before
        ``opened``; ValueError for a number that is not above its stream's last.
        """
        if self._fault is not None:
            raise self._fault
        if not self._outbox.is_open:
            raise BusError("the bus is not open yet: nothing can be written")
        if self._outbox.is_full:
            raise BusError(
                f"{self._outbox.size >> 20} MiB wait for Redis at {self._address.shown}: no more is taken"
            )
        self._outbox.put(entries)
        self._send()

    async def drained(self) -> None:
        """Wait until everything that was put has been answered."""
        while not (self._outbox.is_idle or self._fault):
            self._idle.clear()
            await self._idle.wait()
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """``run`` returns. What was not answered by then may be missing: see ``drained``."""
        self._closing = True
        self._gone.set()

    async def run(self) -> None:
        """Until ``close``. Raises FencedError, ConfigError, or what ``on_ready`` raises."""
        try:
            while not self._closing:
                await self._connected()
        except Exception as error:
            self._fault = error
            raise
        finally:
            self._idle.set()
            self._hang_up()

    # --- inside ---

    async def _connected(self) -> None:
        self._gone.clear()
        try:
            wire = await self._line.join(self._lost)
            try:
                await wire.follow(self._writing.opening())
            except BaseException:
                self._line.leave(self._lost)
                raise
        except FencedError:
            raise
        except BusError as error:
            self._down(str(error), time.monotonic())
            await self._pause()
            return
        self._wire, self.trouble, self.down_since_s = wire, "", None
        self.reconnects += 1
        self._opened.set()
        self._send()
        self._ready()
        while not self._gone.is_set() and not self._closing:
            wire.check(2 * TIMEOUT_S)
            was_full = self._outbox.is_full
            self._outbox.on_disk(time.monotonic() - KEEP_S)
            if was_full:
                self._ready()
            try:
                async with asyncio.timeout(0.5):
                    await self._gone.wait()
            except TimeoutError:
                pass
        self._hang_up()
        if self._fault is not None:
            raise self._fault
        if self.trouble:
            await self._pause()

    async def _pause(self) -> None:
        if not self._closing:
            await asyncio.sleep(PAUSE_S)

    def _send(self) -> None:
        wire = self._wire
        if wire is None:
            return
        entries = self._outbox.take()
        if entries is None:
            return
        count, began_ns, life = len(entries), time.monotonic_ns(), self._life

        def done(replies: list[Any]) -> None:
            if life != self._life:
                return
            now_ns = time.monotonic_ns()
            try:
                self._writing.answered(replies[0], count, now_ns - began_ns, now_ns / 1e9)
            except BusError as error:
                self._lost(error)
                return
            self._send()
            if self._outbox.is_idle:
                self._idle.set()
            self._ready()

        wire.send(self._writing.packed(entries), 1, done)

    def _ready(self) -> None:
        if self._on_ready is None or not self.is_ready:
            return
        try:
            self._on_ready()
        except Exception as error:  # ``run`` tells of it
            self._fault = error
            self._lost(error)

    def _lost(self, fault: Exception) -> None:
        """The connection, or what it is good for; others may go on by it."""
        since_s = time.monotonic() if self._wire is None or self._wire.is_open else self._wire.heard_s
        self._hang_up()
        if isinstance(fault, FencedError) or not isinstance(fault, BusError):
            self._fault = fault
        self._down(str(fault), since_s)
        self._idle.set()
        self._gone.set()

    def _down(self, why: str, since_s: float) -> None:
        if self.down_since_s is None:
            self.down_since_s = since_s
        if why != self.trouble:
            log.warning("%s", why)
        self.trouble = why

    def _hang_up(self) -> None:
        self._wire = None
        self._life += 1
        self._line.leave(self._lost)
