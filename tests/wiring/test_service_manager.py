"""The watchdog is fed while the loop and the writer get on, and by nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.store.store import Store
from engine.wiring.heartbeat import Heartbeat
from engine.wiring.service_manager import ServiceManager
from tests.notify_server import NotifyServer

PERIOD_S = 1.4
"""The writer shows itself four times a second, so a quarter of it is long enough to see that."""
ALIVE = "WATCHDOG=1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "tickdesk.db")
    made.start()
    return made


@contextlib.asynccontextmanager
async def managed(server: NotifyServer, store: Store) -> AsyncIterator[Heartbeat]:
    heart = Heartbeat()
    environ = {"NOTIFY_SOCKET": server.address, "WATCHDOG_USEC": str(int(PERIOD_S * 1e6))}
    manager = ServiceManager(
        beats={"loop": lambda: heart.beats, "writer": lambda: store.beats},
        status=lambda: "running",
        environ=environ,
    )
    manager.ready()
    tasks = [asyncio.create_task(heart.run()), asyncio.create_task(manager.run())]
    try:
        yield heart
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        manager.close()


async def test_a_loop_that_is_held_up_feeds_nothing(store: Store) -> None:
    with NotifyServer() as server:
        async with managed(server, store) as heart:
            await asyncio.to_thread(server.wait_for, ALIVE)
            before = server.count(ALIVE)
            time.sleep(PERIOD_S / 2)  # the loop itself
            assert server.count(ALIVE) == before
            await asyncio.to_thread(server.wait_for, ALIVE)
            assert heart.longest_s() >= PERIOD_S / 2 - 0.06
        assert server.said[0][:2] == ["READY=1", "STATUS=running"]
    assert store.close()


async def test_a_writer_that_hangs_feeds_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with NotifyServer() as server:
        async with managed(server, store):
            await asyncio.to_thread(server.wait_for, ALIVE)
            hang = threading.Event()
            store.ask(lambda connection: hang.wait(30), lambda value, error: None)
            await asyncio.sleep(PERIOD_S / 4)  # what was fed on the way
            before = server.count(ALIVE)
            with caplog.at_level(logging.WARNING):
                await asyncio.sleep(PERIOD_S / 2)
            assert server.count(ALIVE) <= before + 1  # a beat may have come between the look and the hang
            assert "no progress of the writer" in caplog.text
            hang.set()
            await asyncio.to_thread(server.wait_for, ALIVE)
    assert store.close()
