"""Streams that the engine serves itself, passed on frame by frame: of consoles, which take a seat there, and
the market of one symbol, which another client watches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

import aiohttp
import msgspec
from aiohttp import WSCloseCode, WSMsgType, web
from yarl import URL

from engine.api.asked_by import HEADER as ASKED_BY
from engine.api.control_protocol import Console, parse
from engine.api.farewell import Farewell
from engine.api.last_words import receive
from engine.api.market_protocol import Watch
from engine.gateway import wire
from engine.gateway.engine_lines import EngineLines, target
from engine.gateway.fanout import Sink
from engine.gateway.refusal import Refused, away
from engine.gateway.tokens import Token

log = logging.getLogger("engine.gateway")

SEND_S = 10.0
"""A console that takes nothing for so long is dropped."""
SILENCE_S = 5.0
"""As a console: an engine that says nothing for so long hangs."""
CLOSE_S = 0.5
HEARTBEAT_S = 15.0
MOST_MESSAGE = 4_096
"""Bytes of what a client says."""
_MARKET = b'{"type":"market"'
_LOOK_S = 0.05


def console_of(text: str, token: Token) -> Console:
    """A console as the engine is told of it: its label begins with the token's name, so that nobody goes by
    another's; with a token that only reads it is read-only. Raises Refused."""
    try:
        console = parse(text)
        named = parse(f"{console.id} {console.access} {token.name}:{console.label}")
    except ValueError as error:
        raise Refused(400, "HTTP_400", f"console: {error}") from None
    return named if token.may("trade") else msgspec.structs.replace(named, access="read-only")


class Direct:
    """At most ``most`` such streams at once; who may trade is kept out by nobody who may only read."""

    def __init__(self, lines: EngineLines, most: int) -> None:
        self._lines = lines
        self._most = most
        self._open: dict[Sink, Token] = {}

    def end_unknown(self, holds: Callable[[Token], bool]) -> None:
        """Cut those off whose token counts no more."""
        for sink, token in list(self._open.items()):
            if not holds(token):
                sink.abort()

    @contextlib.contextmanager
    def _one_more(self, sink: Sink | None, token: Token) -> Iterator[None]:
        if sink is None:
            raise away()
        if len(self._open) >= self._most and not self._makes_room(token):
            text = f"{len(self._open)} consoles are open already: close one, or see api.max_consoles"
            raise Refused(503, "TOO_MANY", text, retry_s=5)
        self._open[sink] = token
        try:
            yield
        finally:
            self._open.pop(sink, None)

    def _makes_room(self, token: Token) -> bool:
        """For who may trade, by cutting off the first of those who may not."""
        readers = (sink for sink, other in self._open.items() if not other.may("trade"))
        reader = next(readers, None) if token.may("trade") else None
        if reader is None:
            return False
        log.warning("a stream of %s makes room for one of %s", self._open.pop(reader).name, token.name)
        reader.abort()
        return True

    async def console(
        self,
        request: web.BaseRequest,
        stream: web.WebSocketResponse,
        token: Token,
        console: Console,
        query: dict[str, str],
        asked_by: str,
    ) -> web.WebSocketResponse:
        """Serve a console's stream until either side ends it. Raises Refused."""
        url = target("/v1/stream", "").with_query({**query, "console": console.text})
        with self._one_more(request.transport, token):
            upstream = await self._connect(url, {ASKED_BY: asked_by}, autoping=False)
            try:
                await stream.prepare(request)
                asked = _Asked()
                told = asyncio.create_task(_pass_on(upstream, stream, request.transport, asked))
                farewell = Farewell(stream)
                try:
                    async for message in farewell.messages():
                        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                            await upstream.send_bytes(_bytes(message.data))
                        elif message.type is WSMsgType.PING:
                            await _answer(stream, message.data)
                        elif message.type is WSMsgType.PONG and asked.answered(message.data):
                            await _answer(upstream, message.data)
                except ConnectionError as error:
                    log.debug("a console's stream ends: %s", error)
                finally:
                    told.cancel()
                    await asyncio.wait([told])
                # Whoever leaves says so; of others the line was cut, and the seat is kept.
                if farewell.left:
                    await upstream.close(code=WSCloseCode.GOING_AWAY)
                return stream
            finally:
                # Without a word: a line that is cut.
                if not upstream.closed:
                    await upstream.close(code=WSCloseCode.INTERNAL_ERROR)

    async def market(
        self,
        sink: Sink,
        token: Token,
        watch: Watching,
        ready: Callable[[], bool],
        tell: Callable[[bytes], None],
    ) -> None:
        """``tell`` the client the market that ``watch`` tells, whenever it is ``ready``, until cancelled, or
        the engine ends it. Raises Refused."""
        with self._one_more(sink, token):
            upstream = await self._connect(target("/v1/stream", "topics=market,status"), {})
            telling = asyncio.create_task(_tell(upstream, watch))
            try:
                while True:
                    message = await receive(upstream, SILENCE_S)
                    if message.type is not WSMsgType.BINARY:
                        return
                    if not message.data.startswith(_MARKET):
                        continue
                    # What is not read here the engine conflates.
                    while not ready() and not sink.is_closing():
                        await asyncio.sleep(_LOOK_S)
                    tell(wire.binary(message.data))
            except TimeoutError:
                raise away() from None
            finally:
                telling.cancel()
                await asyncio.wait([telling])
                await upstream.close()

    async def _connect(
        self, url: URL, headers: dict[str, str], *, autoping: bool = True
    ) -> aiohttp.ClientWebSocketResponse:
        try:
            return await self._lines.session().ws_connect(
                url,
                headers=headers,
                autoping=autoping,
                max_msg_size=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
            )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 409:
                text = "another console goes by this one's id: start this one again"
                raise Refused(409, "ControlError", text) from None
            raise Refused(
                error.status if error.status < 500 else 503, f"HTTP_{error.status}", "the engine refuses it"
            ) from None
        except (aiohttp.ClientError, OSError):
            raise away() from None


class Watching:
    """What a client watches; it may watch another symbol at any time."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.changed = asyncio.Event()

    def change(self, watch: Watch) -> None:
        self.watch = watch
        self.changed.set()


async def _tell(upstream: aiohttp.ClientWebSocketResponse, watching: Watching) -> None:
    while not upstream.closed:
        watching.changed.clear()
        await upstream.send_bytes(msgspec.json.encode(watching.watch))
        await watching.changed.wait()


class _Asked:
    """What the engine asks of a console, and waits for: whether what it sent has arrived there."""

    def __init__(self) -> None:
        self._mark: bytes | None = None
        self._answered_s = float("-inf")

    def ask(self, mark: bytes) -> None:
        self._mark = mark

    def answered(self, mark: bytes) -> bool:
        if self._mark != mark:
            return False
        self._mark, self._answered_s = None, asyncio.get_running_loop().time()
        return True

    def excuses_silence(self) -> bool:
        """The engine says no more while it waits, and had little time since."""
        return self._mark is not None or asyncio.get_running_loop().time() - self._answered_s < SILENCE_S


async def _answer(other: aiohttp.ClientWebSocketResponse | web.WebSocketResponse, mark: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # how it ended is read yet
        await other.pong(mark)


async def _next(upstream: aiohttp.ClientWebSocketResponse, asked: _Asked) -> aiohttp.WSMessage:
    """Raises TimeoutError for an engine that hangs."""
    while True:
        try:
            return await upstream.receive(timeout=SILENCE_S)
        except TimeoutError:
            if not asked.excuses_silence():
                raise


async def _pass_on(
    upstream: aiohttp.ClientWebSocketResponse,
    stream: web.WebSocketResponse,
    transport: asyncio.Transport | None,
    asked: _Asked,
) -> None:
    """What the engine says, until it ends, or the console takes nothing any more."""
    try:
        while True:
            message = await _next(upstream, asked)
            if message.type is WSMsgType.PING:
                if message.data:
                    asked.ask(bytes(message.data))
                    await stream.ping(message.data)
                else:  # whether we are there
                    await _answer(upstream, message.data)
                continue
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                break
            async with asyncio.timeout(SEND_S):
                await stream.send_bytes(_bytes(message.data))
        reason = b"the desk begins anew" if upstream.close_code == WSCloseCode.SERVICE_RESTART else b""
        async with asyncio.timeout(CLOSE_S):
            await stream.close(code=upstream.close_code or WSCloseCode.GOING_AWAY, message=reason)
    except (TimeoutError, ConnectionError, RuntimeError) as error:
        log.debug("a console's stream ends: %s", error)
        if transport is not None:
            transport.abort()


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data
