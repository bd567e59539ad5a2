"""What it costs to bring performance up to date, and to report a day."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from engine.config import AccountConfig
from engine.events import NS, Fill, OrderEvent, OrderRequest
from engine.portfolio.books import Books
from engine.portfolio.credit import Shares
from engine.portfolio.curve import DAY_NS
from engine.portfolio.track import Track
from engine.store.read import DATABASE
from engine.store.store import Store
from engine.wiring.day_report import day_report
from tests.bench.long_journal import START_NS, long_journal
from tests.bench.registry import Figure, at_most, bench

_STEP_NS = 30 * NS
_SOURCES = ("trend", "speed", "microstructure", "volatility", "breakout")
_EVENTS = 100_000


@bench("performance update")
def performance_update(scratch: Path) -> list[Figure]:
    """One update of the track record with a year of days and a full day of samples; a day's report."""
    books, track, now_ns = _year()
    whose: Shares = tuple((source, Decimal("0.2")) for source in _SOURCES)

    def update() -> None:
        track.know(dict.fromkeys(track.wanted(), whose))
        track.update(now_ns)

    update()

    def rows() -> None:
        pnl = track.pnl()
        for key in track.names():
            track.figures(key, pnl, now_ns)

    held, trips = len(books.ledger.positions()), books.round_trips.count()
    return [
        Figure("update", _best(update), "ms", at_most(5.0), f"{held} positions, {len(_SOURCES)} sources"),
        Figure(
            "rows", _best(rows), "ms", at_most(5.0), f"{len(track.names())} rows of {trips:,} round trips"
        ),
        Figure("curve of 240 points", _best(lambda: track.desk.drawn(now_ns, 240)), "ms"),
        _report(scratch),
    ]


def _year() -> tuple[Books, Track, int]:
    """A desk that began a year ago and traded in the last hours; its track and the time."""
    rng = random.Random(3)
    books = Books(Decimal(100_000), "USD", ("USD",))
    requests: dict[str, OrderRequest] = {}
    last_ns = START_NS
    for order in long_journal(20_000):
        for event in order:
            if isinstance(event, OrderEvent) and event.request is not None:
                requests[event.client_order_id] = event.request
            elif isinstance(event, Fill):
                books.apply(event, requests[event.client_order_id])
                last_ns = event.ns
    track = Track(books, last_ns - 365 * DAY_NS, _STEP_NS)
    for day in range(365, 1, -1):
        track.add_equity(last_ns - day * DAY_NS, 100_000.0 + rng.gauss(0, 500))
    for step in range(2880, 0, -1):
        track.add_equity(last_ns - step * _STEP_NS, 100_000.0 + rng.gauss(0, 500))
    return books, track, last_ns


def _report(scratch: Path) -> Figure:
    store = Store(scratch / DATABASE, durable=False)
    store.start()
    for order in long_journal(_EVENTS):
        store.commit(order)
    store.close(60.0)
    began = time.perf_counter()
    day = datetime.fromtimestamp(START_NS // NS, UTC).date()
    day_report(scratch, day, AccountConfig(), time.time_ns())
    return Figure("report of a day", time.perf_counter() - began, "s", None, f"{_EVENTS:,} journal events")


def _best(call: Callable[[], object], times: int = 20) -> float:
    """Milliseconds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found) * 1e3
