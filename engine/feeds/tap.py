"""What goes over a feed's connections, for a recorder: frames as they came, in the form of captures."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.feeds.transport import Transport


class Frame(NamedTuple):
    """A row of a capture: ``ch`` is ws (received), tx (sent), http (a REST reply), open or close (a
    connection)."""

    t: int
    ch: str
    url: str
    raw: bytes | str | None
    conn: int = 0
    """Counts the connections of one feed: two of them may overlap."""


_SECRET = re.compile(r'"[^"]*(?:secret|key|jwt|token|signature|passphrase)[^"]*"\s*:', re.IGNORECASE)
"""In what is sent: such a frame never reaches a tape."""


class Tap:
    """``take`` is called in the loop for every row and must not block; ``clock`` returns ns UTC."""

    def __init__(self, take: Callable[[Frame], None], clock: Callable[[], int]) -> None:
        self._take = take
        self._clock = clock
        self._connections = itertools.count(1)

    def connection(self, transport: Transport, url: str) -> Transport:
        """The transport of a new connection, with all its messages taken."""
        number = next(self._connections)
        self._take(Frame(self._clock(), "open", url, None, number))
        return _Tapped(transport, url, number, self._take, self._clock)

    def reply(self, url: str, body: bytes) -> None:
        """A REST reply was good."""
        self._take(Frame(self._clock(), "http", url, body))


class _Tapped:
    """See Transport."""

    def __init__(
        self,
        transport: Transport,
        url: str,
        number: int,
        take: Callable[[Frame], None],
        clock: Callable[[], int],
    ) -> None:
        self._transport = transport
        self._url = url
        self._number = number
        self._take = take
        self._clock = clock
        self._closed = False

    @property
    def pongs(self) -> int:
        return self._transport.pongs

    async def receive(self) -> Sequence[bytes]:
        messages = await self._transport.receive()
        now_ns, take, number = self._clock(), self._take, self._number
        for raw in messages:
            take(Frame(now_ns, "ws", "", raw, number))
        return messages

    async def send(self, text: str) -> None:
        if _SECRET.search(text) is None:
            self._take(Frame(self._clock(), "tx", self._url, text, self._number))
        await self._transport.send(text)

    async def ping(self) -> None:
        await self._transport.ping()

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._take(Frame(self._clock(), "close", self._url, None, self._number))
        await self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
