"""A WebSocket as a feed sees it, whichever library speaks it.

``websockets`` is the default; ``picows`` costs a fifth of its time per message and comes with the extra
``tickdesk[fast]``. Messages are bytes, as they came; none is longer than ``MAX_MESSAGE``, decompressed: a
longer one ends the connection before it takes the memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from engine.errors import ConfigError, FeedError
from engine.feeds.address import is_here
from engine.feeds.rest import retry_after_s
from engine.text import clean

MAX_MESSAGE = 10 << 20
"""Bytes, decompressed. The largest that a venue sends is a snapshot of a whole book."""
OPEN_S = 10.0
CLOSE_S = 0.25
_log = logging.getLogger("engine.feeds.websockets")
_log.setLevel(logging.ERROR)  # at its lowest level it shows frames, and some of them hold keys


class TransportError(FeedError):
    """The connection cannot be made, or has ended."""


class HandshakeError(TransportError):
    """The venue answered the handshake with another ``status`` than 101.

    ``retry_after_s`` is how long it asked to be left alone (0: it did not say).
    """

    def __init__(self, status: int, retry_after_s: float) -> None:
        super().__init__(f"refused the connection with HTTP {status}")
        self.status = status
        self.retry_after_s = retry_after_s


class Transport(Protocol):
    """One open connection. Pings of the peer are answered by itself."""

    @property
    def pongs(self) -> int:
        """Answers to ``ping`` so far."""

    async def receive(self) -> Sequence[bytes]:
        """The messages that are there, at least one, in order. Raises TransportError at the end."""

    async def send(self, text: str) -> None:
        """Raises TransportError when the connection has ended."""

    async def ping(self) -> None:
        """Raises TransportError when the connection has ended."""

    async def close(self) -> None:
        """With a closing handshake, for which a peer has ``CLOSE_S``. Never raises."""

    def abort(self) -> None:
        """At once, for a peer that is not there: ``receive`` raises."""


Open = Callable[[str], Awaitable[Transport]]
"""Raises HandshakeError for a refusal, TransportError for all else that keeps a URL from being opened."""


def transport(name: Literal["websockets", "picows"], key: str) -> Open:
    """``key`` is its place in the configuration. Raises ConfigError when its library is not installed."""
    if name == "websockets":
        return open_websockets
    if importlib.util.find_spec("picows") is None:
        raise ConfigError(f"{key} needs the picows library: pip install 'tickdesk[fast]', or remove the line")
    from engine.feeds.transport_picows import open_picows

    return open_picows


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for ``url``."""
    parts = urlsplit(url)
    if is_here(url) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    schemes = ("wss", "socks", "https") if parts.scheme == "wss" else ("ws", "socks", "https", "http")
    return next((proxies[one] for one in schemes if proxies.get(one)), None)


def why(error: BaseException) -> str:
    return clean(error, 100) or type(error).__name__


def _who_closed(error: ConnectionClosed) -> str:
    if error.rcvd is None:
        return "it was cut" if error.sent is None else f"closed from here ({error.sent.code})"
    reason = clean(error.rcvd.reason, 80)
    return f"the other side closed it ({error.rcvd.code}{f': {reason}' if reason else ''})"


class _Straight(connect):
    """To where it was told to and nowhere else: what is sent there may be a key."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


async def open_websockets(url: str) -> Transport:
    """See Open."""
    try:
        socket = await _Straight(
            url,
            max_size=MAX_MESSAGE,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            ping_interval=None,  # who watches the connection pings, and judges the answers
            proxy=proxy_of(url),
            logger=_log,
        )
    except InvalidStatus as error:
        response = error.response
        wait_s = retry_after_s(response.headers.get("Retry-After"))
        raise HandshakeError(response.status_code, wait_s) from None
    except Exception as error:  # also what a proxy or a name that is none makes the libraries raise
        raise TransportError(why(error)) from error
    return _Websockets(socket)


class _Websockets:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.pongs = 0

    async def receive(self) -> Sequence[bytes]:
        try:
            return (await self._socket.recv(decode=False),)
        except ConnectionClosed as error:
            raise TransportError(_who_closed(error)) from None
        except WebSocketException as error:
            raise TransportError(why(error)) from None

    async def send(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except WebSocketException as error:
            raise TransportError(why(error)) from None

    async def ping(self) -> None:
        try:
            pong = asyncio.ensure_future(await self._socket.ping())
        except WebSocketException as error:
            raise TransportError(why(error)) from None
        pong.add_done_callback(self._ponged)

    def _ponged(self, pong: asyncio.Future[float]) -> None:
        if not pong.cancelled() and pong.exception() is None:
            self.pongs += 1

    async def close(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._socket.close()

    def abort(self) -> None:
        self._socket.transport.abort()
