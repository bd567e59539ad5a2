"""A context feed against a server with faults: told in its health, slower while it fails, alive after it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from engine.config import FearGreedConfig
from engine.events import NS, ContextEvent, FeedState
from engine.feeds.backoff import Backoff
from engine.feeds.context.fear_greed import FearGreed
from engine.feeds.context.source import ContextFeed
from tests.feeds.context.bodies import FEAR_GREED
from tests.feeds.context.server import Handler, LoopbackServer, cut, hang, says, until

NOW = 1_700_000_000 * NS


@contextlib.asynccontextmanager
async def running(
    server: LoopbackServer, *answers: Handler
) -> AsyncIterator[tuple[ContextFeed, list[ContextEvent]]]:
    server.answers = {"/fng/": list(answers)}
    config = FearGreedConfig(url=server.url, timeout_s=0.15, interval_s=3600.0)
    source = FearGreed(config, lambda: NOW)
    source._rest._gap_s = 0.0
    feed = ContextFeed(source, Backoff(0.02, 0.05, random.Random(1)))
    heard: list[ContextEvent] = []

    def sink(events: Sequence[ContextEvent]) -> None:
        heard.extend(events)

    task = asyncio.create_task(feed.run(sink))
    try:
        yield feed, heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


FAULTS = {
    "500": (says("boom", 500), "HTTP 500: boom"),
    "429": (says("slow down", 429, Retry_After="0.05"), "HTTP 429: slow down"),
    "403": (says("go away", 403), "HTTP 403: go away"),
    "hang": (hang, "does not answer at 127.0.0.1"),
    "cut": (cut, "does not answer at 127.0.0.1"),
    "rubbish": (says("<html>\x1b[31m"), "fear-greed: "),
    "error with 200": (says('{"metadata":{"error":"nope"}}'), "error: nope"),
    "empty": (says(""), "fear-greed: "),
    "nested": (says('{"x":' + "[" * 20_000 + "]" * 20_000 + "}"), "fear-greed: "),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told_and_the_next_answer_counts(server: LoopbackServer, fault: str) -> None:
    broken, told = FAULTS[fault]
    seen: list[str] = []
    async with running(server, broken, broken, says(FEAR_GREED)) as (feed, heard):
        await until(lambda: "asked again" in feed.stats.detail)
        seen.append(feed.stats.detail)
        await until(lambda: bool(heard))
        assert feed.stats.state is FeedState.UP
        assert feed.stats.detail.startswith("127.0.0.1:")
        assert "answers, asked every 3600 s" in feed.stats.detail
        assert (feed.stats.messages, feed.stats.reconnects) == (1, 1)
        assert len(server.asked) == 3
    assert told in seen[0] and "; asked again in " in seen[0]
    assert "\x1b" not in seen[0]


async def test_retry_after_is_never_undercut(server: LoopbackServer) -> None:
    loop = asyncio.get_running_loop()
    async with running(server, says("", 429, Retry_After="0.4"), says(FEAR_GREED)) as (feed, heard):
        await until(lambda: "asked again" in feed.stats.detail)
        began_s = loop.time()
        await until(lambda: bool(heard))
        assert loop.time() - began_s > 0.35


async def test_a_server_that_is_not_there(server: LoopbackServer) -> None:
    config = FearGreedConfig(url="http://127.0.0.1:9", timeout_s=0.2)
    feed = ContextFeed(FearGreed(config, lambda: NOW), Backoff(0.02, 0.05, random.Random(1)))
    task = asyncio.create_task(feed.run(lambda events: None))
    await until(lambda: "asked again" in feed.stats.detail)
    assert "does not answer at 127.0.0.1:9" in feed.stats.detail
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
