"""A loopback HTTP server whose answers are given, with the faults that real ones have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def hang(request: web.Request) -> web.StreamResponse:
    """Never answers; ends with its client or its server."""
    await asyncio.Event().wait()
    raise AssertionError


async def cut(request: web.Request) -> web.StreamResponse:
    """Promises more than it sends."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"half":')
    assert request.transport is not None
    request.transport.close()
    return response


def says(body: str | bytes, status: int = 200, **headers: str) -> Handler:
    """Always the same answer; ``Retry_After="1"`` is a header."""

    async def answer(request: web.Request) -> web.StreamResponse:
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(
            body=raw, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return answer


@dataclass
class LoopbackServer:
    """``answers``: path -> handlers, in turn; the last one stays."""

    answers: dict[str, list[Handler]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    in_flight: int = 0
    most_in_flight: int = 0
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self.headers.append(dict(request.headers))
        self.bodies.append(await request.read())
        handlers = self.answers.get(request.path)
        if handlers is None:
            return web.Response(status=404, text="no such path")
        handler = handlers.pop(0) if len(handlers) > 1 else handlers[0]
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await handler(request)
        finally:
            self.in_flight -= 1


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for something to come true; TimeoutError when it does not."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)
