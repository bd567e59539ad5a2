"""What a bug in one task costs: the engine, or only what the task does."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import FeedError
from engine.wiring.tasks import Tasks


class Engine:
    def __init__(self) -> None:
        self.alerts: list[str] = []
        self.crashes: list[Exception] = []
        self.tasks = Tasks(
            alert=lambda level, source, text: self.alerts.append(text), crashed=self.crashes.append
        )


async def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "vital", "alerts", "crashes"),
    [
        (ValueError("bug"), True, [], 1),
        (ValueError("bug"), False, ["ValueError: bug: see engine.log"], 0),
        (FeedError("no such symbol"), True, ["no such symbol"], 0),
    ],
)
async def test_a_bug_ends_the_engine_only_where_all_depends_on_it(
    error: Exception, vital: bool, alerts: list[str], crashes: int
) -> None:
    engine = Engine()
    await asyncio.wait([engine.tasks.spawn(fail(error), vital=vital)])
    await asyncio.sleep(0)
    assert (engine.alerts, len(engine.crashes)) == (alerts, crashes)


async def test_what_a_library_quotes_is_told_without_its_secrets() -> None:
    engine = Engine()
    said = ("404, url='https://a.example/v1?apikey=hunter2&x=1'", "redis://desk:hunter2@b.example/0 is away")
    await asyncio.wait([engine.tasks.spawn(fail(OSError(one)), vital=False) for one in said])
    await asyncio.sleep(0)
    assert len(engine.alerts) == 2 and "hunter2" not in "".join(engine.alerts)
    assert any("a.example" in one and "x=1" in one for one in engine.alerts)


async def test_all_end_with_the_engine_and_nobody_is_told() -> None:
    engine = Engine()
    forever = [engine.tasks.spawn(asyncio.Event().wait(), vital=vital) for vital in (True, False)]  # type: ignore[arg-type]
    await engine.tasks.cancel()
    assert all(task.cancelled() for task in forever)
    assert (engine.alerts, engine.crashes) == ([], [])
