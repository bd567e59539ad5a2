"""One shard that this worker owns: its memory, its lease, and what of its strategies is still to be told."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from engine.bus.cursor import Batch
from engine.bus.lease import Lease
from engine.bus.line import Line
from engine.bus.messages import Heard, encode
from engine.bus.publisher import Publisher
from engine.errors import BusError
from engine.events import NS
from engine.feature_table import FeatureTable
from engine.workers.checkpoint import Checkpoint, Kept, restore
from engine.workers.frame import Frame
from engine.workers.shard import Said, Shard

log = logging.getLogger("engine.features")

MOST_WAITING = 100_000
"""Rounds whose answers wait for the bus, at most: then the shard reads no more."""

LIVE_NS = 60 * NS
"""A shard whose clock is no further behind is live."""


def heard_from(shard: Shard, told: int, said: Sequence[Said], now_ns: int) -> Heard:
    """What is said of it behind the entry ``told``: its faults are told with that."""
    faults, shard.faults = shard.faults, []
    failed_at, shard.failed_at = shard.failed_at, []
    return Heard(told, tuple(said), shard.settings.version, tuple(faults), now_ns, tuple(failed_at))


class OwnedShard:
    """From the lease on. ``on_table``: of closed bars. ``timer`` (ns) judges users' strategies, live.

    ``line``: of all shards of this worker.
    """

    def __init__(
        self,
        number: int,
        frame: Frame,
        lease: Lease,
        timer: Callable[[], int],
        on_table: Callable[[FeatureTable], None],
        line: Line,
    ) -> None:
        keys = frame.keys
        self.number = number
        self.lease = lease
        self.ticks = keys.ticks(number)
        self._signals = keys.signals(number)
        self._frame = frame
        self._timer = timer
        self._on_table = on_table
        self._live = False
        """A tape's results must not depend on how quick this machine is."""
        self.shard = self._new()
        self._kept = Kept(frame.redis, keys.state(number))
        self._checkpoint = Checkpoint(self.shard)
        self._publisher = Publisher(
            frame.address,
            [self._signals],
            lease.fence,
            on_ready=self.tell,
            line=line,
            when_full=True,
        )
        self._waiting: deque[tuple[int, list[Said]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._connection = 0
        self.durable = 0
        """The last entry that the checkpoint on the bus knows of."""
        self.sent_ns = 0
        """When the last round that it is through with was sent."""

    def _new(self) -> Shard:
        def timer() -> int:
            return self._timer() if self._live else 0

        return Shard(self.number, self._frame.config, timer=timer, on_table=self._on_table)

    @property
    def entries(self) -> int:
        return self._publisher.entries

    @property
    def fault(self) -> BaseException | None:
        """Why it ended; None: it runs."""
        task = self._task
        if task is None or not task.done() or task.cancelled():
            return None
        return task.exception() or BusError("it ended")

    async def open(self, listings: Callable[[Shard], None]) -> None:
        """Go on where its last owner was. ``listings`` gives a shard that begins anew its instruments.

        Raises BusError, and what the client does when the server is away.
        """
        fields = await self._kept.read()
        if fields:
            try:
                anew = restore(self.shard, fields)
            except BusError as error:
                log.error("%s; it begins anew with what is on the bus", error)
                self.shard = self._new()
            else:
                for name, why in anew.items():
                    log.warning("shard %d: %s begins anew: %s", self.number, name, why)
                self._checkpoint = Checkpoint(self.shard)
                if not anew:
                    self._checkpoint.changes()  # that is what the bus has
        if not self.shard.round:
            self._checkpoint = Checkpoint(self.shard)
            listings(self.shard)
        self.durable = self.shard.entry
        self._task = asyncio.create_task(self._publisher.run())
        opened = asyncio.create_task(self._publisher.opened())
        await asyncio.wait([self._task, opened], return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if self._task.done():
            await self._task
        log.info("shard %d: owned, from round %d on", self.number, self.shard.round)

    # --- rounds ---

    def take(self, batch: Batch) -> None:
        """What was read of its ticks."""
        shard, waiting = self.shard, self._waiting
        self._live = self._frame.clock() - shard.features.now_ns < LIVE_NS
        for number, entry in batch:
            if number > shard.entry:
                waiting.append((number, shard.take(number, entry)))
        self.sent_ns = batch[-1][1].sent_ns
        if self._publisher.is_ready:
            self.tell()

    @property
    def is_full(self) -> bool:
        return len(self._waiting) > MOST_WAITING

    def tell(self) -> None:
        """Say what the strategies said, and how far they are; the last owner may have said some of it."""
        waiting, publisher = self._waiting, self._publisher
        told = publisher.numbers[self._signals]
        while waiting and waiting[0][0] <= told:
            waiting.popleft()
        if not waiting or publisher.is_full:
            return
        shard = self.shard
        said: list[Said] = []
        for _, one in waiting:
            said += one
        number = waiting[-1][0]
        waiting.clear()
        heard = heard_from(shard, told, said, self._frame.clock())
        publisher.put([(self._signals, number, encode(heard))])

    # --- what is kept ---

    async def keep(self) -> int:
        """Write a checkpoint; returns the last entry that need not be told again.

        Raises FencedError, BusError, and what the client does when the server is away.
        """
        if self._publisher.reconnects != self._connection:
            # The server may have been another one, which had forgotten the last second.
            self._connection = self._publisher.reconnects
            self._checkpoint.forget()
        entry, changes = self.shard.entry, self._checkpoint.changes()
        try:
            if not await self._kept.write(changes, self.lease.fence):
                self._checkpoint.forget()
        except BaseException:
            self._checkpoint.forget()
            raise
        self.durable = entry
        return entry

    async def close(self, to: str = "", *, give_up: bool = False) -> None:
        """Keep all, tell all, and let another have it: ``to``, or whoever comes. ``give_up``: it is
        another's already."""
        try:
            if not give_up and self.lease.is_held:
                if self._task is None or self._task.done():
                    self._task = asyncio.create_task(self._publisher.run())
                self.tell()
                await self._publisher.drained()
                await self.keep()
        finally:
            self._publisher.close()
            if self._task is not None:
                await asyncio.gather(self._task, return_exceptions=True)
            if give_up:
                self.lease.drop()
            else:
                await self.lease.release(to)

    async def abandon(self) -> None:
        """It could not be opened: leave nothing that runs, and the lease to whoever comes."""
        self._publisher.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self.lease.release()
        except Exception as error:  # it expires by itself
            log.debug("lease: %s", error)

    def cancel(self) -> None:
        """Write nothing more, and keep nothing: as if the process had been killed."""
        if self._task is not None:
            self._task.cancel()
