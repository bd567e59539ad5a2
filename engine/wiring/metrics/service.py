"""Metrics of what the engine serves and keeps: phase, consoles, streams, queues, store, tapes, disk and
automations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.ops.exposition import Page

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine

PHASES = ("starting", "standing by", "warming up", "running", "stopping", "rewinding", "failed")


class ServiceMetrics:
    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine

    def __call__(self, page: Page) -> None:
        engine = self._engine
        page.gauges(
            "tickdesk_phase",
            "1 for the phase of its life that the engine is in.",
            ("phase",),
            [((phase,), int(engine.phase == phase)) for phase in PHASES],
        )
        page.gauge("tickdesk_consoles", "Consoles that are attached.", engine.control.count)
        page.gauge("tickdesk_streams", "Streams that are open.", len(engine.streams))
        waiting = [transport.get_write_buffer_size() for transport in engine.streams.values() if transport]
        page.gauge(
            "tickdesk_stream_buffer_bytes", "Sent to clients, not taken by their sockets yet.", sum(waiting)
        )
        bus, jobs = engine.bus_health(), engine.automations.jobs_health()
        page.gauge(
            "tickdesk_bus_up",
            "1 while the bus is well and all of it has an owner; absent without one.",
            None if bus is None else int(bus.ok),
        )
        page.gauge(
            "tickdesk_jobs_up",
            "1 while the broker of jobs answers and workers take them; absent without one.",
            None if jobs is None else int(jobs.ok),
        )
        pending, written, lost = engine.taped or (None, None, None)
        page.gauges(
            "tickdesk_queue_items",
            "What waits in the engine, by queue.",
            ("queue",),
            [
                (("store",), engine.store.pending),
                (("journal",), engine.writing.waiting),
                (("hub",), engine.hub.held),
                (("notifications",), engine.beside.untold),
            ],
        )
        page.gauge("tickdesk_events_published", "Sequence number of the newest event.", engine.hub.last_seq)
        page.gauge(
            "tickdesk_recording_pending_bytes",
            "Handed to the tapes, not written yet; absent while nothing is recorded.",
            pending,
        )
        page.counter(
            "tickdesk_recording_bytes_total",
            "Written to tapes; absent while nothing is recorded.",
            written,
        )
        page.counter(
            "tickdesk_recording_lost_total",
            "Ticks and frames that are on no tape; absent while nothing is recorded.",
            lost,
        )


class StoreMetrics:
    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine

    def __call__(self, page: Page) -> None:
        store, writing = self._engine.store, self._engine.writing
        page.gauge("tickdesk_store_up", "1 while the journal can be written.", int(writing.failure is None))
        page.gauge(
            "tickdesk_store_lag_seconds",
            "How long the oldest event that is not on disk has waited for it.",
            writing.lag_s(),
        )
        page.counter(
            "tickdesk_store_lost_records_total",
            "Records that may be lost, and were, because too many waited.",
            store.dropped_records,
        )
        page.gauges(
            "tickdesk_store_size_bytes",
            "The database, and what its log holds before it is folded in.",
            ("file",),
            [] if store.path is None else [((name,), _size(f"{store.path}{end}")) for name, end in _FILES],
        )
        page.gauge("tickdesk_disk_free_bytes", "Free where the state directory is.", self._free())

    def _free(self) -> int | None:
        try:
            found = os.statvfs(self._engine.options.state_dir)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize


_FILES = (("database", ""), ("log", "-wal"))


def _size(path: str) -> int | None:
    try:
        return Path(path).stat().st_size
    except OSError:
        return None


class AutomationMetrics:
    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine

    def __call__(self, page: Page) -> None:
        rows = self._engine.automations.rows()
        page.gauges(
            "tickdesk_automations",
            "Automations by whether they are switched on.",
            ("active",),
            [((word,), sum(row.active is active for row in rows)) for word, active in _SWITCHED],
        )
        page.gauge(
            "tickdesk_automation_runs_active",
            "Jobs of automations that run.",
            sum(row.running for row in rows),
        )
        page.counters(
            "tickdesk_automation_runs_total",
            "Jobs of automations that ended, by outcome.",
            ("outcome",),
            [
                (("succeeded",), sum(row.succeeded for row in rows)),
                (("failed",), sum(row.failed for row in rows)),
            ],
        )
        page.counter(
            "tickdesk_notifications_left_out_total",
            "Messages that nobody was told, because too many waited.",
            self._engine.beside.left_out,
        )


_SWITCHED = (("true", True), ("false", False))
