"""A local server that plays captured market data as Binance, Coinbase Exchange and Kraken v2 would.

It checks the subscription, acknowledges it, streams the captured frames byte for byte to whom subscribed
them, and answers REST (instruments, recent and older trades, top of book) from the same capture: REST knows
exactly what has happened up to the current frame. A ``Script`` makes it misbehave.

    async with VenueServer("binance", frames_of(capture, limit=5000)) as server:
        config = FeedConfig(symbols=("BTCUSDT",), ws_url=server.ws_url, rest_url=server.rest_url)

Two liberties: the Kraken capture with v2 books holds no trades, so ``kraken_frames`` re-writes the real
trades of the v1 capture of the same session into v2 trade frames, with ids counted from 1000; and books are
played at the depth they were captured at, whatever depth was asked for (the acknowledgement says so).
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.venue_protocols import PROTOCOLS, Protocol

GARBAGE = ("{", "not json at all", '{"stream":"btcusdt@trade","data":{"e":"trade"}}', "[1,2,3]", '"\\ud800"')


@dataclass
class Frame:
    """A captured frame: when it came (ns) and its exact text."""

    ns: int
    raw: str


@dataclass
class Script:
    """What goes wrong. Positions count frames of the capture, from 1: "after the N-th frame"."""

    cut_after: dict[int, int] = field(default_factory=dict)
    """position -> frames that happen while the line is down: REST knows them, the socket never sends them."""
    silent_after: int = 0
    """From here on the first socket that gets there stays open and sends no data (0: never)."""
    beats_while_silent: bool = False
    deaf: bool = False
    """No ping is answered, as by a peer that is gone."""
    garbage_after: frozenset[int] = frozenset()
    """Where every kind of garbage is sent."""
    corrupt_at: frozenset[int] = frozenset()
    """Frames whose checksum is changed."""
    refusals: list[tuple[int, str]] = field(default_factory=list)
    """(HTTP status, Retry-After) of the next handshakes, one each."""
    away: bool = False
    """Every handshake is refused, for as long as this is true."""
    rest_away: bool = False
    """REST answers 503."""
    rest_hangs: bool = False
    """REST takes requests, and does not answer for as long as this is true."""
    no_history: bool = False
    """REST cannot tell older trades."""


class VenueServer:
    """Use as an async context manager. ``speed`` paces the frames at so many times real time; 0: no pause."""

    def __init__(
        self,
        venue: str,
        frames: Sequence[Frame],
        *,
        instruments: str = "",
        script: Script | None = None,
        speed: float = 0.0,
    ) -> None:
        self.frames = list(frames)
        self.script = script or Script()
        self.protocol: Protocol = PROTOCOLS[venue](instruments)
        self.position = 0
        """Frames of the capture that have happened."""
        self.connections = 0
        self.handshakes: list[float] = []
        """Loop times at which a socket was asked for."""
        self.subscriptions: list[str] = []
        """What clients subscribed by: the query of the URL, or their frames."""
        self.rest_paths: list[str] = []
        self.finished = asyncio.Event()
        """Every frame has happened."""
        self._speed = speed
        self._hushed = False
        self._sockets: set[web.WebSocketResponse] = set()

    async def __aenter__(self) -> VenueServer:
        app = web.Application()
        app.router.add_get(self.protocol.ws_path, self._socket)
        app.router.add_get("/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert self._runner.addresses
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for socket in list(self._sockets):
            _abort(socket)
        await self._runner.cleanup()

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{self.protocol.ws_base}"

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def advance(self, frames: int) -> None:
        """Let ``frames`` happen without sending them."""
        for frame in self.frames[self.position : self.position + frames]:
            self.protocol.happen(frame.raw)
            self.position += 1
        if self.position >= len(self.frames):
            self.finished.set()

    def hang_up(self) -> None:
        """Cut all lines, without a closing handshake."""
        for socket in list(self._sockets):
            _abort(socket)

    async def _rest(self, request: web.Request) -> web.Response:
        self.rest_paths.append(request.path_qs)
        while self.script.rest_hangs:
            await asyncio.sleep(0.01)
        if self.script.rest_away:
            return web.Response(status=503, text="maintenance")
        status, body = self.protocol.rest(request.path, dict(request.query), not self.script.no_history)
        return web.Response(status=status, text=body, content_type="application/json")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.handshakes.append(asyncio.get_running_loop().time())
        if self.script.away:
            return web.Response(status=503)
        if self.script.refusals:
            status, retry_after = self.script.refusals.pop(0)
            return web.Response(status=status, headers={"Retry-After": retry_after} if retry_after else {})
        subscribed = self.protocol.subscribed_by_url(request.query_string)
        if subscribed is None:
            return web.Response(status=400, text="no such stream")
        # Compressing a long frame would let others overtake it.
        socket = web.WebSocketResponse(compress=False, autoping=not self.script.deaf)
        await socket.prepare(request)
        self.connections += 1
        if self.connections == 1:
            self._start_s = asyncio.get_running_loop().time()
        self._sockets.add(socket)
        wanted: set[tuple[str, str]] = set(subscribed)
        if subscribed:
            self.subscriptions.append(request.query_string)
        for hello in self.protocol.greeting():
            await socket.send_str(hello)
        listener = asyncio.create_task(self._listen(socket, wanted))
        try:
            while len({channel for channel, _ in wanted}) < self.protocol.channels and not socket.closed:
                await asyncio.sleep(0.002)
            await self._stream(socket, wanted)
            await listener
        except (ConnectionError, RuntimeError):
            pass  # the client, or the script, has hung up
        finally:
            listener.cancel()
            self._sockets.discard(socket)
        return socket

    async def _listen(self, socket: web.WebSocketResponse, wanted: set[tuple[str, str]]) -> None:
        """Subscriptions by message: answer them, and note what is wanted from now on."""
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.subscriptions.append(message.data)
                for answer in self.protocol.subscribe(message.data, wanted):
                    await socket.send_str(answer)

    async def _stream(self, socket: web.WebSocketResponse, wanted: set[tuple[str, str]]) -> None:
        while self.position < len(self.frames) and not socket.closed:
            frame = self.frames[self.position]
            await self._pause(frame)
            if socket.closed:
                return
            self.advance(1)
            text = frame.raw
            if self.position in self.script.corrupt_at:
                text = self.protocol.corrupted(text)
            if wanted & self.protocol.topics(frame.raw):
                await socket.send_str(text)
            if self.position in self.script.garbage_after:
                for garbage in GARBAGE:
                    await socket.send_str(garbage)
                await socket.send_bytes(b"\xff\xfe\x00")
            if self.position in self.script.cut_after:
                lost = self.script.cut_after.pop(self.position)
                await asyncio.sleep(0.02)  # what was sent reaches the client
                self.advance(lost)
                _abort(socket)
                return
            if self.script.silent_after and self.position >= self.script.silent_after and not self._hushed:
                self._hushed = True
                while not socket.closed:
                    if self.script.beats_while_silent:
                        await socket.send_str(self.protocol.heartbeat())
                    await asyncio.sleep(0.02)
                return

    async def _pause(self, frame: Frame) -> None:
        if self._speed > 0:
            due_s = self._start_s + (frame.ns - self.frames[0].ns) / 1e9 / self._speed
            wait_s = due_s - asyncio.get_running_loop().time()
            if wait_s > 0.001:
                await asyncio.sleep(wait_s)
        elif self.position % 64 == 0:
            await asyncio.sleep(0)


def _abort(socket: web.WebSocketResponse) -> None:
    request = getattr(socket, "_req", None)
    if request is not None and request.transport is not None:
        request.transport.abort()


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") as lines:
        yield from map(json.loads, lines)


def frames_of(path: Path, limit: int | None = None) -> list[Frame]:
    """The first ``limit`` socket frames of a capture."""
    rows = (Frame(row["t"] or 0, row["raw"]) for row in _rows(path) if row["ch"] == "ws")
    return list(islice(rows, limit))


def instruments_of(path: Path) -> str:
    """The instruments reply that a capture begins with; "" when it has none."""
    return next((row["raw"] for row in islice(_rows(path), 20) if row["ch"] == "http"), "")


def kraken_frames(books: Path, v1: Path) -> list[Frame]:
    """The v2 book capture with the trades of the v1 capture of the same session between them."""
    played = ('{"channel":"book"', '{"channel":"heartbeat"')
    frames = [frame for frame in frames_of(books) if frame.raw.startswith(played)]
    ids: dict[str, int] = {}
    for row in _rows(v1):
        if row["ch"] != "ws" or not row["raw"].startswith("["):
            continue
        _, data, channel, pair = json.loads(row["raw"])[:4]
        if channel == "trade":
            frames.append(Frame(row["t"], _v2_trades(pair, data, ids)))
    return sorted(frames, key=lambda frame: frame.ns)


def _v2_trades(pair: str, data: list[list[str]], ids: dict[str, int]) -> str:
    symbol = pair.replace("XBT", "BTC")
    prints = []
    for price, size, seconds, side, kind, _ in data:
        ids[symbol] = ids.get(symbol, 999) + 1
        whole, _, fraction = seconds.partition(".")
        stamp = f"{_iso(int(whole))}.{fraction}Z"
        taker, order = "buy" if side == "b" else "sell", "limit" if kind == "l" else "market"
        prints.append(
            f'{{"symbol":"{symbol}","side":"{taker}","price":{price},"qty":{size},"ord_type":"{order}",'
            f'"trade_id":{ids[symbol]},"timestamp":"{stamp}"}}'
        )
    return f'{{"channel":"trade","type":"update","data":[{",".join(prints)}]}}'


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
