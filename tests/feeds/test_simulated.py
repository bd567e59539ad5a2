"""The simulated feed: history and live are one stream, paced by the clock it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import msgspec
import pytest
from msgspec.structs import replace

from engine.config import SimulatedConfig
from engine.errors import FeedError
from engine.events import NS, Depth, FeedState, FeedStatus, MarketEvent, Quote, Trade
from engine.feeds.simulated import SimulatedFeed
from engine.feeds.simulation.venue import SimulatedVenue

NOW_NS = 1_700_000_000 * NS
CONFIG = SimulatedConfig(symbols=("BTC-USD", "ETH-USD"), history_s=10)


class Clock:
    """Goes ``step_ns`` further each time it is read."""

    def __init__(self, step_ns: int) -> None:
        self.now_ns = NOW_NS
        self.step_ns = step_ns

    def __call__(self) -> int:
        self.now_ns += self.step_ns
        return self.now_ns


async def run_until(
    feed: SimulatedFeed, enough: Callable[[list[list[MarketEvent]]], bool]
) -> list[list[MarketEvent]]:
    """Run ``feed`` until what it delivered is enough; the delivered batches."""
    batches: list[list[MarketEvent]] = []
    done = asyncio.Event()

    def sink(events: list[MarketEvent]) -> None:
        batches.append(events)
        if enough(batches):
            done.set()

    task = asyncio.create_task(feed.run(sink))
    try:
        await asyncio.wait_for(done.wait(), 10)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return batches


async def test_live_continues_where_history_ended() -> None:
    clock = Clock(NS // 4)
    feed = SimulatedFeed(CONFIG, clock=clock)
    past = [event for batch in feed.history(NOW_NS) for event in batch]
    batches = await run_until(feed, lambda b: len(b) > 5)
    status, *live = [event for batch in batches for event in batch]
    assert isinstance(status, FeedStatus) and status.state is FeedState.UP
    assert past[-1].recv_ns <= NOW_NS < live[0].recv_ns
    start_ns = NOW_NS - 10 * NS
    whole = SimulatedVenue(
        CONFIG.symbols,
        seed=CONFIG.seed,
        start_ns=start_ns,
        live_ns=NOW_NS,
        depth_levels=CONFIG.depth_levels,
    )
    assert all(NOW_NS < event.event_ns <= event.recv_ns <= clock.now_ns for event in live)
    as_sent = past + [replace(event, recv_ns=event.event_ns) for event in live]
    assert as_sent == whole.advance(clock.now_ns)[: len(past) + len(live)]


async def test_without_history_the_stream_begins_now() -> None:
    feed = SimulatedFeed(CONFIG, clock=Clock(NS // 10))
    batches = await run_until(feed, lambda b: len(b) > 2)
    assert batches[0][0].recv_ns == NOW_NS + NS // 10
    assert all(event.recv_ns >= NOW_NS for batch in batches for event in batch)


async def test_what_a_suspended_machine_missed_comes_in_slices() -> None:
    feed = SimulatedFeed(CONFIG, clock=Clock(30 * NS))
    batches = await run_until(feed, lambda b: len(b) > 25)
    for batch in batches[1:]:
        assert batch[-1].recv_ns - batch[0].recv_ns <= NS
    assert all(a[-1].recv_ns <= b[0].recv_ns for a, b in pairwise(batches[1:]))


async def test_a_night_that_the_machine_slept_is_no_market_time() -> None:
    clock = Clock(NS // 4)
    feed = SimulatedFeed(CONFIG, clock=clock)
    past = [event for batch in feed.history(NOW_NS) for event in batch]
    slept: list[int] = []

    def enough(batches: list[list[MarketEvent]]) -> bool:
        if len(batches) == 20:
            slept.append(clock.now_ns)
            clock.now_ns += 8 * 3600 * NS
        return len(batches) > 60

    batches = await run_until(feed, enough)
    assert any("stood still for 480 min" in one.detail for one in batches[20] if isinstance(one, FeedStatus))
    told = [event for batch in batches for event in batch if isinstance(event, Trade | Quote | Depth)]
    woke_ns = slept[0] + 8 * 3600 * NS
    assert all(event.recv_ns <= slept[0] or event.recv_ns > woke_ns for event in told)
    assert all(0 <= event.recv_ns - event.event_ns <= 2 * NS for event in told), "their times are of now"
    whole = SimulatedVenue(
        CONFIG.symbols,
        seed=CONFIG.seed,
        start_ns=NOW_NS - 10 * NS,
        live_ns=NOW_NS,
        depth_levels=CONFIG.depth_levels,
    ).advance(NOW_NS + 120 * NS)[len(past) :]
    assert list(map(_untimed, told)) == list(map(_untimed, whole[: len(told)])), "and it goes on"


def _untimed(event: MarketEvent) -> list[object]:
    return [getattr(event, name) for name in event.__struct_fields__ if not name.endswith("_ns")]


async def test_stats_count_and_follow_the_state() -> None:
    clock = Clock(NS // 4)
    feed = SimulatedFeed(CONFIG, clock=clock)
    assert feed.stats.state is FeedState.DOWN
    past = sum(len(batch) for batch in feed.history(NOW_NS))
    assert feed.stats.messages == past > 100
    seen: list[FeedState] = []

    def enough(batches: list[list[MarketEvent]]) -> bool:
        seen.append(feed.stats.state)
        return len(batches) > 3

    batches = await run_until(feed, enough)
    assert seen[-1] is FeedState.UP
    assert feed.stats.messages == past + sum(len(batch) for batch in batches[1:])
    assert feed.stats.last_data_ns == clock.now_ns
    assert feed.stats.state is FeedState.DOWN


async def test_instruments_are_the_configured_symbols() -> None:
    specs = await SimulatedFeed(CONFIG, clock=Clock(1)).instruments()
    assert [spec.symbol for spec in specs] == ["sim:BTC-USD", "sim:ETH-USD"]


@pytest.mark.parametrize(
    "symbols", [("",), ("BTC USD",), ("a:b",), ("BTC\x1b[2J",), ("BTC-USD", "BTC-USD"), ("X" * 40,)]
)
def test_symbols_that_cannot_be_listed_are_refused(symbols: tuple[str, ...]) -> None:
    with pytest.raises(FeedError, match=r"^simulated\.symbols: [^\x1b\n]+$"):
        SimulatedFeed(msgspec.structs.replace(CONFIG, symbols=symbols), clock=Clock(1))
