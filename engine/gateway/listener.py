"""Connections from outside, bounded: how many, how large what they say is, how long they may take."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
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


class Connection(web.RequestHandler):
    """One connection, and whose it is."""

    __slots__ = ("address", "answer_s", "source", "token_id")

    def __init__(self, listener: Listener, *, answer_s: float, **options: Any) -> None:
        super().__init__(listener, **options)
        self.answer_s = answer_s
        self.address = self.source = ""
        self.token_id = ""

    async def finish_response(self, request: Any, resp: Any, start_time: Any) -> Any:
        """A client that does not take its answer does not keep it here."""
        if type(resp) is Ready:
            transport = self.transport
            if transport is None:
                raise ConnectionResetError("the client is gone")
            date = helpers.rfc822_formatted_time().encode()
            transport.write(b"%b\r\nDate: %b\r\n\r\n%b" % (resp.head, date, resp.content))
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


def _less(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]
