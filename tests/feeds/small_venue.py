"""A venue of a few lines on this machine: a test says what its socket and its REST answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSMsgType, web


class Line:
    """The venue's end of one connection."""

    def __init__(self, socket: web.WebSocketResponse, number: int, received: list[str]) -> None:
        self.number = number
        """1 is the first."""
        self._socket = socket
        self._received = received

    async def tell(self, *frames: str) -> None:
        for frame in frames:
            await self._socket.send_str(frame)

    async def tell_binary(self, frame: str) -> None:
        await self._socket.send_bytes(frame.encode())

    async def hear(self, of: str = "") -> Any:
        """The client's next frame with ``of`` in it, as text or decoded; other ones are noted only."""
        while True:
            message = await self._socket.receive()
            if message.type is not WSMsgType.TEXT:
                raise ConnectionError("the client hung up")
            self._received.append(message.data)
            if of in message.data:
                return json.loads(message.data) if message.data.startswith("{") else message.data

    async def cut(self) -> None:
        """Without a closing handshake."""
        await asyncio.sleep(0.02)  # what was sent reaches the client
        transport = self._socket._req.transport if self._socket._req is not None else None
        if transport is not None:
            transport.abort()


Talk = Callable[[Line], Awaitable[None]]
Answer = Callable[[str, dict[str, str]], str]
"""The body for a path and its query; KeyError: there is nothing."""


class SmallVenue:
    """Use as an async context manager. When ``talk`` returns the line stays open, and silent."""

    def __init__(self, talk: Talk, answer: Answer, *, path: str = "/ws") -> None:
        self.received: list[str] = []
        self.requests: list[web.Request] = []
        self.connections = self.open = self.most_open = 0
        self._talk = talk
        self._answer = answer
        self._path = path

    async def __aenter__(self) -> SmallVenue:
        app = web.Application()
        app.router.add_get(self._path, self._socket)
        app.router.add_get("/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{self._path}"

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _rest(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        try:
            body = self._answer(request.path, dict(request.query))
        except KeyError:
            return web.Response(status=404, text="{}")
        return web.Response(text=body, content_type="application/json")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await self._talk(Line(socket, self.connections, self.received))
            while not socket.closed:
                await socket.receive()
        except (ConnectionError, RuntimeError):
            pass  # the client, or the test, has hung up
        finally:
            self.open -= 1
        return socket
