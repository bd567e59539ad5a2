"""Orders on disk: how long one waits for it, how many a second go in groups, how soon a start has read them.

An order's commit is its first two events, verdict included, as the desk gives them, in a database on the disk
that temporary files are on. A start is what the store does before the desk can fold (open, compare the tables
with the journal, read it), and the fold. Its journal's tail is one that a kill leaves behind.
"""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

from engine.config import load
from engine.events import JournalEvent
from engine.instruments import Instruments
from engine.store.store import Store
from engine.wiring.desk import Desk
from tests.bench.long_journal import long_journal
from tests.bench.registry import Figure, at_least, at_most, bench

_SINGLE, _GROUPED = 1_000, 20_000
_IN_FLIGHT = 256
"""Commits that wait for the disk at most, as when every symbol of a desk trades at once."""
_COMMIT = 4_000
_JOURNALS = (100_000, 1_000_000)


@bench("durable_orders")
def durable_orders(scratch: Path) -> list[Figure]:
    """Durable orders: wait of one, orders/s in groups."""
    orders = [order[:2] for order in long_journal((_SINGLE + _GROUPED) * 6)]
    store = Store(scratch / "durable.db")
    store.start()
    try:
        waits = sorted(_wait(store, order) for order in orders[:_SINGLE])
        rate, groups = _grouped(store, orders[_SINGLE : _SINGLE + _GROUPED])
    finally:
        store.close()
    p50, p99 = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    return [
        Figure("one order's commit, p50", p50 * 1e3, "ms", at_most(1.0), f"{_SINGLE} orders, one by one"),
        Figure("one order's commit, p99", p99 * 1e3, "ms"),
        Figure("durable orders, grouped", rate, "orders/s", at_least(2_000), groups),
    ]


def _wait(store: Store, order: list[JournalEvent]) -> float:
    began = time.perf_counter()
    store.commit_now(order)
    return time.perf_counter() - began


def _grouped(store: Store, orders: list[list[JournalEvent]]) -> tuple[float, str]:
    """(orders a second, in how many transactions): given as fast as they are acknowledged."""
    room = threading.Semaphore(_IN_FLIGHT)
    moments: set[float] = set()

    def durable(_seq: int) -> None:
        room.release()

    store._call(lambda connection: connection.set_trace_callback(
        lambda text: moments.add(time.perf_counter()) if text == "COMMIT" else None
    ))  # fmt: skip
    began = time.perf_counter()
    for order in orders:
        room.acquire()
        store.commit(order, durable)
    for _ in range(_IN_FLIGHT):
        room.acquire()
    took = time.perf_counter() - began
    store._call(lambda connection: connection.set_trace_callback(None))
    return len(orders) / took, f"{len(orders):,} orders in {len(moments):,} transactions"


@bench("recovery")
def recovery(scratch: Path) -> list[Figure]:
    """A start on a long journal: compared, read and folded by a desk, s."""
    figures = []
    for events in _JOURNALS:
        path = scratch / f"journal-{events}.db"
        size = _build(path, events)
        store = Store(path)
        began = time.perf_counter()
        store.start()
        opened = time.perf_counter() - began
        found = store.recover()
        read = time.perf_counter() - began
        store.close()
        folded = read + _fold(found)
        path.unlink()
        note = f"{size / 1e6:,.0f} MB; tail compared with the tables"
        goal = at_most(1.0)
        figures += [
            Figure(f"{events:,} events: opened and compared", opened, "s", goal, note),
            Figure(
                f"{events:,} events: the same, and all read", read, "s", goal if events <= 100_000 else None
            ),
            Figure(f"{events:,} events: the same, and folded by a desk", folded, "s"),
        ]
    return figures


def _fold(events: list[JournalEvent]) -> float:
    """Seconds until a desk has taken them up; collecting garbage is off, as while an engine starts."""
    desk = Desk(
        load(environ={}), Instruments(), commit=lambda reports, done: done(), record=lambda record: None
    )
    gc.disable()
    try:
        began = time.perf_counter()
        desk.restore(events, max(event.ns for event in events))
        return time.perf_counter() - began
    finally:
        gc.enable()


def _build(path: Path, events: int) -> int:
    """Write the journal as a killed engine leaves it, without a checkpoint at its end; returns its size."""
    store = Store(path)
    store.start()
    waiting: list[JournalEvent] = []
    for order in long_journal(events):
        waiting += order
        if len(waiting) >= _COMMIT:
            store.commit_now(waiting)
            waiting = []
    store.commit_now(waiting)
    store._call(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    killed = path.with_suffix(".killed")
    killed.write_bytes(path.read_bytes())
    store.close()
    killed.replace(path)
    return path.stat().st_size
