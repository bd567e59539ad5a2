"""``picows`` behind the interface of ``transport``: https://picows.readthedocs.io.

It speaks frames: messages are put together here, and permessage-deflate (RFC 7692) is undone here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import zlib
from collections.abc import Sequence

from picows import WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from engine.feeds import transport
from engine.feeds.rest import retry_after_s
from engine.feeds.transport import CLOSE_S, OPEN_S, HandshakeError, Transport, TransportError, proxy_of, why
from engine.text import clean

_OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
_TAIL = b"\x00\x00\xff\xff"
"""What a sender cuts off each compressed message."""
_MOST_WAITING = 4096
"""Messages that nobody has received yet: beyond, the socket is not read."""
_PARTS = 1024
"""Frames of one message."""
_log = logging.getLogger("engine.feeds.picows")
_log.setLevel(logging.ERROR)  # it tells each connection; so does the feed, in its own words


async def open_picows(url: str) -> Transport:
    """See transport.Open."""
    socket = _Picows()
    try:
        await _open(socket, url)
    except BaseException:
        socket.abandon()
        raise
    return socket


async def _open(socket: _Picows, url: str) -> None:
    try:
        async with asyncio.timeout(OPEN_S):
            await ws_connect(
                lambda: socket,
                url,
                websocket_handshake_timeout=OPEN_S,
                logger_name=_log,
                max_frame_size=transport.MAX_MESSAGE,
                extra_headers=_OFFER,
                max_redirects=0,  # what is sent may be a key
                proxy=proxy_of(url),
            )
        socket.agree()
    except WSHandshakeError as error:
        if error.response is None or error.response.status == 101:
            raise TransportError(why(error)) from None
        wait_s = retry_after_s(error.response.headers.get("Retry-After"))
        raise HandshakeError(int(error.response.status), wait_s) from None
    except Exception as error:  # also what a proxy or a name that is none makes the library raise
        raise TransportError(why(error)) from error


class _Picows(WSListener):
    """Called from the event loop's reader. Nothing may be raised there: what is wrong ends the connection."""

    def __init__(self) -> None:
        self.pongs = 0
        self._transport: WSTransport
        self._connected = False
        self._waiting: list[bytes] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._compressed = False
        self._text: bytes | None = None
        self._inflate: zlib._Decompress | None = None
        self._forget = False
        """Each message is compressed by itself."""
        self._paused = False
        self._why = ""
        self._ended = False
        self._wake: asyncio.Future[None] | None = None
        self._drained = asyncio.Event()
        self._drained.set()

    def agree(self) -> None:
        """Read what the peer accepted of the offer. Raises ValueError when it was not offered."""
        accepted = self._transport.response.headers.get("Sec-WebSocket-Extensions", "")
        if self._inflate is None and accepted:
            self._transport.disconnect(False)
            raise ValueError(f"unknown extension {accepted[:60]}")

    def abandon(self) -> None:
        """Nobody waits for it any more. The library goes on with a handshake whose wait was canceled, until
        its own time limit."""
        self._ended = True
        if self._connected:
            self._transport.disconnect(False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._connected = True
        if self._ended:
            transport.disconnect(False)
            return
        accepted = transport.response.headers.get("Sec-WebSocket-Extensions", "")
        name, *parameters = [one.strip() for one in accepted.split(";")]
        if name == "permessage-deflate":
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            self._forget = "server_no_context_takeover" in parameters

    def on_ws_frame(self, _: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY:
            if frame.fin and not frame.rsv1 and not self._parts:
                self._add(frame.get_payload_as_bytes())
                return
            self._compressed = frame.rsv1
            self._part(frame, self._parts == [])
        elif kind is WSMsgType.CONTINUATION:
            self._part(frame, self._parts != [])
        elif kind is WSMsgType.PONG:
            self.pongs += 1
        elif kind is WSMsgType.CLOSE:
            code = int.from_bytes(frame.get_payload_as_bytes()[:2], "big")
            reason = clean(frame.get_close_reason() or "", 80)
            self._end(f"the other side closed it ({code}{f': {reason}' if reason else ''})")
            self._transport.send_close(frame.get_close_code())
            self._transport.disconnect()

    def _part(self, frame: WSFrame, expected: bool) -> None:
        if not expected:
            self._fail("a frame that continues nothing, or cuts a message")
            return
        self._parts.append(frame.get_payload_as_bytes())
        self._size += frame.payload_size
        if self._size > transport.MAX_MESSAGE or len(self._parts) > _PARTS:
            self._fail("a message that is too long")
        elif frame.fin:
            raw = b"".join(self._parts)
            self._parts, self._size = [], 0
            if self._compressed:
                self._decompress(raw)
            else:
                self._add(raw)

    def _decompress(self, raw: bytes) -> None:
        if self._inflate is None:
            self._fail("a compressed message that was not agreed on")
            return
        try:
            text = self._inflate.decompress(raw + _TAIL, transport.MAX_MESSAGE + 1)
        except zlib.error:
            self._fail("a compressed message that is none")
            return
        if len(text) > transport.MAX_MESSAGE or self._inflate.unconsumed_tail:
            self._fail("a message that is too long")
            return
        if self._forget:
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._add(text)

    def _add(self, message: bytes) -> None:
        if self._ended:
            return
        self._waiting.append(message)
        if len(self._waiting) > _MOST_WAITING and not self._paused:
            self._paused = True
            self._transport.underlying_transport.pause_reading()
        self._awake()

    def _fail(self, reason: str) -> None:
        self._end(f"the venue sent {reason}")
        self._transport.disconnect(False)

    def _end(self, reason: str) -> None:
        self._why = self._why or reason
        self._ended = True
        self._parts = []
        self._awake()

    def on_ws_disconnected(self, _: WSTransport) -> None:
        self._end("it was cut")
        self._drained.set()

    def _awake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    async def receive(self) -> Sequence[bytes]:
        while not self._waiting:
            if self._ended:
                raise TransportError(self._why)
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        messages, self._waiting = self._waiting, []
        if self._paused and not self._ended:
            self._paused = False
            self._transport.underlying_transport.resume_reading()
        return messages

    async def send(self, text: str) -> None:
        if self._ended:
            raise TransportError(self._why)
        self._transport.send(WSMsgType.TEXT, text.encode())
        await self._drained.wait()

    async def ping(self) -> None:
        if self._ended:
            raise TransportError(self._why)
        self._transport.send_ping(b"")

    async def close(self) -> None:
        with contextlib.suppress(Exception):  # why it ended is told by ``receive``
            if not self._ended:
                self._transport.send_close()
            async with asyncio.timeout(CLOSE_S):
                await self._transport.wait_disconnected()
        self._transport.disconnect(False)

    def abort(self) -> None:
        self._end("aborted")
        self._transport.disconnect(False)
