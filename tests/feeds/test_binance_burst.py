"""A burst over a real WebSocket into a desk: every trade once, the book right, quotes in step with it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from engine.config import Config, FeedConfig
from engine.events import BookStatus, Depth, Gap, JournalEvent, Malformed, MarketEvent, Trade
from engine.feeds.registry import open_feed
from engine.instruments import Instruments
from engine.wiring.desk import Desk
from tests.bench.burst_server import Server
from tests.bench.decode import SYMBOL, capture

MESSAGES = 20_000


def commit(events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
    done()


@pytest.mark.data
async def test_nothing_is_lost_in_a_burst(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKDESK_DATA", str(data_dir))
    rows = capture()[:MESSAGES]
    expected = sum(kind == "trade" for kind, _, _ in rows)
    server = await asyncio.start_server(Server(rows, 0).serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = FeedConfig(
        symbols=(SYMBOL,), ws_url=f"ws://127.0.0.1:{port}", rest_url=f"http://127.0.0.1:{port}"
    )
    desk = Desk(Config(feeds={"binance": config}), Instruments(), commit=commit, record=lambda record: None)
    events: list[MarketEvent] = []

    def sink(batch: list[MarketEvent]) -> None:
        desk.on_events(batch)
        events.extend(batch)

    feed = open_feed("binance", config, clock=time.time_ns, rng=random.Random(1))
    task = asyncio.create_task(feed.run(sink))
    try:
        deadline = time.monotonic() + 30
        while desk.intake.trades < expected or not any(isinstance(event, Depth) for event in events):
            assert time.monotonic() < deadline and not task.done(), feed.stats
            await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        server.close()
    ids = [event.trade_id for event in events if isinstance(event, Trade)]
    assert ids == list(range(ids[0], ids[0] + expected)) and desk.intake.trades == expected
    assert not any(isinstance(event, Gap | Malformed | BookStatus) for event in events)
    assert desk.intake.rejected.total() == 0 and feed.stats.books_broken == 0
