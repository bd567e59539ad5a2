"""What counts as live of one connection: what its socket brings, and nothing that REST tells beside it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any, cast

from engine.config import FeedConfig
from engine.events import NS, BookStatus, Depth, MarketEvent
from engine.feeds.base import FeedStats, Request
from engine.feeds.binance import Binance
from engine.feeds.delivery import Delivery
from engine.feeds.pace import Pace
from engine.feeds.rest import Rest
from engine.feeds.session import Session
from engine.feeds.watchdog import Patience

BOOK = b'{"lastUpdateId":10,"bids":[["1.0","1"]],"asks":[["2.0","1"]]}'
UPDATE = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"BTCUSDT",'
    b'"U":11,"u":12,"b":[["1.5","1"]],"a":[]}}'
)


class Books:
    """A REST that has every book."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def get(self, request: Request) -> bytes:
        self.asked.set()
        return BOOK


class Mute:
    """A socket that says nothing until it is told to."""

    pongs = 0

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(self) -> Sequence[bytes]:
        return (await self.frames.get(),)

    async def send(self, text: str) -> None:
        """Nobody reads it."""

    async def ping(self) -> None:
        """Nobody answers."""

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_book_by_rest_is_no_sign_of_life() -> None:
    venue = Binance(FeedConfig(symbols=("BTCUSDT",)))
    socket, rest, stats = Mute(), Books(), FeedStats()
    out: list[MarketEvent] = []
    delivery = Delivery(venue, cast(Rest, rest), stats, lambda: 5 * NS)
    came: list[bool] = []

    def deliver(session: Session, events: list[MarketEvent], live: bool) -> None:
        came.append(live)
        delivery.first(events, session.decoder.books.quotes, live=live)

    async with asyncio.TaskGroup() as tasks:
        delivery.open(out.extend, tasks)
        session = Session(
            venue,
            cast(Any, socket),
            cast(Rest, rest),
            Pace(0.0),
            Patience(60 * NS),
            random.Random(1),
            clock=lambda: 5 * NS,
            stats=stats,
            deliver=deliver,
            watched=lambda session, verdict: None,
            strangers=lambda: None,
        )
        running = tasks.create_task(session.run())
        await rest.asked.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(session.decoder.books) == 1  # it is there, and nobody is told
        assert (out, session.is_live, stats.last_data_ns) == ([], False, 0)
        socket.frames.put_nowait(UPDATE.replace(b'"1.5"', b'"2.5"'))  # crosses: what was held goes first
        async with asyncio.timeout(5):
            while not out:
                await asyncio.sleep(0)
        assert [type(event) for event in out] == [Depth, BookStatus]
        assert came == [False, True] and stats.last_data_ns == 0 and not session.is_live
        running.cancel()


async def test_the_first_live_data_lets_the_book_go() -> None:
    venue = Binance(FeedConfig(symbols=("BTCUSDT",)))
    socket, rest = Mute(), Books()
    told: list[tuple[bool, MarketEvent]] = []
    async with asyncio.TaskGroup() as tasks:
        session = Session(
            venue,
            cast(Any, socket),
            cast(Rest, rest),
            Pace(0.0),
            Patience(60 * NS),
            random.Random(1),
            clock=lambda: 5 * NS,
            stats=FeedStats(),
            deliver=lambda session, events, live: told.extend((live, event) for event in events),
            watched=lambda session, verdict: None,
            strangers=lambda: None,
        )
        running = tasks.create_task(session.run())
        await rest.asked.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not told
        socket.frames.put_nowait(
            b'{"stream":"btcusdt@bookTicker","data":{"u":9,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}'
        )
        async with asyncio.timeout(5):
            while len(told) < 2:
                await asyncio.sleep(0)
        assert [(live, type(event).__name__) for live, event in told] == [(False, "Depth"), (True, "Quote")]
        assert session.is_live
        running.cancel()
