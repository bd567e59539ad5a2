"""The loop: who is asked, in which order, how often; with services over real HTTP, and given ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS, Candle, FeedState, MarketEvent
from engine.feeds.base import FeedStats, UnreachableError
from engine.feeds.rest import RefusedError
from engine.feeds.sources.budget import Budget, Limits
from engine.feeds.sources.collection import FIRST_REST_NS, Collected, Collection
from engine.feeds.sources.polygon import Polygon
from engine.feeds.sources.source import Action, ExhaustedError, Source
from engine.feeds.sources.yahoo import Yahoo
from tests.feeds.context.server import LoopbackServer, hang, says, until
from tests.feeds.sources.bodies import NOW_NS, Clock, source

CHART, AGGREGATES = "/v8/finance/chart/X", "/v2/aggs/ticker/X/range/1/minute"


class Given:
    """A source that does what it is told."""

    split_adjusted = dividends_adjusted = True
    tells_actions = False
    delay_s = 120
    intervals_s: frozenset[int] = frozenset()

    def __init__(self, name: str, clock: Clock, limits: Limits | None = None) -> None:
        self.name = self.venue = name
        self.stats = FeedStats()
        self.clock = clock
        self.budget = Budget(limits or Limits(), None, clock.ns)
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.price: Callable[[], float] = lambda: 10.0
        self.empty = False

    def native_of(self, canonical: str) -> str:
        return canonical

    def earliest_ns(self, interval_s: int, now_ns: int) -> int:
        return 0

    def wait_ns(self, now_ns: int) -> int:
        return max(self.budget.wait_ns(now_ns), self.budget.pace_ns(now_ns))

    async def latest(self, symbol: str, native: str) -> list[Candle]:
        if not self.budget.take(self.clock.ns):
            raise ExhaustedError(f"{self.name} is spent", 1.0)
        self.asked.append(symbol)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        if self.empty:
            return []
        open_ns = self.clock.ns // (60 * NS) * 60 * NS
        price, now_ns = self.price(), self.clock.ns
        return [Candle(symbol, 60, open_ns, *(price,) * 4, 1.0, False, now_ns, now_ns, source=self.name)]

    async def bars(
        self, symbol: str, native: str, interval_s: int, start_ns: int, end_ns: int
    ) -> AsyncIterator[list[Candle]]:
        yield []

    async def actions(self, symbol: str, native: str, start_ns: int, end_ns: int) -> list[Action]:
        return []

    async def close(self) -> None: ...


def collection(
    clock: Clock, sources: list[Source], symbols: list[str], concurrency: int = 100
) -> tuple[Collection, list[MarketEvent]]:
    events: list[MarketEvent] = []
    wanted = [Collected(symbol, tuple((each, symbol) for each in sources)) for symbol in symbols]
    loop = Collection(wanted, events.extend, interval_s=1.0, concurrency=concurrency, clock=clock)
    return loop, events


Running = Callable[[list[Collected], Clock], Collection]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    """Runs a loop of short turns until the test ends."""
    tasks: list[asyncio.Task[None]] = []

    def run(symbols: list[Collected], clock: Clock) -> Collection:
        loop = Collection(symbols, lambda _: None, interval_s=0.05, concurrency=9, clock=clock)
        tasks.append(asyncio.create_task(loop.run()))
        return loop

    yield run
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def told_by(events: list[MarketEvent]) -> list[str]:
    return [event.source for event in events if isinstance(event, Candle)]


async def test_the_first_source_that_can_be_asked_is_asked() -> None:
    clock = Clock()
    first, second = Given("first", clock), Given("second", clock)
    loop, events = collection(clock, [first, second], ["X", "Y"])
    await loop.cycle()
    assert told_by(events) == ["first", "first"]
    assert second.asked == []
    assert loop.stats.state is FeedState.UP


@pytest.mark.parametrize(
    "error", [UnreachableError("away"), RefusedError("no"), ExhaustedError("spent", 9.0)], ids=repr
)
async def test_the_next_is_asked_in_the_same_cycle_when_one_fails(error: Exception) -> None:
    clock = Clock()
    first, second, third = Given("first", clock), Given("second", clock), Given("third", clock)
    first.error = error
    second.empty = True
    loop, events = collection(clock, [first, second, third], ["X"])
    await loop.cycle()
    assert told_by(events) == ["third"]
    assert loop.unanswered == {}


async def test_the_next_is_asked_when_one_is_exhausted() -> None:
    clock = Clock()
    first, second = Given("first", clock, Limits(per_day=6, day="utc")), Given("second", clock)
    loop, events = collection(clock, [first, second], [f"S{number}" for number in range(20)])
    await loop.cycle()
    assert sorted(told_by(events)) == ["first"] + ["second"] * 19  # a fifth of a day at once
    clock.ns += 86_400 * NS
    while first.budget.take(clock.ns):
        pass
    events.clear()
    await loop.cycle()
    assert told_by(events) == ["second"] * 20


async def test_a_better_source_is_waited_for_while_prices_are_young() -> None:
    """30 a minute serve one symbol by themselves: the lesser source keeps its budget."""
    clock = Clock()
    first, second = Given("first", clock, Limits(per_minute=30)), Given("second", clock)
    loop, _ = collection(clock, [first, second], ["X"])
    for _ in range(120):
        await loop.cycle()
        clock.ns += NS
    assert second.asked == []
    assert 45 <= len(first.asked) <= 60


async def test_a_small_budget_goes_round_the_symbols() -> None:
    clock = Clock()
    only = Given("only", clock, Limits(per_minute=10))
    symbols = [f"S{number}" for number in range(7)]
    loop, _ = collection(clock, [only], symbols)
    for _ in range(300):
        await loop.cycle()
        clock.ns += NS
    counts = [only.asked.count(symbol) for symbol in symbols]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) >= 40


async def test_a_symbol_that_is_refused_is_left_alone_for_longer_and_longer() -> None:
    clock = Clock()
    first, second = Given("first", clock), Given("second", clock)
    first.error = RefusedError("unknown symbol")
    loop, _ = collection(clock, [first, second], ["X"])
    await loop.cycle()
    await loop.cycle()
    assert len(first.asked) == 1
    assert len(second.asked) == 2
    clock.ns += FIRST_REST_NS
    await loop.cycle()
    clock.ns += FIRST_REST_NS
    await loop.cycle()
    assert len(first.asked) == 2
    clock.ns += FIRST_REST_NS
    await loop.cycle()
    assert len(first.asked) == 3


async def test_nothing_is_told_twice() -> None:
    clock = Clock(NOW_NS - NOW_NS % (60 * NS))
    first, second = Given("first", clock), Given("second", clock)
    prices = iter([10.0, 10.0, 11.0, 11.0])
    first.price = lambda: next(prices)
    loop, events = collection(clock, [first, second], ["X"])
    for _ in range(4):
        await loop.cycle()
        clock.ns += NS
    assert [event.close for event in events if isinstance(event, Candle)] == [10.0, 11.0]


async def test_who_cannot_be_served_is_told_with_the_reason() -> None:
    clock = Clock()
    only = Given("only", clock)
    only.error = UnreachableError("the service is away")
    loop, events = collection(clock, [only], ["X"])
    await loop.cycle()
    assert events == []
    assert loop.unanswered == {"X": "the service is away"}
    assert loop.stats.state is FeedState.DOWN
    assert "0 of 1 symbols served" in loop.stats.detail
    assert "X: the service is away" in loop.stats.detail
    only.error = None
    await loop.cycle()
    assert loop.stats.state is FeedState.UP
    assert loop.stats.reconnects == 1


async def test_no_more_than_concurrency_at_once() -> None:
    clock = Clock()
    at_once, most = 0, 0

    class Slow(Given):
        async def latest(self, symbol: str, native: str) -> list[Candle]:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.001)
            at_once -= 1
            return await super().latest(symbol, native)

    loop, events = collection(clock, [Slow("slow", clock)], [f"S{number}" for number in range(30)], 7)
    await loop.cycle()
    assert most == 7
    assert len(events) == 30


async def test_a_symbol_is_not_asked_for_twice_at_a_time(running: Running) -> None:
    clock = Clock()
    asking, overlaps = 0, 0

    class Slow(Given):
        async def latest(self, symbol: str, native: str) -> list[Candle]:
            nonlocal asking, overlaps
            overlaps += asking > 0
            asking += 1
            await asyncio.sleep(0.12)
            asking -= 1
            return await super().latest(symbol, native)

    slow = Slow("slow", clock)
    loop = running([Collected("X", ((slow, "X"),))], clock)
    await until(lambda: len(slow.asked) >= 3)
    assert overlaps == 0
    assert loop.cycles > len(slow.asked)
    assert loop.late >= 2


async def test_who_hangs_holds_up_no_one_else(running: Running) -> None:
    """Nor does the request that tries whether a circuit can be closed."""
    clock = Clock()
    forever = asyncio.Event()

    class Hangs(Given):
        async def latest(self, symbol: str, native: str) -> list[Candle]:
            if symbol == "H":
                await forever.wait()
            return await super().latest(symbol, native)

    source = Hangs("source", clock)
    symbols = [Collected(symbol, ((source, symbol),)) for symbol in ("H", "X", "Y")]
    loop = running(symbols, clock)
    await until(lambda: source.asked.count("X") >= 5 and source.asked.count("Y") >= 5)
    assert "H" not in source.asked
    assert loop.stats.state is FeedState.UP
    assert "2 of 3 symbols served" in loop.stats.detail and "1 waited for" in loop.stats.detail
    forever.set()
    await until(lambda: "H" in source.asked and "3 of 3" in loop.stats.detail)


async def test_what_is_waited_for_ends_with_the_loop() -> None:
    clock = Clock()
    ended = asyncio.Event()

    class Hangs(Given):
        async def latest(self, symbol: str, native: str) -> list[Candle]:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return []

    only = Hangs("only", clock)
    loop = Collection(
        [Collected("X", ((only, "X"),))], lambda _: None, interval_s=0.02, concurrency=9, clock=clock
    )
    task = asyncio.create_task(loop.run())
    await until(lambda: loop.cycles >= 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ended.is_set()
    assert "0 of 1" in loop.stats.detail and loop.stats.state is FeedState.DOWN


async def test_a_bug_is_not_swallowed() -> None:
    only = Given("only", Clock())
    only.error = KeyError("a bug")
    loop = Collection(
        [Collected("X", ((only, "X"),))], lambda _: None, interval_s=0.02, concurrency=9, clock=Clock()
    )
    with pytest.raises(KeyError, match="a bug"):
        await loop.run()


@settings(max_examples=60, deadline=None)
@given(
    limits=st.lists(
        st.builds(
            Limits,
            per_minute=st.sampled_from([0, 1, 8]),
            per_day=st.sampled_from([0, 3, 25]),
            day=st.sampled_from(["utc", "rolling"]),
        ),
        min_size=1,
        max_size=4,
    ),
    steps_s=st.lists(st.sampled_from([0, 1, 1, 1, 30, 3600]), min_size=1, max_size=40),
    symbols=st.integers(1, 12),
)
def test_no_budget_is_exceeded_by_the_loop(limits: list[Limits], steps_s: list[int], symbols: int) -> None:
    """The service's own count, of what reached it in any minute and any 24 hours."""
    clock = Clock()
    at: dict[str, list[int]] = {}

    class Counted(Given):
        async def latest(self, symbol: str, native: str) -> list[Candle]:
            found = await super().latest(symbol, native)
            at.setdefault(self.name, []).append(self.clock.ns)
            return found

    sources = [Counted(str(number), clock, limit) for number, limit in enumerate(limits)]

    async def run() -> None:
        loop, _ = collection(clock, [*sources], [f"S{number}" for number in range(symbols)])
        for step_s in steps_s:
            await loop.cycle()
            clock.ns += step_s * NS

    asyncio.run(run())
    for one, limit in zip(sources, limits, strict=True):
        times = at.get(one.name, [])
        for now_ns in times:
            recent = sum(now_ns - 60 * NS < ns <= now_ns for ns in times)
            day = sum(ns <= now_ns and ns // (86_400 * NS) == now_ns // (86_400 * NS) for ns in times)
            assert not limit.per_minute or recent <= limit.per_minute
            assert not limit.per_day or day <= limit.per_day


# --- over HTTP ---


def chart(price: float) -> bytes:
    meta = {"regularMarketPrice": price, "regularMarketTime": NOW_NS // NS}
    result = {"meta": meta, "indicators": {"quote": [{}]}}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


async def aggregates(request: web.Request) -> web.Response:
    row = {"t": NOW_NS // 1_000_000, "o": 2, "h": 2, "l": 2, "c": 2, "v": 1}
    return web.json_response({"status": "OK", "results": [row]})


async def test_a_service_that_hangs_is_stood_in_for_within_its_time_limit(server: LoopbackServer) -> None:
    clock = Clock()
    server.answers[CHART] = [hang]
    yahoo = source(Yahoo, server.url, clock=clock, timeout_s=1.0)
    polygon = source(Polygon, server.url, clock=clock)
    path = polygon.latest_request("X", clock.ns).path
    server.answers[path] = [aggregates]
    loop, events = collection(clock, [yahoo, polygon], ["X"])
    await loop.cycle()
    assert told_by(events) == ["polygon"]
    assert loop.cycle_s < 4.0
    assert yahoo.stats.state is FeedState.DOWN
    server.answers[CHART] = [says(chart(3.0))]
    clock.ns += 10 * NS
    server.answers[polygon.latest_request("X", clock.ns).path] = [aggregates]
    await loop.cycle()
    assert told_by(events)[-1] == "yahoo"
    await yahoo.close()
    await polygon.close()
