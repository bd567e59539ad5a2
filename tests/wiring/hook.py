"""A server that a desk calls, on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web

TIMEOUT_S = 5.0


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not holds():
            await asyncio.sleep(0.005)


class Hook:
    """A server that answers with ``answers`` in turn, the last of them from then on."""

    def __init__(self) -> None:
        self.answers: list[int | str] = [200]
        self.calls: list[tuple[dict[str, str], Any]] = []
        self.hanging = asyncio.Event()
        self.url = ""
        self.elsewhere = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((dict(request.headers), await request.json()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        match answer:
            case "hang":
                await self.hanging.wait()
                return web.Response()
            case "elsewhere":
                return web.Response(status=307, headers={"Location": self.elsewhere})
            case "around":
                return web.Response(status=308, headers={"Location": "/again"})
            case "endless":
                response = web.StreamResponse()
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):
                    while not self.hanging.is_set():
                        await response.write(b"x" * 65536)
                return response
            case "cut":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case _:
                return web.Response(status=int(answer))


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Hook]:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/{tail:.*}", hook.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield hook
    finally:
        hook.hanging.set()
        await runner.cleanup()
