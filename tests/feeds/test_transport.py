"""The same promises by both socket libraries, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

import pytest
from aiohttp import WSMsgType, web
from websockets.utils import accept_key

from engine.errors import ConfigError
from engine.feeds import transport as transport_module
from engine.feeds.transport import MAX_MESSAGE, HandshakeError, Open, Transport, TransportError, transport

Play = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]
Name = Literal["websockets", "picows"]
_KEY = b"sec-websocket-key:"
_ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)


@pytest.fixture(params=["websockets", "picows"])
def opened(request: pytest.FixtureRequest) -> Open:
    if request.param == "picows":
        pytest.importorskip("picows", reason="the extra tickdesk[fast] is not installed")
    return transport(request.param, "feeds.x.transport")


@contextlib.asynccontextmanager
async def peer(play: Play, *, compress: bool = True) -> AsyncIterator[str]:
    """The URL of a server that plays its part on each connection."""

    async def accept(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=compress, autoping=False, autoclose=True)
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            await play(socket, request)
        return socket

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "7"})

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"ws://localhost:{request.url.port}/ws")

    app = web.Application()
    app.router.add_get("/moved", moved)
    app.router.add_get("/ws", accept)
    app.router.add_get("/refused", refuse)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
    finally:
        await runner.cleanup()


async def received(socket: Transport, count: int) -> list[bytes]:
    messages: list[bytes] = []
    async with asyncio.timeout(10):
        while len(messages) < count:
            messages += await socket.receive()
    return messages


async def ended(socket: Transport) -> str:
    """Why it did."""
    async with asyncio.timeout(10):
        with pytest.raises(TransportError) as caught:
            while True:
                await socket.receive()
    return str(caught.value)


async def test_what_may_be_sent_keys_is_not_led_elsewhere(opened: Open) -> None:
    reached: list[str] = []

    async def play(socket: web.WebSocketResponse, request: web.Request) -> None:
        reached.append(request.path)

    async with peer(play) as url:
        with pytest.raises(HandshakeError, match="HTTP 302"):
            await opened(url.removesuffix("/ws") + "/moved")
    assert not reached


@pytest.mark.parametrize("compress", [True, False])
async def test_messages_come_whole_and_in_order(opened: Open, compress: bool) -> None:
    texts = [str(n) * (n % 700 + 1) for n in range(500)] + ["x" * (2 << 20), "é", ""]

    async def play(socket: web.WebSocketResponse, _: web.Request) -> None:
        for text in texts[:-2]:
            await socket.send_str(text)
        await socket.send_bytes(texts[-2].encode())
        await socket.send_str(texts[-1])
        await socket.receive()

    async with peer(play, compress=compress) as url:
        socket = await opened(url)
        assert await received(socket, len(texts)) == [text.encode() for text in texts]
        await socket.close()
        await ended(socket)


async def test_what_is_sent_arrives_and_pings_are_counted_and_answered(opened: Open) -> None:
    heard: list[Any] = []
    done = asyncio.Event()

    async def play(socket: web.WebSocketResponse, _: web.Request) -> None:
        await socket.ping(b"there?")
        async for message in socket:
            if message.type is WSMsgType.PING:
                await socket.pong(message.data)
            heard.append((message.type, message.data))
            if len(heard) == 3:
                await socket.send_str("done")
                done.set()

    async with peer(play) as url:
        socket = await opened(url)
        await socket.send('{"op":"é"}')
        await socket.ping()
        assert await received(socket, 1) == [b"done"]
        assert done.is_set() and socket.pongs == 1
        assert (WSMsgType.TEXT, '{"op":"é"}') in heard
        assert [bytes(data) for kind, data in heard if kind is WSMsgType.PONG] == [b"there?"]
        await socket.close()


async def test_a_refusal_tells_its_status_and_when_to_come_back(opened: Open) -> None:
    async with peer(_hang) as url:
        with pytest.raises(HandshakeError) as caught:
            await opened(url.replace("/ws", "/refused"))
        assert (caught.value.status, caught.value.retry_after_s) == (429, 7.0)
        with pytest.raises(HandshakeError) as caught:
            await opened(url.replace("/ws", "/nowhere"))
        assert (caught.value.status, caught.value.retry_after_s) == (404, 0.0)
    with pytest.raises(TransportError) as refused:
        await opened(url)
    assert not isinstance(refused.value, HandshakeError) and str(refused.value)


async def _hang(socket: web.WebSocketResponse, _: web.Request) -> None:
    await socket.receive()


async def test_a_peer_that_hangs_up_ends_it_after_what_it_sent(opened: Open) -> None:
    async def close(socket: web.WebSocketResponse, _: web.Request) -> None:
        await socket.send_str("last")
        await socket.close(code=1001, message=b"going")

    async def cut(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.send_str("last")
        assert request.transport is not None
        request.transport.close()

    for play in (close, cut):
        async with peer(play) as url:
            socket = await opened(url)
            assert await received(socket, 1) == [b"last"]
            told = await ended(socket)
            assert ("1001" in told) == (play is close) and told and "received 1" not in told
            with pytest.raises(TransportError):
                await socket.send("too late")
            with pytest.raises(TransportError):
                await socket.ping()
            await socket.close()


async def test_an_abort_ends_it_at_once_though_the_peer_is_deaf(opened: Open) -> None:
    async with peer(_hang) as url:
        socket = await opened(url)
        waiting = asyncio.create_task(ended(socket))
        await asyncio.sleep(0)
        socket.abort()
        async with asyncio.timeout(1):
            await waiting
            await socket.close()


async def test_a_close_does_not_wait_for_a_peer_that_is_not_there(opened: Open) -> None:
    release = asyncio.Event()

    async def play(socket: web.WebSocketResponse, _: web.Request) -> None:
        await release.wait()

    async with peer(play) as url:
        socket = await opened(url)
        async with asyncio.timeout(2):
            await socket.close()
        await ended(socket)
        release.set()


def bomb(mebibytes: int) -> bytes:
    """A frame of zeros, compressed."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    chunk = bytes(1 << 20)
    body = b"".join(deflate.compress(chunk) for _ in range(mebibytes)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    body = body[:-4]
    return b"\xc2\x7f" + len(body).to_bytes(8, "big") + body


async def test_a_compressed_bomb_ends_the_connection_not_the_memory(opened: Open) -> None:
    frame = bomb(64)
    assert len(frame) < 1 << 20

    async def play(socket: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.write(frame)
        await socket.receive()

    async with peer(play) as url:
        socket = await opened(url)
        tracemalloc.start()
        try:
            told = await ended(socket)
            assert tracemalloc.get_traced_memory()[1] < 4 * MAX_MESSAGE
        finally:
            tracemalloc.stop()
        assert told
        await socket.close()


async def test_a_plain_message_or_its_parts_may_not_be_too_long_either(opened: Open) -> None:
    async def whole(_: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.write(b"\x82\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big") + bytes(1 << 16))
        await asyncio.sleep(0.1)

    async def parts(_: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        part = b"\x7f" + (4 << 20).to_bytes(8, "big") + bytes(4 << 20)
        for head in (b"\x02", b"\x00", b"\x00", b"\x00"):
            request.transport.write(head + part)
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)

    for play in (whole, parts):
        async with peer(play) as url:
            socket = await opened(url)
            assert await ended(socket)
            await socket.close()


async def test_fragments_are_put_together_with_pings_between_them(opened: Open) -> None:
    async def play(_: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        for part in (b"\x01\x02ab", b"\x89\x01?", b"\x00\x02cd", b"\x80\x01e", b"\x81\x01f"):
            request.transport.write(part)
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)

    async with peer(play) as url:
        socket = await opened(url)
        assert await received(socket, 2) == [b"abcde", b"f"]
        await socket.close()


async def test_a_burst_that_nobody_receives_yet_is_bounded_and_not_lost(opened: Open) -> None:
    count = 30_000

    async def play(socket: web.WebSocketResponse, _: web.Request) -> None:
        for n in range(count):
            await socket.send_str(f"{n:0500d}")
        await socket.receive()

    async with peer(play, compress=False) as url:
        socket = await opened(url)
        await asyncio.sleep(0.2)
        assert [int(one) for one in await received(socket, count)] == list(range(count))
        await socket.close()


def test_without_the_extra_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"feeds\.kraken\.transport.*tickdesk\[fast\]") as caught:
        transport("picows", "feeds.kraken.transport")
    assert "\n" not in str(caught.value)


async def test_who_gives_up_in_the_handshake_leaves_no_socket(opened: Open) -> None:
    served: set[asyncio.StreamWriter] = set()
    ended: list[bool] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(writer)
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            key = next(line[19:] for line in request.split(b"\r\n") if line[:18].lower() == _KEY)
            await asyncio.sleep(0.02)
            writer.write(_ANSWER + accept_key(key.strip().decode()).encode() + b"\r\n\r\n")
            while await reader.read(1024):
                pass
        except OSError:
            pass
        ended.append(True)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for wait_s in (0.005, 0.01, 0.015, 0.02, 0.021, 0.022):
        opening = asyncio.ensure_future(opened(url))
        await asyncio.sleep(wait_s)
        opening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await opening).close()
    async with asyncio.timeout(5):
        while len(ended) < len(served):
            await asyncio.sleep(0.01)
    assert served
    server.close()
