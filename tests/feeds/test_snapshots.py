"""Snapshots of books by REST: one after another, later and later, until the connection ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.events import MarketEvent
from engine.feeds.base import Request, UnreachableError
from engine.feeds.binance import Binance
from engine.feeds.decoder import VenueDecoder
from engine.feeds.pace import Pace
from engine.feeds.rest import RefusedError
from engine.feeds.snapshots import Snapshots
from tests.chaos.feeds.virtual_time import VirtualLoop


class Wanting(VenueDecoder):
    """Finds the first ``useless`` snapshots of each book no use."""

    venue = "binance"

    def __init__(self, useless: int = 0) -> None:
        super().__init__(("A", "B", "C"))
        self.useless = useless
        self.had: list[str] = []

    def book_snapshot(self, native: str, body: bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        self.had.append(native)
        if self.had.count(native) <= self.useless:
            self.wanted.append(native)


class Answers:
    """Stands for Rest; fails as told, first."""

    def __init__(self, *failures: FeedError) -> None:
        self.failures = list(failures)
        self.asked: list[tuple[float, str]] = []

    async def get(self, request: Request) -> bytes:
        self.asked.append((asyncio.get_running_loop().time(), dict(request.params)["symbol"]))
        if self.failures:
            raise self.failures.pop(0)
        return b"{}"


def played(
    rest: Answers, decoder: Wanting, play: Callable[[Snapshots], Awaitable[None]]
) -> list[tuple[float, str]]:
    """What was asked for, and when (virtual seconds from the start)."""

    async def run() -> list[tuple[float, str]]:
        start_s = asyncio.get_running_loop().time()

        def again(_: list[MarketEvent]) -> None:
            wanted, decoder.wanted = decoder.wanted, []
            snapshots.want(wanted)

        snapshots = Snapshots(
            Binance(FeedConfig(symbols=("A", "B", "C"))),
            decoder,
            rest,  # type: ignore[arg-type]
            Pace(1.0),
            random.Random(1),
            clock=lambda: 9,
            deliver=again,
        )
        task = asyncio.create_task(snapshots.run())
        await play(snapshots)
        task.cancel()
        return [(at_s - start_s, native) for at_s, native in rest.asked]

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


async def _all(snapshots: Snapshots) -> None:
    snapshots.want(("A", "B"))
    snapshots.want(("A", "C"))
    await asyncio.sleep(600)


def test_each_is_asked_for_once_and_paced() -> None:
    asked = played(Answers(), Wanting(), _all)
    assert [native for _, native in asked] == ["A", "B", "C"]
    assert [round(at_s) for at_s, _ in asked] == [0, 1, 2]


def test_one_that_is_no_use_is_asked_for_later_and_later() -> None:
    async def play(snapshots: Snapshots) -> None:
        snapshots.want("A")
        await asyncio.sleep(3600)

    decoder = Wanting(useless=9)
    times = [at_s for at_s, _ in played(Answers(), decoder, play)]
    assert len(times) == 10 and times[-1] - times[-2] > 25 > times[1] > 0
    assert all(later - sooner <= 61 for sooner, later in pairwise(times))


@pytest.mark.parametrize(
    ("failure", "least_s"), [(UnreachableError("busy", 30.0), 30.0), (RefusedError("HTTP 400"), 0.0)]
)
def test_what_fails_is_told_and_tried_again(failure: FeedError, least_s: float) -> None:
    decoder = Wanting()
    troubles: list[str] = []

    async def play(snapshots: Snapshots) -> None:
        snapshots.want("A")
        await asyncio.sleep(0.1)
        troubles.extend(decoder.troubles.values())
        await asyncio.sleep(100)

    asked = played(Answers(failure), decoder, play)
    assert [native for _, native in asked] == ["A", "A"] and asked[1][0] >= least_s
    assert len(troubles) == 1 and str(failure) in troubles[0] and decoder.troubles == {}


def test_a_failing_book_does_not_keep_the_others_waiting() -> None:
    async def play(snapshots: Snapshots) -> None:
        snapshots.want(("A", "B", "C"))
        await asyncio.sleep(10)

    asked = played(Answers(UnreachableError("busy", 60.0)), Wanting(), play)
    assert [native for _, native in asked] == ["A", "B", "C"]
