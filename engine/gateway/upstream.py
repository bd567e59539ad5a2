"""The one stream that the gateway has of the engine: told on as it comes, opened again whenever it is cut."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Protocol

import aiohttp
import msgspec
from yarl import URL

from engine.api.address import check
from engine.api.last_words import receive
from engine.api.protocol import VERSION, Resync, StateFrame
from engine.errors import LinkError
from engine.text import clean

log = logging.getLogger("engine.gateway")

RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
SILENCE_S = 5.0
"""The engine sends a frame at least every two seconds: this long without one, it hangs."""
_CLOSE_S = 0.5


class EventHead(msgspec.Struct, frozen=True, tag_field="type", tag="event"):
    """All that is read of an event: it is told on as it came."""

    seq: int


_decode = msgspec.json.Decoder(StateFrame | EventHead | Resync).decode


class Heard(Protocol):
    """Who is told what the engine says."""

    def on_frame(self, frame: StateFrame, raw: bytes) -> None: ...

    def on_event(self, seq: int, raw: bytes) -> None: ...

    def on_resync(self) -> None:
        """Events are missing: what follows begins with the next frame's ``last_seq``."""
        ...

    def on_away(self, why: str) -> None: ...

    def on_anew(self) -> None:
        """The desk begins anew: events are numbered from the start again."""
        ...


class Upstream:
    """Reads the stream of the engine at ``socket`` until it is cancelled."""

    def __init__(self, socket: Path, heard: Heard) -> None:
        self._socket = socket
        self._heard = heard
        self._since: int | None = None
        self._failures = 0
        """Since it was heard."""

    async def run(self) -> None:
        while True:
            try:
                why = await self._stream()
            except TimeoutError:
                why = f"nothing from it for {SILENCE_S:.0f} s"
            except (aiohttp.ClientError, OSError, LinkError) as error:
                why = clean(error, 100)
            except msgspec.MsgspecError as error:
                why = f"not understood: {clean(error, 100)}"
                log.error("what the engine says is %s", why)
            self._heard.on_away(why)
            await asyncio.sleep(RETRY_S[min(self._failures, len(RETRY_S) - 1)])
            self._failures += 1

    async def _stream(self) -> str:
        """Until it ends; why it did."""
        check(self._socket)
        url = URL("http://engine/v1/stream")
        if self._since is not None:
            url = url.with_query(since=str(self._since))
        closing = aiohttp.ClientWSTimeout(ws_close=_CLOSE_S)
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self._socket))) as session,
            session.ws_connect(url, max_msg_size=0, timeout=closing) as stream,
        ):
            while True:
                message = await receive(stream, SILENCE_S)
                if message.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                    break
                self._take(message.data if isinstance(message.data, bytes) else message.data.encode())
            if stream.close_code == aiohttp.WSCloseCode.SERVICE_RESTART:
                self._since = None
                self._heard.on_anew()
        return "it closed the stream"

    def _take(self, raw: bytes) -> None:
        message = _decode(raw)
        if isinstance(message, EventHead):
            self._since = message.seq
            self._heard.on_event(message.seq, raw)
        elif isinstance(message, Resync):
            self._since = None
            self._heard.on_resync()
        else:
            if message.version != VERSION:
                raise msgspec.ValidationError(f"it speaks version {message.version}, we {VERSION}")
            self._failures = 0
            if self._since is None:
                self._since = message.last_seq
            self._heard.on_frame(message, raw)
