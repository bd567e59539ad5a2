"""How the execution worker stands: its own last word, everybody else's, and what is on the bus."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from engine.api.address import socket_path
from engine.api.health_protocol import BusHealth
from engine.bus.inspect import Inspection, inspect
from engine.bus.registry import BEAT_S, Registry, WorkerRow
from engine.bus.server import NEARLY_FULL, unwell
from engine.bus.topology import PROTOCOL, agree, agreed
from engine.errors import BusError
from engine.wiring.metrics.bus import GroupLag, Stage, Whole
from engine.workers.far_feed import FarFeed, far_feeds
from engine.workers.frame import rss_bytes

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from engine.workers.execution import ExecutionEngine

log = logging.getLogger("engine.execution")

LOOK_S = 1.0
OLD_S = 5.0
"""What was looked at longer ago is not said to be so now."""


class Standing:
    def __init__(self, engine: ExecutionEngine, redis: Redis) -> None:
        self._engine = engine
        self._redis = redis
        self._registry = Registry(redis, engine.keys)
        self._looked_s = float("-inf")
        self._fault = ""
        self._far: list[FarFeed] = []
        self.feeds: list[FarFeed] = []
        """Those of the market's sockets."""
        self._counted = 0
        self._beaten_s, self._cpu_s = time.monotonic(), time.process_time()
        engine.bus_metrics.add(self._lags)
        engine.bus_metrics.whole = self._whole

    async def join(self) -> None:
        """Raises BusError where the other workers go by another configuration."""
        config, former = self._engine.options.config, self._engine.place.former
        if former:
            await self._registry.leave(former)
        alive = [row for row in await self._registry.rows() if row.id != self._engine.worker]
        earlier = sum(row.protocol < PROTOCOL for row in alive)
        await agree(self._redis, self._engine.keys, agreed(config), len(alive), earlier=earlier)

    async def leave(self) -> None:
        await self._registry.leave(self._engine.worker)

    async def run(self) -> None:
        """Beat and look, until cancelled."""
        await asyncio.gather(self._beat(), self._look())

    def health(self) -> BusHealth:
        found, where = self._engine.bus, self._engine.address.shown
        text, well = self.line()
        if found is None or time.monotonic() - self._looked_s > OLD_S:
            return BusHealth(ok=False, detail=f"{where}: {text}", lag=None, oldest_s=None)
        oldest = max((one.oldest_s for one in self._lags()), default=0.0)
        return BusHealth(
            ok=well, detail=f"{where}: {text}", lag=found.lag, oldest_s=oldest, memory=found.server.used
        )

    @property
    def recording(self) -> str:
        """As the market worker tells of it."""
        found = self._engine.bus
        told = [row.recording for row in found.workers if row.recording] if found is not None else []
        return "failed" if "failed" in told else "on" if told else ""

    @property
    def taped(self) -> tuple[int, int, int] | None:
        """The same, of what is on its tapes."""
        found = self._engine.bus
        workers = found.workers if found is not None else ()
        return next((row.taped for row in workers if row.taped is not None), None)

    def line(self) -> tuple[str, bool]:
        """In a few words, and whether it is well."""
        found = self._engine.bus
        fault = self._fault or self._missing(found)
        if found is None or time.monotonic() - self._looked_s > OLD_S:
            return fault or "not heard of", False
        if fault:
            return fault, False
        told = [f"{len(found.workers)} workers"]
        if found.gone:
            told.append(f"{len(found.gone)} gone")
        if (used := found.server.used) is not None and used >= NEARLY_FULL:
            told.append(f"its memory is full to {100 * used:.0f} %")
        return ", ".join(told), True

    def _missing(self, found: Inspection | None) -> str:
        if found is None:
            return ""
        # What the server refuses is why nobody has a lease any more, and not the reverse.
        if fault := unwell(found.server, self._engine.options.config.bus):
            return fault
        bare = [
            f"the {row.stage} stage" if row.shard is None else f"shard {row.shard}"
            for row in found.leases
            if not row.owner
        ]
        return f"nobody has {', '.join(bare)}" if bare else ""

    async def _beat(self) -> None:
        while True:
            try:
                await self._registry.beat(self._row())
            except Exception as error:  # the reader tells that the server is away
                log.debug("beat: %s", error)
            await asyncio.sleep(BEAT_S)

    async def _look(self) -> None:
        engine = self._engine
        while True:
            began_s = time.monotonic()
            try:
                engine.bus = await inspect(
                    self._redis,
                    engine.address,
                    engine.keys,
                    engine.options.config.bus.shards,
                )
                self._looked_s, self._fault = time.monotonic(), ""
                self._far = far_feeds(self._far, engine.bus.workers)
                self.feeds = [feed for feed in self._far if not feed.beside]
                engine.beside.collected = [feed for feed in self._far if feed.beside]
            except BusError as error:
                self._fault = str(error)
            except Exception as error:  # the reader tells that the server is away
                self._fault = type(error).__name__
                log.debug("bus: %s", error)
            # Many shards take a while: the desk's thread has most of its time for the desk.
            await asyncio.sleep(min(max(LOOK_S, 4 * (time.monotonic() - began_s)), OLD_S / 2))

    def _row(self) -> WorkerRow:
        engine = self._engine
        behind = engine.behind_ns / 1e6
        now_s, cpu_s = time.monotonic(), time.process_time()
        passed_s = max(now_s - self._beaten_s, 1e-3)
        state, detail = engine.bus_state()
        funnel = engine.desk.funnel()
        ticks = funnel["trades"] + funnel["quotes"]
        row = WorkerRow(
            id=engine.worker,
            host=platform.node(),
            pid=os.getpid(),
            stages=("execution",),
            epochs={"execution": engine.lease.epoch},
            state=state,
            detail=detail,
            since_ns=engine.started_ns,
            at_ns=time.time_ns(),
            position=engine.player.round,
            ticks=ticks,
            ticks_per_s=round((ticks - self._counted) / passed_s, 1),
            cpu_pct=round(100 * (cpu_s - self._cpu_s) / passed_s, 1),
            rss_bytes=rss_bytes(),
            lag=len(engine.intake.join),
            lag_ms=round(behind, 3),
            lost=engine.lost,
            version=_version(),
            protocol=PROTOCOL,
            socket=str(socket_path(engine.options.state_dir)),
        )
        self._counted, self._beaten_s, self._cpu_s = ticks, now_s, cpu_s
        return row

    def _whole(self) -> Whole | None:
        found = self._engine.bus
        if found is None or time.monotonic() - self._looked_s > OLD_S:
            return None
        stages = []
        for name in ("market", "features", "execution"):
            late_ms = [row.lag_ms for row in found.workers if name in row.stages]
            stages.append(Stage(name, len(late_ms), max(late_ms, default=0.0) / 1e3))
        return Whole(stages, len(found.gone), found.server.memory_bytes, found.server.most_bytes)

    def _lags(self) -> list[GroupLag]:
        found = self._engine.bus
        if found is None:
            return []
        return [
            GroupLag(row.name, group.name, row.length, group.pending, group.lag, group.oldest_age_s or 0.0)
            for row in found.streams
            for group in row.groups
        ]


def _version() -> str:
    try:
        return version("tickdesk")
    except PackageNotFoundError:
        return ""
