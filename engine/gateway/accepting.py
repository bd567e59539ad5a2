"""Connections as they come. Until TLS is agreed on, nobody knows of them but us: they are counted here."""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable

from engine.gateway.door import source_of
from engine.text import clean

log = logging.getLogger("engine.gateway")

HANDSHAKE_S = 5.0
SHUTDOWN_S = 1.0
MOST_OF_SOURCE = 256
"""Of one source, that have not agreed on TLS yet."""
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_AGAIN_S = 1.0
_TURN = 32
_PLAIN = b'{"error":"this port speaks TLS: ask https://","code":"TLS"}\r\n'
_ASK_TLS = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_PLAIN), _PLAIN)
)
_MOST_PLAIN = 65_536
"""Bytes of a plain request that are taken off the line: with some left there, the answer would be lost."""


class Accepting:
    """``make`` makes a protocol for each connection to ``listening``; ``context``: with TLS; at most ``most``
    that have not agreed on it yet, more are hung up on."""

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext | None,
        most: int,
    ) -> None:
        self._listening = listening
        self._make = make
        self._context = context
        self._most = most
        self._by_source: Counter[str] = Counter()
        self._opening: set[asyncio.Task[None]] = set()

    @property
    def opening(self) -> int:
        return len(self._opening)

    async def run(self) -> None:
        """Until cancelled; nothing listens then."""
        loop = asyncio.get_running_loop()
        self._listening.setblocking(False)
        try:
            for number in itertools.count():
                try:
                    connection, peer = await loop.sock_accept(self._listening)
                except OSError as error:
                    if error.errno in _FULL:
                        log.error("no more connections: %s", clean(error.strerror, 80))
                        await asyncio.sleep(_AGAIN_S)
                    continue
                self._take(connection, source_of(str(peer[0])))
                if not number % _TURN:
                    await asyncio.sleep(0)  # those that are taken already have their turn
        finally:
            self._listening.close()
            for task in self._opening:
                task.cancel()

    def _take(self, connection: socket.socket, source: str) -> None:
        if self.opening >= self._most or self._by_source[source] >= MOST_OF_SOURCE:
            connection.close()
            return
        self._by_source[source] += 1
        task = asyncio.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(lambda done: self._opened(done, source))

    def _opened(self, task: asyncio.Task[None], source: str) -> None:
        self._opening.discard(task)
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]

    async def _open(self, connection: socket.socket) -> None:
        loop, context = asyncio.get_running_loop(), self._context
        try:
            if context is None:
                await loop.connect_accepted_socket(self._make, connection)
                return
            until_s = loop.time() + HANDSHAKE_S
            try:
                is_plain = await _is_plain(connection)
            except asyncio.CancelledError:
                connection.close()  # it has no transport yet that would
                raise
            if is_plain:
                _send_to_tls(connection)
                return
            await loop.connect_accepted_socket(
                self._make,
                connection,
                ssl=context,
                ssl_handshake_timeout=max(until_s - loop.time(), 0.1),
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except OSError as error:  # TLS's own, and that it took too long, among them
            log.debug("a connection is not opened: %s", clean(error, 100))
            connection.close()


async def _is_plain(connection: socket.socket) -> bool:
    """Whether it begins with a letter, as HTTP does and no handshake of TLS: its records' first byte is 22
    (https://datatracker.ietf.org/doc/html/rfc8446#section-5.1). Raises OSError where nothing comes in time.
    """
    loop = asyncio.get_running_loop()
    there = asyncio.Event()
    loop.add_reader(connection, there.set)
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            await there.wait()
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK).isalpha()


def _send_to_tls(connection: socket.socket) -> None:
    """Answer what asks without TLS, and hang up."""
    with connection:
        connection.recv(_MOST_PLAIN)
        connection.send(_ASK_TLS)
        connection.shutdown(socket.SHUT_WR)
