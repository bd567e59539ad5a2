"""The execution worker beside its desk: whose journal it is, what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from engine.api.control import Control
from engine.bus.address import client
from engine.bus.keys import Keys
from engine.config import load
from engine.errors import BusError, FencedError
from engine.logs import LogRing
from engine.store.store import Store
from engine.wiring.engine_options import EngineOptions
from engine.workers.execution import ExecutionEngine
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


async def test_a_worker_whose_part_of_the_bus_ends_ends_as_a_whole(server: Server, tmp_path: Path) -> None:
    engine = ExecutionEngine(
        EngineOptions(config=load(environ={}), state_dir=tmp_path), LogRing(), Control(), server.address, "w"
    )

    async def fenced() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_raise(FencedError("another executes by now")))

    await engine._or_end(fenced())
    assert isinstance(engine.crash, FencedError) and engine.stopping.is_set()


async def _raise(error: Exception) -> None:
    raise error
