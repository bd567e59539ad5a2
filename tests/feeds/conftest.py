"""Local venues that play the captures, and a feed connected to one of them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.config import FeedConfig
from engine.events import FeedState, FeedStatus, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds.base import Feed
from engine.feeds.connection import SocketFeed
from engine.feeds.pace import Pace
from engine.feeds.registry import open_feed
from tests.venue_server import Frame, Script, VenueServer, frames_of, instruments_of, kraken_frames

COINBASE = (
    "BAND-GBP",
    "YFI-BTC",
    "SKL-BTC",
    "DASH-BTC",
    "NMR-EUR",
    "BAND-BTC",
    "NU-GBP",
    "CRV-EUR",
    "SKL-GBP",
    "SKL-USD",
)
KRAKEN = ("WAVES/EUR", "XMR/USD", "KSM/BTC", "SC/EUR", "ETH/CHF")


class Listener:
    """Runs a feed and keeps what it delivers."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.events: list[MarketEvent] = []

    @property
    def trades(self) -> list[Trade]:
        return [event for event in self.events if isinstance(event, Trade)]

    @property
    def quotes(self) -> list[Quote]:
        return [event for event in self.events if isinstance(event, Quote)]

    @property
    def gaps(self) -> list[Gap]:
        return [event for event in self.events if isinstance(event, Gap)]

    @property
    def malformed(self) -> list[Malformed]:
        return [event for event in self.events if isinstance(event, Malformed)]

    @property
    def states(self) -> list[FeedState]:
        return [event.state for event in self.events if isinstance(event, FeedStatus)]

    async def until(self, condition: Callable[[], bool], within_s: float = 10.0) -> None:
        """Wait until ``condition`` holds; fails when it does not within ``within_s``."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, (self.feed.stats, self.states, len(self.trades), self.gaps)
            await asyncio.sleep(0.005)


def ids(listener: Listener, symbol: str) -> list[int]:
    return [trade.trade_id for trade in listener.trades if trade.symbol == symbol]


def happened(server: VenueServer, native: str, key: str = "id") -> list[int]:
    return [row[key] for row in server.protocol.trades.get(native, [])]


@contextlib.asynccontextmanager
async def listening(
    server: VenueServer, venue: str, *symbols: str, connect_gap_s: float = 0.0, **settings: float
) -> AsyncIterator[Listener]:
    """A running feed of ``venue`` on ``server``, quick to act unless ``settings`` say otherwise."""
    quick = {"silence_s": 5.0, "backoff_max_s": 0.1, "poll_interval_s": 30.0} | settings
    config = FeedConfig(symbols=symbols, ws_url=server.ws_url, rest_url=server.rest_url, **quick)
    listener = Listener(open_feed(venue, config, clock=time.time_ns, rng=random.Random(1)))
    if isinstance(listener.feed, SocketFeed):
        listener.feed._connects = Pace(connect_gap_s)
    task = asyncio.create_task(listener.feed.run(listener.events.extend))
    try:
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def until(
    work: Coroutine[Any, Any, object], within_s: float = 10.0
) -> AsyncIterator[Callable[[Callable[[], bool]], Awaitable[None]]]:
    """Run ``work`` beside the block, which is given ``reached(condition)`` to wait for what it does."""
    task = asyncio.create_task(work)

    async def reached(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            if task.done():
                task.result()
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)

    try:
        yield reached
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


Venues = Callable[..., VenueServer]


@pytest.fixture
def venues(data_dir: Path) -> Venues:
    """``venues("binance", limit=..., script=...)``: a server, not yet started, over that venue's capture."""

    def make(
        venue: str, *, limit: int | None = None, script: Script | None = None, speed: float = 0.0
    ) -> VenueServer:
        frames, instruments = _captures(data_dir / "feeds", venue)
        return VenueServer(venue, frames[:limit], instruments=instruments, script=script, speed=speed)

    return make


_loaded: dict[str, tuple[list[Frame], str]] = {}


def _captures(feeds: Path, venue: str) -> tuple[list[Frame], str]:
    if venue not in _loaded:
        if venue == "binance":
            path = feeds / "binance/spot_btcusdt_20240808-09.jsonl.gz"
            _loaded[venue] = frames_of(path, 12_000), ""
        elif venue == "coinbase":
            path = feeds / "coinbase/exchange_5products_20210417.jsonl.gz"
            _loaded[venue] = frames_of(path), instruments_of(path)
        else:
            books, v1 = (
                feeds / f"kraken/{name}.jsonl.gz"
                for name in ("v2_DERIVED_5pairs_depth1000", "v1_5pairs_20210417")
            )
            _loaded[venue] = kraken_frames(books, v1), instruments_of(v1)
    return _loaded[venue]
