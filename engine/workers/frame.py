"""A worker's process: the server looked at, the topology agreed upon, its stages run, its last word said.

A stage is what has a lease and streams of its own; the frame gives it what all of them need.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from engine.bus.address import Address, address_of, client
from engine.bus.keys import Keys
from engine.bus.lease import Lease
from engine.bus.registry import BEAT_S, Registry, WorkerRow
from engine.bus.server import LoadingError, check, reaching, server
from engine.bus.topology import PROTOCOL, agree, agreed, digest
from engine.clock import Clock, LiveClock
from engine.config import Config
from engine.errors import BusError, TickdeskError
from engine.processor import step_aside
from engine.text import clean
from engine.wiring.end_signals import SAME_S
from engine.wiring.end_tasks import end_tasks
from engine.wiring.heartbeat import Heartbeat
from engine.wiring.service_manager import ServiceManager
from engine.workers.place import worker_name

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("engine.worker")

START_S = 30.0
"""So long a server that does not answer is waited for at the start."""
_PAUSE_S = 0.25
END_S = 4.0
"""A stage that has not ended in order by then is left as it is: others take over."""


class Stage(Protocol):
    """One stage of a worker."""

    name: str

    async def run(self) -> None:
        """Until it is cancelled. Raises TickdeskError: the worker ends, another may take over."""

    async def stop(self) -> None:
        """End in order, after ``run`` was cancelled: write what is to be kept, let go what it owns."""

    def row(self, row: WorkerRow, seconds: float) -> WorkerRow:
        """``row`` with what it has to say; ``seconds``: since it was asked last."""


@dataclass
class Frame:
    """What stages share."""

    config: Config
    state_dir: Path
    tapes: tuple[Path, ...] = ()
    venue: str | None = None
    worker: str = ""
    """Its name on the bus."""
    former: str = ""
    """Who was in this place before it, and is dead."""
    clock: Clock = field(default_factory=LiveClock)
    address: Address = field(init=False)
    keys: Keys = field(init=False)
    redis: Redis = field(init=False)
    registry: Registry = field(init=False)

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        self.worker = self.worker or worker_name(self.state_dir)
        self.address = address_of(self.config.bus.url)
        self.keys = Keys(self.config.bus.prefix)
        self.redis = client(self.address, f"tickdesk-{self.worker}")
        # Who has lost what it owned is not there any more: its shards are dealt anew at once.
        self.registry = Registry(self.redis, self.keys, max(self.lease_s, 3 * BEAT_S))

    @property
    def lease_s(self) -> float:
        return self.config.bus.lease_s

    def lease(self, stage: str, shard: int | None = None) -> Lease:
        """One that is this worker's to have."""
        return Lease(self.redis, self.keys, stage, self.worker, self.lease_s, shard, former=self.former)


class Worker:
    """Runs stages until one of them ends or it is told to stop."""

    def __init__(
        self, frame: Frame, stages: Sequence[Stage], told: Callable[[], object] = lambda: None
    ) -> None:
        """``told`` is called when it is told to end."""
        self._frame = frame
        self._told = told
        self._told_aside = False
        self._stages = stages
        self._stopping = asyncio.Event()
        self._stopped_s = 0.0
        self._since_ns = frame.clock()
        self._agreed = agreed(frame.config)
        self._heartbeat = Heartbeat()
        self._manager = ServiceManager(
            beats={"loop": lambda: self._heartbeat.beats},
            status=lambda: "stopping" if self._stopping.is_set() else "running",
        )
        self._cpu_s, self._beaten_s = time.process_time(), time.monotonic()

    async def run(self) -> int:
        """The exit code. Raises TickdeskError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, signal.Signals(number).name)
        frame = self._frame
        try:
            await self._join()
            await self._work()
        finally:
            with contextlib.suppress(Exception):  # it expires by itself
                async with asyncio.timeout(1.0):
                    await frame.registry.leave(frame.worker)
            await frame.redis.aclose()
            self._manager.close()
        log.info("stopped")
        return 0

    def stop(self, who: str) -> None:
        """End in order; a second call ends at once, unless it comes together with the first."""
        now_s = time.monotonic()
        if self._stopping.is_set():
            if now_s - self._stopped_s <= SAME_S:
                return
            log.warning("second stop (%s): ending at once", who)
            os._exit(1)
        log.info("stopping", extra={"fields": {"who": who}})
        self._stopped_s = now_s
        self._manager.stopping()
        self._told()
        self._stopping.set()

    async def _join(self) -> None:
        """Raises BusError when the server or the topology is not for this worker."""
        frame, until_s, loads = self._frame, time.monotonic() + START_S, False
        while not self._stopping.is_set():
            try:
                check(await server(frame.redis, frame.address), frame.config.bus)
                with reaching(frame.address):
                    if frame.former:
                        await frame.registry.leave(frame.former)
                    there = await frame.registry.rows()
                    earlier = sum(row.protocol < PROTOCOL for row in there)
                    await agree(frame.redis, frame.keys, self._agreed, len(there), earlier=earlier)
                    await frame.registry.beat(self._row())
                return
            except LoadingError as error:  # as long as it takes
                if not loads:
                    log.warning("%s", error)
                loads, until_s = True, time.monotonic() + START_S
            except BusError as error:
                if "does not answer" not in str(error) or time.monotonic() > until_s:
                    raise
            await asyncio.sleep(_PAUSE_S)

    async def _work(self) -> None:
        if self._stopping.is_set():
            return
        log.info("works", extra={"fields": {"worker": self._frame.worker, "bus": self._frame.address.shown}})
        stages = [asyncio.create_task(stage.run(), name=stage.name) for stage in self._stages]
        self._manager.ready()
        beats = asyncio.create_task(self._beat_on())
        life = [asyncio.create_task(one.run()) for one in (self._heartbeat, self._manager)]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([*stages, beats, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks([*stages, stopping])
            ended = await asyncio.gather(*stages, return_exceptions=True)
            await self._end()
            await end_tasks([beats, *life])
        for fault in ended:
            if isinstance(fault, Exception):
                raise _cause(fault)

    async def _end(self) -> None:
        for stage in self._stages:
            try:
                async with asyncio.timeout(END_S):
                    await stage.stop()
            except (TimeoutError, TickdeskError) as error:
                log.warning("%s did not end in order: %s", stage.name, clean(error) or "it took too long")
            except Exception as error:
                log.error("%s did not end in order", stage.name, exc_info=error)

    async def _beat_on(self) -> None:
        told, shares = "", self._frame.config.engine.processor == "any"
        clock = self._frame.clock
        while True:
            if not shares:
                self._step_aside()  # the worker that decides may have come after this one
            await asyncio.sleep(BEAT_S)
            if isinstance(clock, LiveClock):
                clock.resync()
            try:
                await self._frame.registry.beat(self._row())
                told = ""
            except Exception as error:  # the stages' own connections say more
                if told != type(error).__name__:
                    told = type(error).__name__
                    log.warning("nobody hears this worker: %s", clean(error, 100))

    def _step_aside(self) -> None:
        try:
            step_aside()
        except OSError as error:  # no file descriptors: the next beat may have one
            if not self._told_aside:
                self._told_aside = True
                log.warning("this worker stays on its processors: %s", error.strerror)

    def _row(self) -> WorkerRow:
        now_s, cpu_s = time.monotonic(), time.process_time()
        passed_s = max(now_s - self._beaten_s, 1e-3)
        row = WorkerRow(
            id=self._frame.worker,
            host=clean(socket.gethostname(), 60),
            pid=os.getpid(),
            stages=tuple(stage.name for stage in self._stages),
            state="stopping" if self._stopping.is_set() else "running",
            since_ns=self._since_ns,
            at_ns=self._frame.clock(),
            rss_bytes=rss_bytes(),
            cpu_pct=round(100 * (cpu_s - self._cpu_s) / passed_s, 1),
            version=_version(),
            protocol=PROTOCOL,
            config=digest(self._agreed),
        )
        self._beaten_s, self._cpu_s = now_s, cpu_s
        for stage in self._stages:
            row = stage.row(row, passed_s)
        if self._stopping.is_set():
            row = msgspec.structs.replace(row, state="stopping")
        return row


def _cause(fault: Exception) -> Exception:
    """What says why, of a group of faults."""
    if isinstance(fault, ExceptionGroup):
        causes = [_cause(one) for one in fault.exceptions]
        return next((one for one in causes if isinstance(one, TickdeskError)), causes[0])
    return fault


def rss_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tickdesk")
    except PackageNotFoundError:
        return "unknown"


async def acquired(lease: Lease, what: str, pause_s: float) -> None:
    """Stand by until ``lease`` is held."""
    told = ""
    while True:
        try:
            if await lease.acquire():
                return
            state = f"{lease.holder} has {what}: standing by"
        except Exception as error:
            state = f"{what}: the bus does not answer ({type(error).__name__}); trying on"
        if state != told:
            told = state
            log.info("%s", state)
        await asyncio.sleep(pause_s)
