"""A desk elsewhere on a slow line: a frame takes as long as its bytes do, and a cut line is told."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Coroutine

import aiohttp
import pytest
from aiohttp import web

from console import link as link_module
from console.engine_at import EngineAt
from console.link_protocol import LinkState
from engine.api.hub import encode
from tests.api.conftest import FakeDesk
from tests.console.test_link import connected

Told = Callable[[web.WebSocketResponse, asyncio.Transport], Coroutine[None, None, None]]


@contextlib.asynccontextmanager
async def desk_elsewhere(told: Told) -> AsyncIterator[EngineAt]:
    async def serve(request: web.Request) -> web.WebSocketResponse:
        stream = web.WebSocketResponse(autoping=False)
        await stream.prepare(request)
        assert request.transport is not None
        await told(stream, request.transport)
        return stream

    app = web.Application()
    app.router.add_get("/v1/stream", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield EngineAt(f"http://127.0.0.1:{runner.addresses[0][1]}", aiohttp.TCPConnector, remote=True)
    await runner.cleanup()


async def test_a_frame_that_comes_slowly_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # A desk's first frame needs more than five seconds of a slow line: it was begun again and again.
    monkeypatch.setattr(link_module, "SILENCE_S", 0.2)
    monkeypatch.setattr(link_module, "REMOTE_SILENCE_S", 0.4)
    frame = encode(FakeDesk().frame)
    bytes_of = struct.pack("!BBQ", 0x82, 127, len(frame)) + frame

    async def dripped(stream: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        piece = len(bytes_of) // 12 + 1
        for start in range(0, len(bytes_of), piece):
            transport.write(bytes_of[start : start + piece])
            await asyncio.sleep(0.1)
        await asyncio.sleep(60)

    async with desk_elsewhere(dripped) as at, connected(at) as client:
        await client.until(lambda: client.full_frames == 1)
        assert [state for state, _ in client.states] == [LinkState.CONNECTING, LinkState.UP]


async def test_a_line_that_brings_nothing_is_told_as_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "REMOTE_SILENCE_S", 0.2)

    async def silent(stream: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        await asyncio.sleep(60)

    async with desk_elsewhere(silent) as at, connected(at) as client:
        await client.until(lambda: client.state is LinkState.LOST)
        assert client.states[-1][1] == "nothing from the engine for 0 s"
