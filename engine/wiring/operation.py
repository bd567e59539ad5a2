"""The desk watched as a machine: what alarms look at, and whom they tell."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING

from engine.events import NS, FeedState
from engine.ops.alarms import SOURCE, Alarms, FeedSight, Sight
from engine.task_group import TaskGroup
from engine.text import clean

if TYPE_CHECKING:
    from engine.feeds.base import Watched
    from engine.wiring.live import LiveEngine

log = logging.getLogger("engine.operation")

LOOK_S = 1.0
DISK_S = 10.0
_DELIVERING = (FeedState.UP, FeedState.POLLING)


class Operation:
    """Looks once a second; tells at the desk, and beyond it where that is configured."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine
        self.alarms = Alarms(engine.config.alarms)
        self._decisions = 0
        self._disk_free: int | None = None
        self._failed = False

    async def run(self) -> None:
        """Watch, until canceled."""
        async with TaskGroup() as tasks:
            tasks.create_task(self._watch_disk())
            while True:
                await asyncio.sleep(LOOK_S)
                try:
                    self.look(time.monotonic_ns())
                except Exception as error:  # a bug in one look must not end all others
                    if not self._failed:
                        self._failed = True
                        log.error("alarms could not be judged; said once", exc_info=error)
                        self._engine.desk.alert("error", SOURCE, "alarms cannot be judged: see engine.log")

    async def _watch_disk(self) -> None:
        """On a thread: a file system that hangs must hold up nobody."""
        while True:
            try:
                found = await asyncio.to_thread(os.statvfs, self._engine.options.state_dir)
                self._disk_free = found.f_bavail * found.f_frsize
            except OSError as error:
                self._disk_free = None
                log.debug("the disk's room is not known: %s", error)
            await asyncio.sleep(DISK_S)

    def look(self, now_ns: int) -> None:
        """``now_ns``: of a clock that never steps back."""
        engine = self._engine
        for told in self.alarms.look(self.sight(), now_ns):
            engine.desk.alert(told.level, SOURCE, told.text)
            if engine.beside.notifications is not None:
                engine.beside.notifications.operation(told)

    def sight(self) -> Sight:
        engine, window = self._engine, self._engine.desk.latency
        latencies, self._decisions = window.since(self._decisions), window.count
        failure, bus = engine.writing.failure, engine.bus_health()
        return Sight(
            feeds=tuple(self._feed(feed, engine.clock()) for feed in engine.market_feeds),
            journal="" if failure is None else clean(failure),
            disk_free_bytes=self._disk_free,
            writer_lag_s=engine.writing.lag_s(),
            loop_lag_s=engine.heartbeat.longest_s(),
            bus="" if bus is None or bus.ok else clean(bus.detail),
            bus_memory=0.0 if bus is None else bus.memory or 0.0,
            # What is acknowledged waits for what is kept: so old it may be.
            bus_oldest_s=max(engine.bus_metrics.oldest_s() - engine.config.bus.checkpoint_s, 0.0),
            latencies_s=tuple(ns / NS for ns in latencies),
            drifted=engine.model.scoring.watch.drifted(),
        )

    def _feed(self, feed: Watched, now_ns: int) -> FeedSight:
        stats = feed.stats
        skew_ns = self._engine.desk.clock_offset.skew_ns(feed.venue)
        return FeedSight(
            feed.venue,
            stats.state in _DELIVERING,
            f"{stats.state.value}, {clean(stats.detail)}" if stats.detail else stats.state.value,
            max(0, now_ns - stats.last_data_ns) / NS if stats.last_data_ns else None,
            skew_ns is not None and abs(skew_ns) > self._engine.desk.limits.skew_ns,
        )
