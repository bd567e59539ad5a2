"""A real engine process that collects from a local service: shown, and its budget outlives ``kill -9``."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from engine.api.protocol import FeedRow, Health
from tests.e2e.engine import RunningEngine, options
from tests.feeds.context.server import LoopbackServer

PER_DAY = 60


@pytest.fixture
async def service() -> AsyncIterator[LoopbackServer]:
    """Answers for AAPL with a price that rises, and for nobody else."""
    server = LoopbackServer()

    async def answer(request: web.Request) -> web.Response:
        now = int(time.time())
        meta = {"regularMarketPrice": 100 + len(server.asked), "regularMarketTime": now}
        body = {"chart": {"result": [{"meta": meta, "indicators": {"quote": [{}]}}], "error": None}}
        return web.Response(text=json.dumps(body), content_type="application/json")

    await server.start()
    server.answers["/v8/finance/chart/AAPL"] = [answer]
    try:
        yield server
    finally:
        await server.stop()


def rows(health: Health) -> dict[str, FeedRow]:
    return {row.venue: row for row in health.feeds}


def left(row: FeedRow) -> int:
    found = re.search(rf"(\d+) of {PER_DAY} left today", row.detail)
    assert found is not None, row.detail
    return int(found[1])


async def test_what_is_collected_is_shown_and_its_budget_outlives_a_kill(
    tmp_path: Path, service: LoopbackServer
) -> None:
    settings = options(
        collection__symbols="AAPL,NOBODY",
        collection__interval_s=0.2,
        collection__sources__yahoo__rest_url=service.url,
        collection__sources__yahoo__per_day=PER_DAY,
        collection__sources__yahoo__per_minute=1000,
    )
    engine = RunningEngine(tmp_path / "state", *settings)
    try:
        await asyncio.to_thread(engine.start)
        health = await asyncio.to_thread(
            engine.wait_for, lambda health: "1 of 2 symbols served" in rows(health)["poll"].detail
        )
        assert rows(health)["poll"].state == "up"
        assert "NOBODY" in rows(health)["poll"].detail
        assert rows(health)["source:yahoo"].state == "up"
        assert rows(health)["source:yahoo"].age_ms is not None
        # A fifth of the day's budget leaves at once, the rest is paced.
        await asyncio.to_thread(engine.wait_for, lambda _: len(service.asked) >= PER_DAY // 5)
        engine.signal(signal.SIGKILL)
        await asyncio.to_thread(engine.wait)
        asked = len(service.asked)
        await asyncio.to_thread(engine.start)
        health = await asyncio.to_thread(engine.health)
        assert left(rows(health)["source:yahoo"]) <= PER_DAY - asked
        engine.signal(signal.SIGTERM)
        assert await asyncio.to_thread(engine.wait) == 0
    finally:
        engine.__exit__(None, None, None)


def test_a_source_that_is_none_ends_the_start(tmp_path: Path) -> None:
    settings = options(collection__symbols="AAPL", collection__sources__yahooo__priority=1)
    with pytest.raises(AssertionError, match=r"collection\.sources\.yahooo: no such source"):
        RunningEngine(tmp_path / "state", *settings).start()
