"""How the other side of a WebSocket ended it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

_ENDS = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)


class Farewell:
    """Reads a stream to its end, and keeps what was said there: where the answer to it finds nobody any more,
    aiohttp takes the line for cut."""

    def __init__(self, stream: web.WebSocketResponse) -> None:
        self._stream = stream
        self._code: int | None = None

    @property
    def left(self) -> bool:
        """Whether it was said that this is no cut line (RFC 6455, 7.4.1: "going away")."""
        return WSCloseCode.GOING_AWAY in (self._code, self._stream.close_code)

    async def messages(self) -> AsyncIterator[WSMessage]:
        """Until the end."""
        while (message := await self._stream.receive()).type not in _ENDS:
            yield message
        if message.type is WSMsgType.CLOSE:
            self._code = message.data
