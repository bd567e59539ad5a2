"""Connections from outside, bounded: how many, how large what they say is, how long they may take."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import helpers, web

from engine.config.api import ApiConfig
from engine.gateway.door import source_of
from engine.gateway.refusal import Refused
from engine.text import clean

log = logging.getLogger("engine.gateway")

MOST_LINE = 4_096
"""Bytes of a request's first line, and of each header."""
LINGER_S = 1.0
"""How long what is left of a refused body is read, so that the refusal arrives."""
MOST_KNOWN, MOST_KNOWN_HEAD = 8, 1_024
"""Of each connection, requests that are known to the letter, and bytes of each."""
MOST_CHUNKS = 32
_MORE = (b"content-length", b"transfer-encoding", b"upgrade")
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Type: application/json\r\nContent-Length: 73\r\n\r\n"
    b'{"error":"too many connections: close some, or wait","code":"TOO_MANY"}\r\n'
)

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Ready:
    """An answer that is all written but for its date: most of what is asked again and again is."""

    __slots__ = ("content", "head")
    keep_alive = True

    def __init__(self, head: bytes, content: bytes) -> None:
        """``head``: up to, and without, the empty line."""
        self.head = head
        self.content = content

    def write(self, transport: asyncio.WriteTransport) -> None:
        date = helpers.rfc822_formatted_time().encode()
        transport.write(b"%b\r\nDate: %b\r\n\r\n%b" % (self.head, date, self.content))


class Connection(web.RequestHandler):
    """One connection, and whose it is.

    Most programs ask the same again and again on one connection, to the letter: that is read once. What is
    known of it afterwards answers by itself, so long as it is one whole request and none is at work.
    """

    __slots__ = (
        *("_chunks", "_in_step", "_known", "_told"),
        *("address", "again", "answer_s", "kind", "source", "token_id"),
    )

    def __init__(self, listener: Listener, *, answer_s: float, **options: Any) -> None:
        super().__init__(listener, **options)
        self.answer_s = answer_s
        self.address = self.source = ""
        self.token_id = ""
        self.kind = ""
        """Of the route of the request that is being answered."""
        self.again: Callable[[], Ready | None] | None = None
        """Of the request that is being answered: answers the same again; None where it is to be read anew."""
        self._known: dict[bytes, Callable[[], Ready | None]] = {}
        self._chunks: deque[bytes] = deque()
        """What came since the last request that was answered."""
        self._in_step = True
        """Each of them was one request so far, and nothing more: what comes next is the beginning of one."""
        self._told = 0

    def data_received(self, data: bytes) -> None:
        if not data:  # aiohttp's own: it goes on with what it has
            super().data_received(data)
        while self._in_step and data:
            end = data.find(b"\r\n\r\n") + 4
            again = self._known.get(data[:end])
            if again is None and (end == len(data) or not _ends_with_head(data[:end])):
                break
            ready = again() if again is not None and not self._chunks and self._is_idle() else None
            if ready is not None:
                self._tell_at_once(ready)
            else:
                self._read(data[:end])
            data = data[end:]
        if data:
            self._read(data)

    def _read(self, chunk: bytes) -> None:
        if self._in_step:
            self._chunks.append(chunk)
            if len(self._chunks) > MOST_CHUNKS or len(chunk) > MOST_LINE:
                self._fall_out_of_step()
        super().data_received(chunk)

    def _fall_out_of_step(self) -> None:
        self._in_step = False
        self._chunks.clear()
        self._known.clear()

    def _is_idle(self) -> bool:
        """Nothing is asked, and all that was told is taken."""
        waiter, transport = self._waiter, self.transport
        return (
            waiter is not None
            and not waiter.done()
            and not (self._messages or self._upgraded or self._close or self._force_close)
            and transport is not None
            and not transport.get_write_buffer_size()
        )

    def _tell_at_once(self, ready: Ready) -> None:
        transport = self.transport
        assert transport is not None
        ready.write(transport)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        self._told += 1
        if transport.get_write_buffer_size():
            self._loop.call_later(self.answer_s, self._end_unless_taken, self._told)

    def _end_unless_taken(self, told: int) -> None:
        transport = self.transport
        if transport is not None and told == self._told and transport.get_write_buffer_size():
            transport.abort()

    def _has_answered(self, request: web.BaseRequest, resp: object) -> None:
        again, self.again = self.again, None
        self._told += 1
        if not self._in_step:
            return
        chunk = self._chunks.popleft() if self._chunks else b""
        if not _is_whole(chunk, request):
            self._fall_out_of_step()
        elif again is not None and type(resp) is Ready and len(chunk) <= MOST_KNOWN_HEAD:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[chunk] = again

    async def finish_response(self, request: Any, resp: Any, start_time: Any) -> Any:
        """A client that does not take its answer does not keep it here."""
        self._has_answered(request, resp)
        if type(resp) is Ready:
            transport = self.transport
            if transport is None:
                raise ConnectionResetError("the client is gone")
            resp.write(transport)
            if not transport.get_write_buffer_size():
                return resp, False
        try:
            async with asyncio.timeout(self.answer_s):
                if type(resp) is Ready:
                    await self._drain_helper()
                    return resp, False
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if self.transport is not None:
                self.transport.abort()
            raise ConnectionResetError("the client does not take its answer") from None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """For what is no HTTP, and for our own bugs."""
        if status >= 500:
            log.error("request failed: %s", clean(request.path, 200), exc_info=exc)
        what = f"that is no request: {clean(message or '', 100)}" if status < 500 else "its log says why"
        return Refused(status, f"HTTP_{status}", what, close=True).response()


class Listener(web.Server):
    """Makes connections. ``answer`` answers requests, and never raises but HTTP's own exceptions."""

    def __init__(self, answer: Answer, api: ApiConfig) -> None:
        super().__init__(answer)
        self._api = api
        self._by_source: Counter[str] = Counter()
        self._by_token: Counter[str] = Counter()
        self._told_at = 0.0
        self.open = 0
        self.refused = 0

    def __call__(self) -> Connection:
        api = self._api
        return Connection(
            self,
            loop=self._loop,
            answer_s=api.answer_s,
            # A head that comes in drops is idle, too: this is how long it may take altogether.
            keepalive_timeout=api.header_s,
            access_log=None,
            logger=log,
            max_line_size=MOST_LINE,
            max_field_size=MOST_LINE,
            lingering_time=LINGER_S,
            # What is packed may be a million times as large unpacked.
            auto_decompress=False,
        )

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        peer = transport.get_extra_info("peername")
        handler.address = str(peer[0]) if isinstance(peer, tuple) and peer else "?"
        handler.source = source_of(handler.address)
        self.open += 1
        self._by_source[handler.source] += 1
        api = self._api
        if self.open > api.max_connections or self._by_source[handler.source] > self._most_of_address:
            self.refused += 1
            self._tell()
            transport.write(_FULL)
            transport.close()

    @property
    def _most_of_address(self) -> int:
        # All of a proxy's clients have its address.
        return self._api.max_connections if self._api.tls_proxy else self._api.max_address_connections

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self.open -= 1
        _less(self._by_source, handler.source)
        if handler.token_id:
            _less(self._by_token, handler.token_id)

    def belongs(self, connection: Connection, token_id: str) -> None:
        """The connection asks with this token. Raises Refused where that has too many connections."""
        if connection.token_id == token_id:
            return
        if self._by_token[token_id] >= self._api.max_token_connections:
            text = f"{self._api.max_token_connections} connections with this token already: close some"
            raise Refused(429, "TOO_MANY", text, retry_s=5, close=True)
        if connection.token_id:
            _less(self._by_token, connection.token_id)
        connection.token_id = token_id
        self._by_token[token_id] += 1

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told_at > 10.0:
            self._told_at = now
            log.warning("%d connections: more are refused, %d so far", self.open, self.refused)


def _ends_with_head(head: bytes) -> bool:
    """Whether it is one whole head of a request that says nothing of a body: what comes behind it is the next
    one."""
    lower = head.lower()
    return len(head) > 3 and not any(name in lower for name in _MORE)


def _is_whole(chunk: bytes, request: web.BaseRequest) -> bool:
    """Whether ``chunk`` is this request and nothing more."""
    if request.headers.get("Transfer-Encoding") is not None or "Upgrade" in request.headers:
        return False
    head = chunk.find(b"\r\n\r\n") + 4
    return head > 3 and head + (request.content_length or 0) == len(chunk)


def _less(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]
