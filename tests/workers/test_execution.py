"""The execution worker beside its desk: whose journal it is, what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redis.asyncio import Redis

from console.cli.client import ask
from engine.api.address import socket_path
from engine.api.control import Control
from engine.api.health_protocol import Probe
from engine.api.protocol import Health, Reply
from engine.bus.address import client
from engine.bus.keys import Keys
from engine.bus.lease import Lease
from engine.bus.messages import Round, settings_of
from engine.config import load
from engine.errors import BusError, FencedError, RefusedError
from engine.events import NS, RiskState
from engine.logs import LogRing
from engine.store.store import Store
from engine.ticks import TICK
from engine.wiring.engine_options import EngineOptions
from engine.workers.checkpoint import Kept
from engine.workers.execution import ExecutionEngine
from engine.workers.join import Ready
from engine.workers.place import Place
from engine.workers.same_journal import claim
from tests.bus.conftest import Server, _server, server
from tests.chaos.events import event_at

__all__ = ["_server", "server"]

_KEYS = Keys("dfp")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "tickdesk.db")
    made.start()
    return made


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[Redis]:
    made = client(server.address)
    yield made
    await made.aclose()


async def test_orders_on_the_bus_are_gone_on_with_by_their_own_journal_alone(
    redis: Redis, store: Store, tmp_path: Path
) -> None:
    """Also where that one has nothing on the bus yet, and where it is an older copy."""
    another = Store(tmp_path / "another.db")
    another.start()
    await claim(redis, _KEYS, another)
    await claim(redis, _KEYS, store)  # nobody has an order there
    store.commit_now([event_at(1), event_at(2)])
    await redis.xadd(_KEYS.orders, {"d": b"x"}, id="2-0")
    await claim(redis, _KEYS, store)
    with pytest.raises(BusError, match="of another journal"):
        await claim(redis, _KEYS, another)
    await redis.xadd(_KEYS.fills, {"d": b"x"}, id="3-0")
    with pytest.raises(BusError, match="go up to event 3, the journal ends at 2"):
        await claim(redis, _KEYS, store)
    assert store.close() and another.close()


async def test_a_worker_that_is_started_on_a_full_bus_begins(
    server: Server, redis: Redis, store: Store
) -> None:
    """It is full because nobody read: to wait for room would be to wait for ever."""
    server.client().config_set("maxmemory", 1)
    try:
        await claim(redis, _KEYS, store)
        await claim(redis, _KEYS, store)
    finally:
        server.client().config_set("maxmemory", 0)
    assert store.close()


async def test_a_worker_whose_part_of_the_bus_ends_ends_as_a_whole(server: Server, tmp_path: Path) -> None:
    engine = ExecutionEngine(
        EngineOptions(config=load(environ={}), state_dir=tmp_path),
        LogRing(),
        Control(),
        server.address,
        Place("w"),
    )

    async def fenced() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_raise(FencedError("another executes by now")))

    await engine._or_end(fenced())
    assert isinstance(engine.crash, FencedError) and engine.stopping.is_set()


async def test_nothing_is_entered_upon_rounds_of_a_clock_that_is_far_ahead(
    server: Server, tmp_path: Path
) -> None:
    """A worker that was held up for so long takes what is old for new."""
    options = EngineOptions(config=load(environ={}), state_dir=tmp_path)
    engine = ExecutionEngine(options, LogRing(), Control(), server.address, Place("w"))
    engine.store.start()
    engine.writing.start(asyncio.get_running_loop())
    desk = engine.desk

    def play(number: int, ahead_s: float, *, warming: bool = False) -> str:
        sent_ns = engine.clock() + int(ahead_s * NS)
        round_ = Round(number - 1, 0, (), sent_ns, advance_ns=sent_ns, warming=warming)
        engine._play(Ready(number, round_, np.empty(0, TICK), (), ()))
        return desk.trading.blocked("")

    assert play(1, 0.0) == play(2, 0.5) == play(3, 25.0, warming=True) == ""
    why = "rounds are of {} s ahead: clocks differ, or one was set since a worker began"
    assert play(4, 30.0) == why.format("30.0") and play(5, 60.0) == why.format("60.0")
    assert desk.trading.gate.state is RiskState.ACTIVE, "it was a bug of ours"
    assert engine.store.close()


async def test_who_stands_by_says_so_at_its_socket_and_may_be_told_to_end(
    server: Server, redis: Redis, tmp_path: Path
) -> None:
    other = Lease(redis, _KEYS, "execution", "other", 30)
    assert await other.acquire()
    options = EngineOptions(config=load(overrides=["bus.lease_s=0.5"], environ={}), state_dir=tmp_path)
    engine = ExecutionEngine(options, LogRing(), Control(), server.address, Place("w"))
    engine.store.start()
    waiting = asyncio.create_task(engine.main())
    async with asyncio.timeout(10):
        while engine.phase != "standing by" or not socket_path(tmp_path).exists():
            await asyncio.sleep(0.01)

        def asked(method: str, path: str, reply: type[Any]) -> Any:
            return ask(tmp_path, method, path, reply)

        health = await asyncio.to_thread(asked, "GET", "/v1/health", Health)
        assert health.status.phase == "standing by" and "other:" in health.status.phase_detail
        assert health.ready == Probe(False, "the engine is standing by") and not health.trading.ok
        assert (await asyncio.to_thread(asked, "GET", "/v1/health/live", Probe)).ok
        with pytest.raises(RefusedError, match=r"standing by: other:.* executes"):
            await asyncio.to_thread(asked, "GET", "/v1/snapshot", Health)
        assert (await asyncio.to_thread(asked, "POST", "/v1/stop", Reply)).ok
        assert await waiting == 0
    assert not socket_path(tmp_path).exists() and other.is_held
    assert engine.store.close()


async def test_an_emptied_server_is_told_the_settings_again(
    server: Server, redis: Redis, tmp_path: Path
) -> None:
    """Else a features worker that begins later goes by the configuration, not by what was set by hand."""
    options = EngineOptions(config=load(environ={}), state_dir=tmp_path)
    engine = ExecutionEngine(options, LogRing(), Control(), server.address, Place("w"))
    running = asyncio.create_task(engine.main())
    try:
        async with asyncio.timeout(30):
            while not await redis.exists(_KEYS.settings):
                await asyncio.sleep(0.01)
            before = await redis.xinfo_stream(_KEYS.settings)
            await redis.flushall()
            while not await redis.exists(_KEYS.settings):
                await asyncio.sleep(0.01)
            ((ident, fields),) = await redis.xrange(_KEYS.settings)
        assert ident > before["last-generated-id"] and "trend" in settings_of(fields[b"d"]).strategies
    finally:
        engine.stop("test")
        await running


async def test_whoever_keeps_only_what_changed_hears_that_the_rest_is_gone(redis: Redis) -> None:
    lease, kept = Lease(redis, _KEYS, "execution", "w", 30), Kept(redis, _KEYS.state("execution"))
    assert await lease.acquire()
    told = [await kept.write({"head": b"1"}, lease.fence), await kept.write({"head": b"2"}, lease.fence)]
    await redis.delete(_KEYS.state("execution"))
    assert [*told, await kept.write({"head": b"3"}, lease.fence)] == [False, True, False]


async def _raise(error: Exception) -> None:
    raise error
