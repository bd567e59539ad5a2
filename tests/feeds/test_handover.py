"""A connection ends, and another begins before it, with it or behind it. Nothing is lost without a word."""

from __future__ import annotations

import asyncio
import contextlib
import random
from itertools import pairwise

import pytest

from engine.config import FeedConfig
from engine.events import FeedState, Trade
from engine.feeds.base import Request
from engine.feeds.binance import Binance
from engine.feeds.connection import SocketFeed
from engine.feeds.joined import JoinedFeed
from engine.feeds.registry import open_feed
from engine.feeds.rest import RefusedError, ShutOutError
from engine.feeds.transport import HandshakeError, Transport, TransportError
from tests.feeds.bare_feed import EPOCH_NS, Bench, never, now_ns, refuse, virtually

LIFE_S = 20.0


def test_a_second_connection_takes_over_only_when_it_is_as_good() -> None:
    async def test() -> None:
        bench = Bench(lifetime_s=LIFE_S)
        async with bench.running():
            first = await bench.line(1, "ack", "book A", "trade A 1")
            await asyncio.sleep(LIFE_S / 2)
            first.tell("book A", "trade A 2")
            second = await bench.line(2)
            first.tell("trade A 3", "book A")
            await asyncio.sleep(1)
            second.tell("ack")
            await asyncio.sleep(1)
            first.tell("trade A 4")
            await asyncio.sleep(1)
            assert bench.feed.stats.handovers == 0 and not first.closed
            second.tell("trade A 4", "book A")
            await asyncio.sleep(0.1)
            assert bench.feed.stats.handovers == 1 and first.closed and not second.closed
            second.tell("trade A 5")
            await asyncio.sleep(0.01)
        assert bench.shape() == [1, 2, 3, 4, 5] and bench.books() == []

    virtually(test)


def _book_by_rest(native: str) -> Request:
    return Request(f"/book/{native}")


@pytest.mark.parametrize(("gap_s", "per_s"), [(0.8, 100.0), (0.1, 1.25)])
def test_many_books_have_the_time_that_rest_takes_for_them(gap_s: float, per_s: float) -> None:
    async def test() -> None:
        natives = [f"A{number}" for number in range(100)]
        bench = Bench(*natives, lifetime_s=LIFE_S, silence_s=60.0)
        bench.venue.book_request = _book_by_rest  # type: ignore[method-assign]
        bench.venue.book_gap_s, bench.venue.rest_per_s = gap_s, per_s
        async with bench.running():
            first = await bench.line(1, "ack", *(f"book {one}" for one in natives))
            await asyncio.sleep(LIFE_S)
            second = await bench.line(2, "ack")
            for native in natives:
                assert not first.closed and not second.closed
                first.tell("trade A0 1")
                second.tell(f"book {native}", "trade A0 1")
                await asyncio.sleep(0.8)
            assert bench.feed.stats.handovers == 1 and first.closed and not second.closed

    virtually(test)


@pytest.mark.parametrize(
    ("all_of_them", "refusal"), [(False, RefusedError), (True, RefusedError), (False, ShutOutError)]
)
def test_a_delisted_symbol_keeps_no_connection(all_of_them: bool, refusal: type[RefusedError]) -> None:
    """Its book stands in the old one for ever; but where REST refuses every book, or us, something else is
    wrong."""
    takes_over = not all_of_them and refusal is RefusedError

    async def test() -> None:
        bench = Bench("A", "B", lifetime_s=LIFE_S, silence_s=60.0)
        bench.venue.book_request = _book_by_rest  # type: ignore[method-assign]

        async def refuse_it(request: Request) -> bytes:
            raise refusal(f"{request.path}: HTTP 4xx")

        async with bench.running():
            first = await bench.line(1, "ack", "book A", "book B")
            await asyncio.sleep(LIFE_S)
            bench.feed._rest.get = refuse_it  # type: ignore[method-assign]
            second = await bench.line(2, "ack", "want B", "want A" if all_of_them else "book A", "trade A 1")
            first.tell("trade A 1")
            await asyncio.sleep(0.5)
            assert (bench.feed.stats.handovers, first.closed) == (takes_over, takes_over)
            assert not second.closed

    virtually(test)


@pytest.mark.parametrize("apart", [False, True])
def test_a_trade_that_follows_the_last_goes_out_in_the_very_moment(apart: bool) -> None:
    async def test() -> None:
        bench = Bench(apart=apart)
        async with bench.running():
            line = await bench.line(1, "ack", "trade A 1")
            await asyncio.sleep(1.0)
            for number in range(2, 50):
                bench.told.clear()
                at_s = asyncio.get_running_loop().time()
                line.tell(f"trade A {number}")
                for _ in range(5):
                    await asyncio.sleep(0)
                ((told_s, trade),) = bench.told
                assert isinstance(trade, Trade) and told_s - at_s < 0.001
                await asyncio.sleep(0.01)

    virtually(test)


def test_books_of_a_connection_are_wrong_from_its_end_on() -> None:
    async def test() -> None:
        bench = Bench("A", "B")
        async with bench.running():
            line = await bench.line(1, "ack", "book A", "book B")
            await asyncio.sleep(3)
            bench.accept = never
            at_s = asyncio.get_running_loop().time()
            line.cut()
            await asyncio.sleep(5)
            assert [live for _, live in bench.books()] == [False, False]
            assert all(told_s - at_s < 0.001 for told_s, _ in bench.books())

    virtually(test)


def test_they_are_when_it_ends_while_the_next_one_is_still_being_opened() -> None:
    """And REST stands in, however long that takes."""

    async def test() -> None:
        bench = Bench(lifetime_s=LIFE_S, poll_interval_s=2.0)
        async with bench.running():
            line = await bench.line(1, "ack", "book A", "trade A 1")
            bench.accept = never
            while len(bench.attempts) < 2:
                line.tell("book A")
                await asyncio.sleep(0.5)
            at_s = asyncio.get_running_loop().time()
            line.cut()
            bench.history["A"] = [(1, now_ns()), (2, now_ns())]
            await asyncio.sleep(10)
            ((told_s, live),) = bench.books()
            assert not live and told_s - at_s < 0.001
            assert bench.feed.stats.state is FeedState.POLLING and bench.shape() == [1, 2]

    virtually(test)


def test_the_next_one_is_the_first_then() -> None:
    async def test() -> None:
        bench = Bench(lifetime_s=LIFE_S)
        go = asyncio.Event()

        async def slow() -> None:
            await go.wait()

        async with bench.running():
            line = await bench.line(1, "ack", "book A", "trade A 1")
            bench.accept = slow
            await asyncio.sleep(LIFE_S + 1)
            line.cut()
            await asyncio.sleep(1)
            go.set()
            await bench.line(2, "ack", "book A", "trade A 2")
            await asyncio.sleep(1)
            assert bench.shape() == [1, 2] and [live for _, live in bench.books()] == [False, True]
            assert bench.feed.stats.reconnects == 1 and bench.feed.stats.state is FeedState.UP
            bench.lines[1].cut()
            await bench.line(3, "ack", "trade A 3")
            await asyncio.sleep(1)
            assert bench.shape() == [1, 2, 3] and bench.feed.stats.reconnects == 2

    virtually(test)


def test_a_venue_that_asked_to_be_left_alone_is_when_the_first_connection_ends_meanwhile() -> None:
    async def test() -> None:
        bench = Bench(lifetime_s=LIFE_S)
        async with bench.running():
            line = await bench.line(1, "ack", "trade A 1")
            bench.accept = refuse(60.0)
            while len(bench.attempts) < 2:
                line.tell("beat", "trade A 1")
                await asyncio.sleep(0.5)
            line.cut()
            await asyncio.sleep(200)
        waits_s = [after - before for before, after in pairwise(bench.attempts)]
        assert len(waits_s) >= 3 and min(waits_s[1:]) >= 60.0

    virtually(test)


@pytest.mark.parametrize("sound", [True, False])
def test_where_ids_are_no_row_rest_joins_what_two_connections_did_not_both_bring(sound: bool) -> None:
    """The first one is half open when its time is over: nothing shows that, and nothing comes by it."""

    async def test() -> None:
        bench = Bench(apart=True, lifetime_s=LIFE_S, silence_s=60.0)
        async with bench.running():
            first = await bench.line(1, "ack", "trade A 100")
            await asyncio.sleep(LIFE_S - 2)
            first.tell("beat", "trade A 7")
            bench.history["A"] = [(100, EPOCH_NS), (7, now_ns()), (55, now_ns())]
            second = await bench.line(2, "ack")
            if sound:
                first.tell("trade A 55", "trade A 9")
            second.tell("trade A 9")
            bench.history["A"].append((9, now_ns()))
            await asyncio.sleep(5)
            second.tell("trade A 3")
            await asyncio.sleep(1)
        assert bench.feed.stats.handovers == 1
        assert sorted(one for one in bench.shape() if one != "gap") == [3, 7, 9, 55, 100]
        assert bool(bench.requests) is not sound

    virtually(test)


def test_a_second_that_is_subscribed_just_behind_the_end_of_the_first_is_joined() -> None:
    async def test() -> None:
        bench = Bench(apart=True, lifetime_s=LIFE_S, silence_s=60.0)
        async with bench.running():
            first = await bench.line(1, "ack", "trade A 100")
            await asyncio.sleep(LIFE_S - 2)
            first.tell("beat", "trade A 7")
            bench.history["A"] = [(7, now_ns()), (55, now_ns())]
            second = await bench.line(2)
            first.cut()
            second.tell("ack")
            await asyncio.sleep(0.5)
            second.tell("trade A 9")
            bench.history["A"].append((9, now_ns()))
            await asyncio.sleep(8)
        assert bench.shape() == [100, 7, 55, 9]

    virtually(test)


def test_what_came_between_the_first_polls_and_the_first_connection_is_joined() -> None:
    async def test() -> None:
        bench = Bench(apart=True, poll_interval_s=2.0)
        bench.accept = refuse(7.0)
        async with bench.running():
            bench.history["A"] = [(5, EPOCH_NS)]
            await asyncio.sleep(6.9)
            bench.accept = bench._at_once
            bench.history["A"].append((3, now_ns()))
            assert bench.shape() == [5]
            await bench.line(1, "ack", "trade A 9")
            bench.history["A"].append((9, now_ns()))
            await asyncio.sleep(5)
        assert bench.shape() == [5, 3, 9]

    virtually(test)


@pytest.mark.parametrize("seed", range(6))
def test_no_pattern_of_failures_exceeds_the_limit_on_connects(seed: int) -> None:
    rng = random.Random(seed)

    async def test() -> None:
        bench = Bench(gap_s=Binance.connect_gap_s, lifetime_s=rng.choice([0.0, 1.0]), backoff_max_s=0.1)

        async def accept() -> None:
            fate = rng.choice(("refused", "away", "slammed", "leave", "brief"))
            if fate == "refused":
                await refuse(0.0)()
            if fate == "away":
                raise TransportError("refused")
            loop = asyncio.get_running_loop()
            number = len(bench.lines)
            if fate == "slammed":
                loop.call_later(0.001, lambda: bench.lines[number].cut())
            else:
                told = "leave" if fate == "leave" else "trade A 1"
                loop.call_later(0.01, lambda: bench.lines[number].tell("ack", "book A", told))
                loop.call_later(rng.uniform(0.02, 2), lambda: bench.lines[number].cut())

        bench.accept = accept
        async with bench.running():
            await asyncio.sleep(700)
        assert len(bench.attempts) > 100
        for at, start_s in enumerate(bench.attempts):
            assert sum(one - start_s < 300 for one in bench.attempts[at:]) <= 151

    virtually(test)


def test_a_stop_at_any_moment_leaves_no_task_and_no_connection() -> None:
    for seed in range(120):
        rng = random.Random(seed)

        async def test(rng: random.Random = rng) -> None:
            bench = Bench(apart=rng.random() < 0.5, lifetime_s=LIFE_S, poll_interval_s=1.0)

            async def accept() -> None:
                await asyncio.sleep(rng.choice([0, 0, 0.01, 3.0]))
                if rng.random() < 0.3:
                    await refuse(rng.choice([0.0, 5.0]))()
                number = len(bench.lines)
                loop = asyncio.get_running_loop()
                loop.call_later(0.01, lambda: bench.lines[number].tell("ack", "book A", "trade A 1"))
                loop.call_later(rng.uniform(0.02, 30), lambda: bench.lines[number].cut())

            bench.accept = accept
            async with bench.running():
                await asyncio.sleep(rng.choice([0.0, rng.uniform(0, 1), rng.uniform(0, 40)]))
                for _ in range(rng.randrange(12)):
                    await asyncio.sleep(0)
                stopped_s = asyncio.get_running_loop().time()
            assert asyncio.get_running_loop().time() - stopped_s < 0.1
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert all(line.closed for line in bench.lines)

        virtually(test)


@pytest.mark.parametrize("venue", ["binance-futures", "okx"])
def test_connections_of_one_venue_share_its_limits(venue: str) -> None:
    async def test() -> None:
        config = FeedConfig(symbols=("BTCUSDT" if venue == "binance-futures" else "BTC-USDT",), candles=True)
        feed = open_feed(venue, config, clock=now_ns, rng=random.Random(1))
        assert isinstance(feed, JoinedFeed)
        attempts: list[float] = []

        async def away(url: str) -> Transport:
            attempts.append(asyncio.get_running_loop().time())
            raise HandshakeError(429, 50.0 if len(attempts) == 3 else 0.0)

        parts = [part for part in feed._parts if isinstance(part, SocketFeed)]
        for part in parts:
            part._open = away
            part._poller.start = lambda tasks: None  # type: ignore[method-assign]
        task = asyncio.create_task(feed.run(lambda events: None))
        await asyncio.sleep(60)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        waits_s = [after - before for before, after in pairwise(attempts)]
        assert len(parts) == 2 and len(waits_s) >= 3
        assert min(waits_s) >= parts[0]._venue.connect_gap_s and waits_s[2] >= 50.0

    virtually(test)
