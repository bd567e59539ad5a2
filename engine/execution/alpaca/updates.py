"""The stream of order updates: one socket, logged in, listening. Its frames are binary, and may be text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    TraceConfig,
    WSMsgType,
)

from engine.alpaca_keys import Keys
from engine.errors import OrderError
from engine.execution.alpaca.wire import Frame, Status, decode
from engine.text import clean

STREAM = "trade_updates"
_HEARTBEAT_S = 15.0
"""A ping so often; no pong in half of that: the line is dead."""
_MAX_FRAME = 1 << 20
_STEPS = 2
"""Answers to wait for until it listens: a time-out each."""


class LineError(Exception):
    """The line could not be made, or broke. ``keys``: because the keys are refused."""

    def __init__(self, text: str, *, keys: bool = False) -> None:
        super().__init__(text)
        self.keys = keys


class Updates:
    def __init__(self, url: str, keys: Keys, timeout_s: float) -> None:
        self._url = url
        self._keys = keys
        self._timeout_s = timeout_s

    async def listen(self, heard: Callable[[bytes], None], listening: Callable[[], None]) -> None:
        """Connect, log in, and hand every frame to ``heard`` until the line breaks.

        ``listening`` is called once the venue has acknowledged: what happens from then on is told. Raises
        LineError, always: in words that hold no secret.
        """
        try:
            async with (
                ClientSession(
                    timeout=ClientTimeout(total=None), trust_env=True, trace_configs=[_nowhere_else()]
                ) as session,
                await self._connect(session) as socket,
            ):
                async with asyncio.timeout(_STEPS * self._timeout_s):
                    await self._log_in(socket)
                listening()
                while True:
                    heard(await _receive(socket, None))
        except (ClientError, OSError, TimeoutError, ValueError) as error:
            raise LineError(f"no stream: {type(error).__name__}") from None

    async def _connect(self, session: ClientSession) -> ClientWebSocketResponse:
        # The session's own limits end with the connection: who takes it and says nothing would hang us.
        async with asyncio.timeout(self._timeout_s):
            return await session.ws_connect(
                self._url,
                heartbeat=_HEARTBEAT_S,
                max_msg_size=_MAX_FRAME,
                timeout=ClientWSTimeout(ws_close=1.0),
            )

    async def _log_in(self, socket: ClientWebSocketResponse) -> None:
        await socket.send_json(self._keys.login())
        await self._await(socket, "authorization")
        await socket.send_json({"action": "listen", "data": {"streams": [STREAM]}})
        await self._await(socket, "listening")

    async def _await(self, socket: ClientWebSocketResponse, stream: str) -> None:
        """The acknowledgement of what was asked; frames of other streams before it are of no interest."""
        while True:
            try:
                frame = decode(await _receive(socket, self._timeout_s), Frame)
                status = decode(bytes(frame.data), Status)
            except OrderError as error:
                raise LineError(f"the stream answers what is {error}") from None
            if status.status == "unauthorized":
                raise LineError("the venue does not take the keys", keys=True)
            if frame.stream != stream:
                continue
            if stream == "listening" and STREAM not in status.streams:
                raise LineError(f"the venue does not offer {STREAM}: {clean(status.error, 80)}")
            return


def _nowhere_else() -> TraceConfig:
    """Refuses to be sent elsewhere: the keys are the first thing that is said there."""

    async def redirected(*_: object) -> None:
        raise LineError("the venue sends us elsewhere: the keys are not told there")

    trace = TraceConfig()
    trace.on_request_redirect.append(redirected)
    return trace


async def _receive(socket: ClientWebSocketResponse, timeout_s: float | None) -> bytes:
    message = await socket.receive(timeout_s)
    if message.type is WSMsgType.BINARY:
        return bytes(message.data)
    if message.type is WSMsgType.TEXT:
        return str(message.data).encode()
    raise LineError(f"the venue closed the stream (code {socket.close_code})")
