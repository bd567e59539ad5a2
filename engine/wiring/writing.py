"""What the live engine keeps: journal events until they are durable, settings, and the end of all writing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from engine.api.hub import Hub
from engine.errors import OutcomeUnknownError, StoreError
from engine.events import JournalEvent
from engine.store.store import Store
from engine.wiring.journal_log import note

log = logging.getLogger("engine")

DURABLE_S = 2.5
"""How long a person who waits for the disk is let wait."""


class Writing:
    """The desk's way to the store, and the store's answers on the loop's thread.

    ``failed(error)`` is called once, when nothing can be written any more; ``fault(error)`` for our own bugs.
    """

    def __init__(
        self,
        store: Store,
        hub: Hub,
        *,
        failed: Callable[[StoreError], None],
        fault: Callable[[Exception], None],
        at_once: bool = False,
    ) -> None:
        """``at_once``: what is committed is answered before it is on disk, on the spot."""
        self._store = store
        self._hub = hub
        self._failed = failed
        self._fault = fault
        self._at_once = at_once
        self._loop: asyncio.AbstractEventLoop | None = None
        self._undurable: deque[tuple[Sequence[int], Sequence[JournalEvent], Callable[[], None]]] = deque()
        self._waiters: deque[tuple[int, asyncio.Event]] = deque()
        self._handed: deque[float] = deque()
        """When each of ``_undurable`` was handed over, monotonic."""
        self._committed = self._durables = 0
        self.watchers: list[Callable[[JournalEvent], None]] = []
        """Each is called with each event that is durable."""
        self.before: Callable[[], None] = lambda: None
        """Called before each commit: a setting that it keeps is on disk with these events at the latest."""
        self.failure: StoreError | None = None
        """Why nothing can be written any more."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on: the store's thread tells ``loop``."""
        self._loop = loop
        self._store.failed = lambda error: _post(loop, self.fail, error)

    @property
    def settled(self) -> bool:
        """Everything that was committed is durable."""
        return not self._undurable

    @property
    def commits(self) -> int:
        """Handed to the store since start."""
        return self._committed

    @property
    def waiting(self) -> int:
        """Commits that are not on disk."""
        return len(self._undurable)

    def lag_s(self) -> float:
        """How long the oldest commit has waited for the disk by now; 0 when none waits."""
        return time.monotonic() - self._handed[0] if self._handed else 0.0

    def commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        """Journal ``events``; when they are on disk, show them to clients and call ``done``, in order."""
        assert self._loop is not None
        loop = self._loop
        self.before()
        try:
            if self._at_once:
                self._undurable.append((self._store.commit_now(events), events, done))
                self._handed.append(time.monotonic())
                self._committed += 1
                self._durable()
                return
            seqs = self._store.commit(events, lambda _: _post(loop, self._durable))
        except StoreError as error:
            self.fail(error)
            return
        self._committed += 1
        self._undurable.append((seqs, events, done))
        self._handed.append(time.monotonic())

    def keep(self, name: str, value: object) -> None:
        """Keep a setting; a store that has failed was told of already, and must not stop the ticks."""
        if self.failure is None:
            try:
                self._store.put_setting(name, value)
            except StoreError as error:
                self.fail(error)

    async def durable(self) -> None:
        """Wait until everything committed so far is durable. Raises OutcomeUnknownError when it is not in
        time, or the disk failed meanwhile: a commit whose fsync failed may be there after a restart."""
        if self.settled:
            return
        if self.failure is None:
            await self._written()
        if self.failure is not None:
            raise OutcomeUnknownError(self._stands_still())

    async def _written(self) -> None:
        """Everything committed so far is durable, or nothing will be any more."""
        written = asyncio.Event()
        self._waiters.append((self._committed, written))
        try:
            async with asyncio.timeout(DURABLE_S):  # wait_for may swallow a cancellation
                await written.wait()
        except TimeoutError:
            raise OutcomeUnknownError(
                f"it is not on disk after {DURABLE_S:.1f} s: it may not outlive the engine"
            ) from None

    def refuse_when_failed(self) -> None:
        """Raises StoreError once nothing can be written any more."""
        if self.failure is not None:
            raise StoreError(self._stands_still())

    def _stands_still(self) -> str:
        return f"nothing can be written, so nothing trades ({self.failure}): restart when it is mended"

    def fail(self, error: StoreError) -> None:
        """Nothing can be made durable any more, so nothing may be traded, exits included."""
        if self.failure is None:
            self.failure = error
            log.error("storage failed, trading stops: %s", error)
            self._failed(error)
        for _, written in self._waiters:
            written.set()
        self._waiters.clear()

    def _durable(self) -> None:
        seqs, events, done = self._undurable.popleft()
        self._handed.popleft()
        for seq, event in zip(seqs, events, strict=True):
            self._guarded(self._hub.publish, seq, event)
            self._guarded(note, event)
            for watch in self.watchers:
                self._guarded(watch, event)
        self._guarded(done)
        self._durables += 1
        while self._waiters and self._waiters[0][0] <= self._durables:
            self._waiters.popleft()[1].set()

    def _guarded(self, call: Callable[..., object], *arguments: object) -> None:
        """Our own bug in one who listens keeps nothing from the others, nor the next event from clients."""
        try:
            call(*arguments)
        except Exception as error:
            self._fault(error)


def _post(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    """Call on the loop's thread, from the writer's; a loop that has ended needs no news."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *arguments)
