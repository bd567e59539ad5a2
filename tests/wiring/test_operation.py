"""What is wrong with the engine is told at the desk, and beyond it even when nothing can be journaled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.api.health_protocol import BusHealth
from engine.config import load
from engine.errors import StoreError
from engine.events import NS, Alert, FeedState
from engine.feeds.base import FeedStats
from engine.logs import LogRing
from engine.ops.alarms import SOURCE, Told
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.operation import Operation


class Feed:
    def __init__(self) -> None:
        self.venue = "kraken"
        self.stats = FeedStats(state=FeedState.DOWN, detail="connection \x1b[31mrefused")


class Beyond:
    """Takes what goes beyond the desk."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.operation = self.told.append


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LiveEngine]:
    made = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    made.writing.start(asyncio.get_running_loop())
    made.store.start()
    made.feeds = [Feed()]  # type: ignore[list-item]
    made.beside.notifications = Beyond()  # type: ignore[assignment]
    yield made
    made.store.close()


def beyond(engine: LiveEngine) -> list[Told]:
    return engine.beside.notifications.told  # type: ignore[union-attr, attr-defined, no-any-return]


async def test_a_lost_feed_is_an_alert_of_the_desk_and_a_message_beyond_it(engine: LiveEngine) -> None:
    operation = Operation(engine)
    for second in range(1, 13):
        operation.look(second * NS)
    await engine.writing.durable()
    events = [event for _, event in engine.store.reader().events_since(0, 10)]
    text = "kraken is away: down, connection [31mrefused"
    (alert,) = events
    assert isinstance(alert, Alert) and (alert.level, alert.source, alert.text) == ("error", SOURCE, text)
    assert beyond(engine) == [Told("feed", "error", text, False)]


async def test_a_journal_that_cannot_be_written_is_told_beyond_the_desk(engine: LiveEngine) -> None:
    operation = Operation(engine)
    engine.writing.fail(StoreError("cannot write tickdesk.db: disk full"))
    operation.look(NS)
    (told,) = beyond(engine)
    assert told.critical and "nothing trades: cannot write tickdesk.db: disk full" in told.text


async def test_what_is_looked_at_is_the_engines(engine: LiveEngine) -> None:
    operation = Operation(engine)
    for ns in (1_000_000, 2_000_000):
        engine.desk.latency.add(ns)
    running = asyncio.create_task(operation.run())
    async with asyncio.timeout(5):
        while operation._disk_free is None:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    sight = operation.sight()
    assert sight.latencies_s == (0.001, 0.002) and operation.sight().latencies_s == ()
    assert sight.disk_free_bytes is not None and sight.disk_free_bytes > 0
    assert sight.feeds[0].venue == "kraken" and not sight.feeds[0].delivers
    assert sight.journal == "" and sight.writer_lag_s == 0.0 and sight.drifted == 0


async def test_a_bus_that_is_away_is_seen(engine: LiveEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = Operation(engine)
    assert operation.sight().bus == ""
    health = BusHealth(False, "127.0.0.1:6379: \x1b[31mTimeoutError", None, None)
    monkeypatch.setattr(engine, "bus_health", lambda: health)
    assert operation.sight().bus == "127.0.0.1:6379: [31mTimeoutError"


async def test_a_bug_in_one_look_ends_no_other(engine: LiveEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.wiring.operation.LOOK_S", 0.001)
    operation, looks = Operation(engine), [0]

    def broken(now_ns: int) -> None:
        looks[0] += 1
        raise ZeroDivisionError

    monkeypatch.setattr(operation, "look", broken)
    running = asyncio.create_task(operation.run())
    async with asyncio.timeout(5):
        while looks[0] < 3:
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await engine.writing.durable()
    events = [event for _, event in engine.store.reader().events_since(0, 10)]
    assert [event.text for event in events if isinstance(event, Alert)] == [
        "alarms cannot be judged: see engine.log"
    ]
