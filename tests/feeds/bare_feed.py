"""A feed whose venue, connections and REST are a test's own, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from engine.config import FeedConfig
from engine.events import NS, BookStatus, FeedState, FeedStatus, Gap, MarketEvent, Quote, Trade
from engine.feeds.base import BOOK_LEVELS
from engine.feeds.connection import SocketFeed
from engine.feeds.decoder import VenueDecoder
from engine.feeds.transport import HandshakeError, TransportError
from engine.feeds.venue import NativeVenue, Request
from tests.chaos.feeds.virtual_time import VirtualLoop

EPOCH_NS = 1_770_000_000 * NS


def now_ns() -> int:
    return EPOCH_NS + int(asyncio.get_running_loop().time() * NS)


class BareDecoder(VenueDecoder):
    """Frames of a word: ``ack``, ``beat``, ``trade A 7``, ``book A``, ``want A`` (by REST), ``leave``."""

    venue = "v"

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        word, *more = (raw if isinstance(raw, str) else raw.decode()).split()
        self.acks += word == "ack"
        self.heartbeats += word == "beat"
        if word == "leave":
            self.reconnect = "the venue asks to reconnect"
        elif word == "trade":
            out.append(Trade(f"v:{more[0]}", int(more[1]), 1.0, 1.0, 1, recv_ns, recv_ns))
        elif word == "want":
            self.wanted.append(more[0])
        elif word == "book":
            self.books.begin(f"v:{more[0]}", [("1", "1")], [("2", "1")], BOOK_LEVELS)
            self.books.changed(f"v:{more[0]}", recv_ns, recv_ns, out)


class BareVenue(NativeVenue):
    name = "v"
    ws_url = "ws://127.0.0.1:1"
    rest_url = "http://127.0.0.1:1"
    rest_per_s = 100.0
    subscribe_per_s = 100.0
    heartbeats = True

    def __init__(self, config: FeedConfig) -> None:
        super().__init__(config)
        self.acknowledges = True

    def decoder(self) -> BareDecoder:
        return BareDecoder(self.natives)

    def connect_url(self, base: str) -> str:
        return base

    def subscribe(self) -> list[str]:
        return ["subscribe"]

    def recent_request(self, native: str) -> Request:
        return Request(f"/trades/{native}")

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        return [Trade(f"v:{native}", one, 1.0, 1.0, 1, ns, recv_ns) for one, ns in json.loads(body)]

    def quote_request(self, native: str) -> Request:
        return Request(f"/quote/{native}")

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        return Quote(f"v:{native}", 1.0, 1.0, 2.0, 1.0, recv_ns, recv_ns)


class Line:
    """The venue's end of a connection, and the feed's transport."""

    pongs = 0

    def __init__(self) -> None:
        self.closed = False
        self._frames: list[bytes] = []
        self._news = asyncio.Event()

    def tell(self, *frames: str) -> None:
        self._frames += [frame.encode() for frame in frames]
        self._news.set()

    def cut(self) -> None:
        self.closed = True
        self._news.set()

    async def receive(self) -> Sequence[bytes]:
        while not self._frames:
            if self.closed:
                raise TransportError("no close frame received")
            self._news.clear()
            await self._news.wait()
        frames, self._frames = self._frames, []
        return frames

    async def send(self, text: str) -> None:
        if self.closed:
            raise TransportError("closed")

    async def ping(self) -> None:
        pass

    async def close(self) -> None:
        self.cut()

    def abort(self) -> None:
        self.cut()


class Bench:
    """The feed, and all that it can reach. ``accept`` says what becomes of an attempt to connect: nothing, an
    error that it raises, or a wait."""

    def __init__(
        self, *natives: str, apart: bool = False, lifetime_s: float = 0.0, gap_s: float = 0.5, **settings: Any
    ) -> None:
        config = FeedConfig(
            symbols=natives or ("A",), **({"silence_s": 10.0, "backoff_max_s": 1.0} | settings)
        )
        self.venue = BareVenue(config)
        self.venue.consecutive_ids, self.venue.lifetime_s = not apart, lifetime_s
        self.venue.connect_gap_s = gap_s
        self.feed = SocketFeed(self.venue, config, clock=now_ns, rng=random.Random(3))
        self.feed._open = self._open
        self.feed._rest.get = self._get  # type: ignore[method-assign]
        self.lines: list[Line] = []
        self.attempts: list[float] = []
        self.told: list[tuple[float, MarketEvent]] = []
        """By the loop's time."""
        self.history: dict[str, list[tuple[int, int]]] = {}
        """Native symbol -> (id, ns) of the trades that REST tells."""
        self.requests: list[str] = []
        self.accept: Callable[[], Coroutine[Any, Any, None]] = self._at_once

    async def _at_once(self) -> None:
        pass

    async def _open(self, url: str) -> Line:
        self.attempts.append(asyncio.get_running_loop().time())
        await self.accept()
        self.lines.append(Line())
        return self.lines[-1]

    async def _get(self, request: Request) -> bytes:
        self.requests.append(request.path)
        await asyncio.sleep(0.01)
        return json.dumps(self.history.get(request.path.rpartition("/")[2], [])).encode()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        def sink(events: list[MarketEvent]) -> None:
            self.told += [(asyncio.get_running_loop().time(), event) for event in events]

        task = asyncio.create_task(self.feed.run(sink))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def line(self, number: int, *frames: str) -> Line:
        """Connection ``number``, 1 is the first, once it is there; it is told ``frames``."""
        async with asyncio.timeout(600):
            while len(self.lines) < number:
                await asyncio.sleep(0.001)
        self.lines[number - 1].tell(*frames)
        await asyncio.sleep(0.001)
        return self.lines[number - 1]

    def shape(self, native: str = "A") -> list[int | str]:
        """Of what was told: ids of trades, and gaps."""
        mine = [one for _, one in self.told if isinstance(one, Gap | Trade) and one.symbol == f"v:{native}"]
        return ["gap" if isinstance(one, Gap) else one.trade_id for one in mine]

    def books(self) -> list[tuple[float, bool]]:
        return [(at_s, one.live) for at_s, one in self.told if isinstance(one, BookStatus)]

    def states(self) -> list[FeedState]:
        return [one.state for _, one in self.told if isinstance(one, FeedStatus)]


def refuse(retry_after_s: float) -> Callable[[], Coroutine[Any, Any, None]]:
    async def accept() -> None:
        raise HandshakeError(429, retry_after_s)

    return accept


async def never() -> None:
    await asyncio.Event().wait()


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(test())
