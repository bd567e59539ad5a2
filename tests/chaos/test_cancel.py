"""Tasks canceled at random while they commit: no transaction stays open, and nothing given is lost."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.api.hub import Hub
from engine.errors import StoreError
from engine.store import automations
from engine.store.automations import STARTED, SUCCEEDED, AutomationRun, EndedRun, StoredAutomation
from engine.store.read import Reader
from engine.store.store import Store
from engine.wiring.verification import verify_database
from engine.wiring.writing import Writing
from tests.chaos.amounts import CANCELS
from tests.chaos.events import commit_at
from tests.chaos.harness import scratch

_WAVE = 40


class _Engine:
    """The engine's ways to its store, on a loop."""

    def __init__(self, path: Path) -> None:
        self.faults: list[Exception] = []
        self.hub = Hub()
        self.store = Store(path)
        self.writing = Writing(self.store, self.hub, failed=self.faults.append, fault=self.faults.append)
        self.store.start()
        self.writing.start(asyncio.get_running_loop())
        self.reader: Reader = self.store.reader()
        self.given = 0
        self.runs = 0

    async def order(self, rng: random.Random) -> None:
        """Commit a few events, and wait until they are on disk."""
        for _ in range(rng.randint(1, 4)):
            events = commit_at(self.given + 1)
            self.given += len(events)
            self.writing.commit(events, lambda: None)
        await self.writing.durable()

    async def automation(self, _rng: random.Random) -> None:
        """Begin a run and end it: two transactions on the writer's thread, each awaited."""
        self.runs += 1
        name = f"r{self.runs}"
        run = AutomationRun(name, name, "trend", "sim:A", STARTED, self.runs, 0, "")
        await self._asked(automations.put(StoredAutomation(name, "{}", True, self.runs)))
        await self._asked(automations.advance((), (run,), 100_000))
        ended = EndedRun(name, SUCCEEDED, self.runs, "")
        await self._asked(automations.advance((ended,), (), 100_000))

    async def setting(self, rng: random.Random) -> None:
        self.writing.keep(f"setting {rng.randint(1, 9)}", rng.random())
        await self.writing.durable()

    async def read(self, _rng: random.Random) -> None:
        await asyncio.to_thread(self.reader.recent_orders, 50)

    async def _asked(self, query: Callable[[sqlite3.Connection], Any]) -> Any:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()

        def settle(value: Any, error: Exception | None) -> None:
            if not answered.done():
                answered.set_result(value) if error is None else answered.set_exception(error)

        self.store.ask(query, lambda value, error: loop.call_soon_threadsafe(settle, value, error) and None)
        return await answered


@pytest.mark.timeout(60 + CANCELS)
async def test_no_transaction_is_wedged(tmp_path: Path) -> None:
    rng = scratch("cancel")
    engine = _Engine(tmp_path / "tickdesk.db")
    ways: list[Callable[[random.Random], Coroutine[Any, Any, None]]] = [
        *(engine.order, engine.order, engine.automation, engine.setting, engine.read)
    ]
    canceled = finished = 0
    while canceled < CANCELS:
        tasks = [asyncio.create_task(rng.choice(ways)(rng)) for _ in range(_WAVE)]
        loop = asyncio.get_running_loop()
        for task in tasks:
            loop.call_later(rng.expovariate(1 / 0.002), task.cancel)
        await asyncio.wait(tasks, timeout=30)
        assert all(task.done() for task in tasks)
        canceled += sum(task.cancelled() for task in tasks)
        finished += sum(not task.cancelled() and task.exception() is None for task in tasks)
        errors = [e for task in tasks if not task.cancelled() and (e := task.exception()) is not None]
        assert errors == []
        # The writer still answers, and has nothing open.
        query = asyncio.to_thread(engine.store._call, lambda c: c.in_transaction, 10.0)
        assert await asyncio.wait_for(query, 15) is False
    assert engine.faults == [] and canceled >= CANCELS
    # What is asked after the cancels finishes: few cancels may leave no task that did.
    await asyncio.wait_for(asyncio.gather(*(way(rng) for way in ways)), 30)
    finished += len(ways)
    await engine.writing.durable()
    kept = engine.store.recover()
    assert len(kept) == engine.store.last_seq == engine.given == engine.hub.last_seq
    assert [one.ns for one in kept] == list(range(1, engine.given + 1))
    engine.reader.close()
    assert await asyncio.to_thread(engine.store.close)
    print(f"{canceled:,} tasks canceled, {finished:,} finished, {engine.given:,} events")
    assert [one for one in verify_database(tmp_path / "tickdesk.db") if not one.ok] == []


async def test_a_wedged_transaction_would_be_noticed(tmp_path: Path) -> None:
    """The question that the test above asks can be answered with yes."""
    engine = _Engine(tmp_path / "tickdesk.db")
    engine.store._call(lambda connection: connection.execute("BEGIN"))
    assert engine.store._call(lambda connection: connection.in_transaction)
    with pytest.raises(StoreError):
        await asyncio.to_thread(partial(engine.store.commit_now, commit_at(1)))
    engine.reader.close()
    engine.store.close()
