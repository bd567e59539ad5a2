"""The stream of order updates: what does not answer is left, and nobody else is told the keys."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.alpaca_keys import Keys
from engine.execution.alpaca.updates import LineError, Updates

PATH = "/stream"


def served(handler: Any) -> TestServer:
    application = web.Application()
    application.router.add_get(PATH, handler)
    return TestServer(application)


async def listen(url: str) -> str:
    """What the line ends with."""
    async with asyncio.timeout(5):
        with pytest.raises(LineError) as told:
            await Updates(url, Keys("key", "hidden"), 0.1).listen(lambda frame: None, lambda: None)
    assert "hidden" not in str(told.value)
    return str(told.value)


async def test_a_host_that_takes_the_connection_and_says_nothing_is_left() -> None:
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        ended.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "TimeoutError" in await listen(f"ws://127.0.0.1:{port}{PATH}")
        async with asyncio.timeout(5):
            await ended.wait()


async def test_a_host_that_talks_of_other_things_only_is_left() -> None:
    async def chatty(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        while not socket.closed:
            await socket.send_bytes(json.dumps({"stream": "news", "data": {}}).encode())
            await asyncio.sleep(0.01)
        return socket

    async with served(chatty) as server:
        assert "TimeoutError" in await listen(str(server.make_url(PATH)).replace("http", "ws", 1))


async def test_the_keys_do_not_follow_a_redirect() -> None:
    heard: list[object] = []

    async def listener(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        heard.append((await socket.receive()).data)
        return socket

    async with served(listener) as elsewhere:

        async def redirecting(request: web.Request) -> web.StreamResponse:
            raise web.HTTPTemporaryRedirect(str(elsewhere.make_url(PATH)))

        async with served(redirecting) as server:
            said = await listen(str(server.make_url(PATH)).replace("http", "ws", 1))
    assert "elsewhere" in said and heard == []
