"""Whether what a client was sent has reached it: else buffers on a slow line fill with what is long past, and
the client shows it as the present."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import WSMessage, WSMsgType, web


class Arrival:
    """A ping follows what is sent, and is answered only once that was read (RFC 6455, 5.5.3)."""

    def __init__(self, stream: web.WebSocketResponse, on_arrival: Callable[[], None]) -> None:
        self._stream = stream
        self._on_arrival = on_arrival
        self._asked = 0
        self._asked_s: float | None = None

    def late_s(self) -> float | None:
        """How long what was sent last has been under way; None: all has arrived."""
        return None if self._asked_s is None else asyncio.get_running_loop().time() - self._asked_s

    async def ask(self) -> None:
        self._asked += 1
        self._asked_s = asyncio.get_running_loop().time()
        await self._stream.ping(self._mark)

    async def hear(self, message: WSMessage) -> bool:
        """Whether ``message`` was a ping, which is answered, or a pong."""
        if message.type is WSMsgType.PING:
            with contextlib.suppress(ConnectionError):  # how it ended is read yet
                await self._stream.pong(message.data)
            return True
        if message.type is not WSMsgType.PONG:
            return False
        if self._asked_s is not None and message.data == self._mark:
            self._asked_s = None
            self._on_arrival()
        return True

    @property
    def _mark(self) -> bytes:
        return b"%d" % self._asked
