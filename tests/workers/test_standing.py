"""How the execution worker says that the bus stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from engine.api.control import Control
from engine.bus.address import client
from engine.bus.keys import Keys
from engine.bus.lease import Lease
from engine.bus.registry import Registry, WorkerRow
from engine.config import load
from engine.logs import LogRing
from engine.ops.exposition import Page
from engine.wiring.engine_options import EngineOptions
from engine.wiring.metrics.service import ServiceMetrics
from engine.workers.execution import ExecutionEngine
from engine.workers.place import Place
from engine.workers.standing import Standing
from tests.bus.conftest import Server, _server, server

__all__ = ["_server", "server"]

_KEYS = Keys("dfp")


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[Redis]:
    made = client(server.address)
    yield made
    await made.aclose()


async def looked(standing: Standing) -> None:
    """What is there now is looked at."""
    looking = asyncio.create_task(standing._look())
    before = standing._engine.bus
    async with asyncio.timeout(5):
        while standing._engine.bus is before:
            await asyncio.sleep(0.01)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_it_tells_of_workers_that_are_gone_and_of_a_server_that_is_full(
    server: Server, redis: Redis, tmp_path: Path
) -> None:
    config = load(overrides=["bus.shards=1"], environ={})
    options = EngineOptions(config=config, state_dir=tmp_path)
    engine = ExecutionEngine(options, LogRing(), Control(), server.address, Place("w"))
    standing = Standing(engine, redis)
    registry = Registry(redis, _KEYS)
    for stage, shard in (("market", None), ("execution", None), ("features", 0)):
        assert await Lease(redis, _KEYS, stage, f"one-{stage}", 30, shard).acquire()
        row = WorkerRow(id=f"one-{stage}", host="here", pid=1, stages=(stage,), lag_ms=250.0)
        await registry.beat(row)
    await looked(standing)
    assert standing.line() == ("3 workers", True) and standing.health().memory is None

    await redis.delete(_KEYS.worker("one-market"))  # it fell silent
    told = await redis.info("memory")
    held = told["used_memory"] - told["mem_not_counted_for_evict"]
    try:
        await redis.config_set("maxmemory", int(held * 1.07))
        await looked(standing)
        text, well = standing.line()
        assert well and text.startswith("2 workers, 1 gone, its memory is full to 9")
        page = Page()
        engine.bus_metrics(page)
        lines = page.text().decode().splitlines()
        for line in (
            'tickdesk_bus_workers{stage="market"} 0',
            'tickdesk_bus_workers{stage="features"} 1',
            'tickdesk_bus_delay_seconds{stage="features"} 0.25',
            "tickdesk_bus_workers_gone 1",
        ):
            assert line in lines
        assert any(line.startswith("tickdesk_bus_memory_limit_bytes ") for line in lines)

        await redis.config_set("maxmemory", int(held * 0.9))
        for stage in ("market", "execution"):  # nobody can keep his any more
            await redis.delete(_KEYS.lease(stage))
        await looked(standing)
        health = standing.health()
        assert not health.ok and "its memory is full" in health.detail and "maxmemory" in health.detail
        assert health.memory is not None and health.memory >= 1.0
    finally:
        await redis.config_set("maxmemory", 0)
    await looked(standing)
    assert standing.line() == ("nobody has the market stage, the execution stage", False)


async def test_it_tells_of_the_tapes_that_the_market_worker_writes(
    server: Server, redis: Redis, tmp_path: Path
) -> None:
    options = EngineOptions(config=load(environ={}), state_dir=tmp_path)
    engine = ExecutionEngine(options, LogRing(), Control(), server.address, Place("w"))
    engine.standing = standing = Standing(engine, redis)
    page = Page()
    ServiceMetrics(engine)(page)
    assert b"\ntickdesk_recording_" not in page.text()
    row = WorkerRow(
        id="one", host="here", pid=1, stages=("market",), recording="on", taped=(4_096, 1_000_000, 7)
    )
    await Registry(redis, _KEYS).beat(row)
    await looked(standing)
    page = Page()
    ServiceMetrics(engine)(page)
    lines = page.text().decode().splitlines()
    for line in (
        "tickdesk_recording_pending_bytes 4096",
        "tickdesk_recording_bytes_total 1000000",
        "tickdesk_recording_lost_total 7",
    ):
        assert line in lines
