"""Writes numbered entries to streams, and sees to it that they stay there.

One call at a time is in flight; what is given meanwhile goes with the next one: quick when idle, large when
busy. What a server lost with its last second, or was not heard about, is written again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from engine.bus.address import TIMEOUT_S, Address
from engine.bus.connection import Connection
from engine.bus.fence import NO_FENCE, Fence
from engine.bus.line import Line
from engine.bus.outbox import Entry
from engine.bus.wire import Wire
from engine.bus.writing import KEEP_S, MOST_BYTES, Writing
from engine.errors import BusError
from engine.histogram import Histogram


class Publisher(Connection):
    """``run`` keeps it connected; what is put is sent at once when nothing is in flight."""

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
        when_full: bool = False,
    ) -> None:
        """``on_ready`` is called whenever ``is_ready`` has become true: gather, put, and wait for it again.

        ``most_bytes``: of all that is held, waiting or kept. ``line``: shared with others; None: its own.
        ``when_full``: write where the server's memory is full, too; for who reads more than it writes.
        """
        super().__init__()
        self._address = address
        self._line = line or Line(address, name, gather=False)
        self._writing = Writing(streams, fence, most_bytes, when_full=when_full)
        self._outbox = self._writing.outbox
        self._on_ready = on_ready
        self._idle = asyncio.Event()
        self._life = 0
        """Counts connections: what an earlier one is answered is of no interest any more."""

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

    async def run(self) -> None:
        """Until ``close``. Raises FencedError, ConfigError, or what ``on_ready`` raises."""
        try:
            await super().run()
        finally:
            self._idle.set()

    # --- inside ---

    async def _open(self) -> Wire:
        wire = await self._line.join(self._lost)
        try:
            await wire.follow(self._writing.opening())
        except BaseException:
            self._line.leave(self._lost)
            raise
        return wire

    def _begin(self) -> None:
        self._send()
        self._ready()

    def _look(self, wire: Wire) -> None:
        wire.check(2 * TIMEOUT_S)
        was_full = self._outbox.is_full
        self._outbox.on_disk(time.monotonic() - KEEP_S)
        if was_full:
            self._ready()

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
        """Others may go on by the same connection."""
        super()._lost(fault)
        self._idle.set()

    def _hang_up(self) -> None:
        self._wire = None
        self._life += 1
        self._line.leave(self._lost)
