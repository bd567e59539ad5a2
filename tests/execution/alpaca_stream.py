"""The stream of ``trade_updates`` as Alpaca sends it, and the faults of a local server of its format."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiohttp import WSMsgType, web

KEY, SECRET = "PKTESTKEY", "s3cr3t-of-the-test"
GARBAGE = (b"{", b"\xff\xfe", b"[]", b'{"stream":"trade_updates","data":{"event":"fill"}}', b"\x00" * 9)


@dataclass
class Faults:
    """What goes wrong with the next requests: kind of request -> faults, one each.

    ``hang``: done, but never answered. ``error_after``: done, then HTTP 500. ``cut_after``: done, then the
    line is cut. ``error``, ``cut``: the same, and not done. ``limit``: 429. ``garbage``: done, an answer that
    cannot be read. A number: that HTTP status, not done. ``slow``: done, answered late.
    """

    place: list[str] = field(default_factory=list)
    cancel: list[str] = field(default_factory=list)
    amend: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    chaos: random.Random | None = None
    """Draws faults for what has none, and for updates."""
    rate: float = 0.35
    deaf: bool = False
    """No update is sent, though the stream is open."""

    def next(self, kind: str) -> str:
        waiting: list[str] = getattr(self, kind)
        if waiting:
            return waiting.pop(0)
        if self.chaos is None or self.chaos.random() > self.rate:
            return ""
        menu = ["hang", "error_after", "cut_after", "error", "cut", "limit", "garbage", "slow"]
        return self.chaos.choice(menu)


class UpdateStream:
    """Tells whoever listens of updates; subclasses keep what they are of."""

    def __init__(self, seed: int) -> None:
        self.faults = Faults()
        self.refuse_keys = False
        self.logins: list[dict[str, Any]] = []
        self._rng = random.Random(seed)
        self._sockets: set[web.WebSocketResponse] = set()
        self._late: list[dict[str, Any]] = []
        self._outgoing: set[asyncio.Task[None]] = set()

    def tell(self, event: str, row: dict[str, Any], **more: Any) -> None:
        """An update to whoever listens; chaos repeats, delays, swaps and loses it."""
        stamp = now()
        data = {
            "at": stamp,
            "event_id": f"01{self._rng.getrandbits(120):030X}"[:26],
            "event": event,
            "timestamp": stamp,
            "order": json.loads(json.dumps(row)),
        }
        if event != "pending_new":
            data["execution_id"] = self._uuid()
        data |= more
        if self.faults.deaf:
            return
        chaos = self.faults.chaos
        luck = 1.0 if chaos is None else chaos.random()
        if luck < 0.08:
            return  # lost
        if luck < 0.2:
            self._late.append(data)
            return
        self.send(data)
        if luck < 0.35:
            self.send(data)
        if chaos is not None and self._late and chaos.random() < 0.5:
            self.send(self._late.pop(0))
        if luck > 0.97 and chaos is not None:
            self.raw(chaos.choice(GARBAGE))
            if chaos.random() < 0.5:
                self.hang_up()

    def send(self, data: dict[str, Any]) -> None:
        self.raw(json.dumps({"stream": "trade_updates", "data": data}).encode())

    def raw(self, frame: bytes) -> None:
        for socket in list(self._sockets):
            task = asyncio.get_running_loop().create_task(_send(socket, frame))
            self._outgoing.add(task)
            task.add_done_callback(self._outgoing.discard)

    def hang_up(self) -> None:
        """Cut the streams, without a closing handshake."""
        for socket in list(self._sockets):
            if (transport := socket._req and socket._req.transport) is not None:
                transport.abort()

    @property
    def listeners(self) -> int:
        return len(self._sockets)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        login = await socket.receive_json()
        self.logins.append(login)
        if (login.get("key"), login.get("secret")) != (KEY, SECRET) or self.refuse_keys:
            await _answer(socket, "authorization", {"action": "authenticate", "status": "unauthorized"})
            await socket.close()
            return socket
        await _answer(socket, "authorization", {"action": "authenticate", "status": "authorized"})
        listen = await socket.receive_json()
        streams = [s for s in listen["data"]["streams"] if s == "trade_updates"]
        await _answer(socket, "listening", {"streams": streams})
        self._sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self._sockets.discard(socket)
        return socket

    def _uuid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def _send(socket: web.WebSocketResponse, frame: bytes) -> None:
    try:
        await socket.send_bytes(frame)
    except ConnectionError:
        pass  # its client is gone


async def _answer(socket: web.WebSocketResponse, stream: str, data: dict[str, Any]) -> None:
    await socket.send_bytes(json.dumps({"stream": stream, "data": data}).encode())
