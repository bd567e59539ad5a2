"""A venue on loopback, WebSocket and REST, that tells a true history and does what venues do wrong."""

from __future__ import annotations

import asyncio
import math
import random
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from aiohttp import WSMsgType, web

from tests.chaos.feeds.dialect import Dialect, Topic
from tests.chaos.feeds.faults import Fault
from tests.chaos.feeds.truth import Market

GARBAGE = ("{", "not json", '{"stream":"btcusdt@trade","data":{"e":"trade"}}', "[1]", '"\\ud800"', "{}", "")
_MANGLED_S = 3.0
_HELD_S = 0.15
_SHUTDOWN_S = 8.0
_PER_S = 25.0


@cache
def bomb() -> bytes:
    """A frame of 64 MiB of zeros, compressed."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    chunk = bytes(1 << 20)
    body = b"".join(deflate.compress(chunk) for _ in range(64)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    body = body[:-4]
    return b"\xc1\x7f" + len(body).to_bytes(8, "big") + body


class Link:
    """One client's connection."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, now_s: float) -> None:
        self.socket = socket
        self.request = request
        self.opened_s = now_s
        self.wanted: set[Topic] = set()
        self.silent = False
        self.beats_only = False
        self.mangled: dict[str, float] = {}
        """Kind -> share of messages."""
        self.mangled_until_s = 0.0
        self.held: tuple[float, Topic, str] | None = None
        """To be sent behind the next one of its topic."""

    def cut(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()

    async def send(self, *frames: str) -> None:
        if self.silent or self.socket.closed:
            return
        try:
            for frame in frames:
                await self.socket.send_str(frame)
        except (ConnectionError, RuntimeError):
            pass  # the client has hung up


class FaultServer:
    """Use as an async context manager. ``lifetime_s``: connections are cut after so long; 0: never."""

    def __init__(
        self, dialect: Dialect, rng: random.Random, clock: Callable[[], int], *, lifetime_s: float = 0.0
    ) -> None:
        self.dialect = dialect
        self.links: list[Link] = []
        self.most_links = 0
        """That there were at a time."""
        self.handshakes: list[float] = []
        self.requests: list[float] = []
        self.refused: list[tuple[float, float]] = []
        """Handshakes that were: when, and when to come back."""
        self.rest_refused: list[tuple[float, float]] = []
        self.count: Counter[str] = Counter()
        """What was done wrong, and how often."""
        self._rng = rng
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._busy_until_s = self._rest_busy_until_s = self._rest_down_until_s = 0.0
        self._slams = 0

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def __aenter__(self) -> FaultServer:
        app = web.Application()
        app.router.add_get(self.dialect.ws_path, self._socket)
        app.router.add_get("/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for link in list(self.links):
            link.cut()
        await self._runner.cleanup()

    @property
    def ws_url(self) -> str:
        path = self.dialect.ws_path
        return f"ws://127.0.0.1:{self.port}{'' if path in ('/', '/stream') else path}"

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def live(self, for_s: float, faults: Sequence[Fault] = ()) -> None:
        """Let the market live, and go wrong."""
        start_s, due = self._now_s(), list(faults)
        beat_s = start_s
        while self._now_s() < start_s + for_s:
            await asyncio.sleep(self._rng.expovariate(_PER_S))
            now_s = self._now_s()
            while due and due[0].at_s <= now_s - start_s:
                await self._strike(due.pop(0))
            await self._happen(self._rng.choice(list(self.dialect.markets.values())))
            if self.dialect.beats_s and now_s - beat_s >= self.dialect.beats_s:
                beat_s = now_s
                for link in list(self.links):
                    await link.send(*self.dialect.heartbeats(link.wanted))
            for link in list(self.links):
                if link.held is not None and now_s - link.held[0] > _HELD_S:
                    await self._release(link)
                if self._lifetime_s and now_s - link.opened_s > self._lifetime_s:
                    self.count["end of life"] += 1
                    link.cut()

    async def _happen(self, market: Market) -> None:
        if self._rng.random() < 0.4:
            frames = self.dialect.trade(market, market.trade(self._clock()))
        else:
            frames = self.dialect.change(market, market.change(self._clock()))
        for link in list(self.links):
            for topic, frame in frames:
                if topic in link.wanted:
                    await self._tell(link, topic, frame)

    async def _tell(self, link: Link, topic: Topic, frame: str) -> None:
        if link.beats_only:
            return
        exempt = self.dialect.lossless_books and topic[0].startswith("level2")
        mangled = link.mangled if self._now_s() < link.mangled_until_s and not exempt else {}
        for kind, share in mangled.items():
            if self._rng.random() >= share:
                continue
            self.count[f"{kind} messages"] += 1
            if kind == "dropped":
                return
            if kind == "doubled":
                await link.send(frame)
            elif link.held is None:
                link.held = self._now_s(), topic, frame
                return
        await link.send(frame)
        if link.held is not None and link.held[1] == topic:
            await self._release(link)

    async def _release(self, link: Link) -> None:
        if link.held is not None:
            (_, _, frame), link.held = link.held, None
            await link.send(frame)

    async def _strike(self, fault: Fault) -> None:
        self.count[fault.kind] += 1
        now_s = self._now_s()
        kind, amount = fault.kind, fault.amount
        if kind == "busy":
            self._busy_until_s = now_s + amount
            self._cut()
        elif kind == "rest busy":
            self._rest_busy_until_s = now_s + amount
        elif kind == "rest down":
            self._rest_down_until_s = now_s + amount
        elif kind == "slammed":
            self._slams = int(amount)
            self._cut()
        elif kind == "cut":
            self._cut()
            for _ in range(int(amount) * 20):  # what happens while nobody is connected
                market = self._rng.choice(list(self.dialect.markets.values()))
                market.trade(self._clock()) if self._rng.random() < 0.5 else market.change(self._clock())
                self.dialect.change(market, market.change(self._clock()))
        elif kind == "cut at once":
            self._cut()
        elif kind == "burst":
            for _ in range(300):
                await self._happen(self._rng.choice(list(self.dialect.markets.values())))
        elif kind == "shutdown":
            for link in list(self.links):
                await link.send(*self.dialect.farewell())
                asyncio.get_running_loop().call_later(_SHUTDOWN_S, link.cut)
        else:
            await self._strike_link(kind, amount)

    async def _strike_link(self, kind: str, amount: float) -> None:
        for link in list(self.links):
            if kind == "silent":
                link.silent = True
            elif kind == "beats":
                link.beats_only = True
            elif kind == "snapshot":
                await link.send(*self.dialect.snapshots(link.wanted))
            elif kind == "garbage":
                await link.send(*GARBAGE)
                if not link.silent and not link.socket.closed:
                    await link.socket.send_bytes(b"\xff\xfe\x00")
            elif kind == "bomb":
                if link.request.transport is not None:
                    link.request.transport.write(bomb())
            else:
                link.mangled = {kind: amount}
                link.mangled_until_s = self._now_s() + _MANGLED_S

    def _cut(self) -> None:
        for link in list(self.links):
            link.cut()

    async def _rest(self, request: web.Request) -> web.Response:
        now_s = self._now_s()
        self.requests.append(now_s)
        if now_s < self._rest_busy_until_s:
            wait_s = math.ceil(self._rest_busy_until_s - now_s)
            self.rest_refused.append((now_s, now_s + wait_s))
            return web.Response(status=429, headers={"Retry-After": str(wait_s)})
        if now_s < self._rest_down_until_s:
            return web.Response(status=503, text="maintenance")
        status, body = self.dialect.rest(request.path, dict(request.query))
        await asyncio.sleep(self._rng.uniform(0.005, 0.08))
        return web.Response(status=status, text=body, content_type="application/json")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        now_s = self._now_s()
        self.handshakes.append(now_s)
        if now_s < self._busy_until_s:
            wait_s = math.ceil(self._busy_until_s - now_s)
            self.refused.append((now_s, now_s + wait_s))
            return web.Response(status=429, headers={"Retry-After": str(wait_s)})
        socket = web.WebSocketResponse(compress=True, autoping=False)
        await socket.prepare(request)
        if self._slams > 0:
            self._slams -= 1
            await socket.close()
            return socket
        socket._writer.compress = 0  # plain frames; that it may compress is agreed on all the same
        link = Link(socket, request, now_s)
        link.wanted = self.dialect.topics_of(request.query_string) if request.query_string else set()
        self.links.append(link)
        self.most_links = max(self.most_links, len(self.links))
        try:
            await link.send(*self.dialect.greeting())
            async for message in socket:
                if message.type is WSMsgType.PING and not link.silent:
                    await socket.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    await link.send(*self.dialect.answers(message.data, link.wanted))
        except (ConnectionError, RuntimeError):
            pass  # one of both has hung up
        finally:
            self.links.remove(link)
        return socket
