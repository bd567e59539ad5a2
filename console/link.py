"""The console's end of the link: one WebSocket for what happens, short requests for commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec
from yarl import URL

from console.alert_requests import AlertRequests
from console.desk_requests import DeskRequests
from console.engine_at import EngineAt
from console.link_protocol import LinkState
from console.models_requests import ModelsRequests
from console.requests import nobody_listens, not_believed
from console.trading_requests import TradingRequests
from engine import nan_json
from engine.api.control_protocol import Access, Console
from engine.api.last_words import receive
from engine.api.market_protocol import Watch
from engine.api.protocol import VERSION, EventFrame, Resync, StateFrame, StreamMessage
from engine.errors import LinkError
from engine.text import clean

RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
SILENCE_S = 5.0
"""The engine sends a frame at least every two seconds: this long without one, it hangs or the line is cut."""
REMOTE_SILENCE_S = 10.0
"""From elsewhere a frame may take as long as its bytes do: so long without any, the line is cut. TLS tells of
none before its record is whole. Whether the engine hangs is looked at there."""
_LONGEST_S = 60.0

ANEW_S = 60.0
"""A desk that said that it begins anew is waited for so long, before it counts as gone."""
ANEW = "the desk begins anew from the tape's start"

CLOSE_S = 0.5
"""How long a hanging engine may take to answer that we close the line."""


class _OtherVersionError(Exception):
    pass


class EngineLink(AlertRequests, DeskRequests, ModelsRequests, TradingRequests):
    """Implements ``console.link_protocol.Link``; reconnects by itself."""

    def __init__(self, at: Path | EngineAt, console: Console | None = None) -> None:
        super().__init__(at, console)
        self._decoder: msgspec.json.Decoder[StreamMessage] = msgspec.json.Decoder(StreamMessage)
        self._last_seq: int | None = None
        self._was_up = False
        self._failures = 0
        """Since the link was up."""
        self._ended = "no engine runs"
        """How the last one went."""
        self._stream: aiohttp.ClientWebSocketResponse | None = None
        self._watched = Watch()
        self._anew_until = 0.0
        """Of the loop's time: until then, that nobody listens means that the desk begins anew."""
        self.bytes_received = 0
        self.on_up: Callable[[], None] = lambda: None
        """Called when an engine is there, again."""

    async def run(
        self, on_message: Callable[[StreamMessage], None], on_state: Callable[[LinkState, str], None]
    ) -> None:
        """Deliver messages until cancelled, resuming events after the last one seen.

        Raises LinkError for an engine that speaks another version from the start: trying again cannot help.
        When one comes back that does, what was shown stays, and it is said.
        """
        on_state(LinkState.CONNECTING, "")
        try:
            while True:
                try:
                    async with self._open().ws_connect(
                        self._stream_url(),
                        max_msg_size=0,
                        compress=15 if self._at.remote else 0,
                        # Asked after two thirds, and answered within another.
                        heartbeat=REMOTE_SILENCE_S * 2 / 3 if self._at.remote else None,
                        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                    ) as stream:
                        self._anew_until = 0.0
                        await self._say_what_is_watched(stream)
                        try:
                            await self._read(stream, on_message, on_state)
                        except asyncio.CancelledError:
                            # Without this, the engine would keep our seat for a while: we may come back.
                            await stream.close(code=aiohttp.WSCloseCode.GOING_AWAY)
                            raise
                    on_state(LinkState.LOST, self._why_closed(stream))
                except TimeoutError:
                    silence_s = REMOTE_SILENCE_S if self._at.remote else SILENCE_S
                    on_state(LinkState.LOST, f"nothing from the engine for {silence_s:.0f} s")
                except (msgspec.MsgspecError, _OtherVersionError) as error:
                    if not self._was_up:
                        raise LinkError(
                            f"what the engine sends is not understood ({clean(error, 80)}): versions differ; "
                            "restart the engine: `tickdesk stop`, then `tickdesk`"
                        ) from None
                    self._failures = len(RETRY_S)
                    why = "the engine that came back speaks another version: q leaves, `tickdesk` starts ours"
                    on_state(LinkState.LOST, why)
                except aiohttp.WSServerHandshakeError as error:
                    on_state(LinkState.LOST, self._at.refused(error.status))
                except (aiohttp.ClientError, OSError) as error:
                    if nobody_listens(error) and asyncio.get_running_loop().time() < self._anew_until:
                        on_state(LinkState.LOST, ANEW)
                    elif nobody_listens(error):
                        on_state(LinkState.ENGINE_GONE, self._gone())
                    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
                        on_state(LinkState.LOST, not_believed(error))
                    else:
                        on_state(LinkState.LOST, clean(error, 80))
                await asyncio.sleep(RETRY_S[min(self._failures, len(RETRY_S) - 1)])
                self._failures += 1
        finally:
            await self.close()

    def _gone(self) -> str:
        if self._at.remote:
            return f"{self._at.nobody}: q leaves"
        return f"{self._ended}: q leaves, `tickdesk` starts one"

    def _why_closed(self, stream: aiohttp.ClientWebSocketResponse) -> str:
        if stream.close_code != aiohttp.WSCloseCode.SERVICE_RESTART:
            return "the engine closed the link"
        # Its events are numbered from the start again.
        self._last_seq, self._anew_until = None, asyncio.get_running_loop().time() + ANEW_S
        return ANEW

    async def watch(self, watch: Watch) -> None:
        self._watched = watch
        stream = self._stream
        if stream is not None and not stream.closed:
            with contextlib.suppress(ConnectionError):  # the stream's reader says that the line is cut
                await stream.send_bytes(msgspec.json.encode(watch))

    async def _say_what_is_watched(self, stream: aiohttp.ClientWebSocketResponse) -> None:
        self._stream = stream
        if self._watched.symbol:
            await self.watch(self._watched)

    def _stream_url(self) -> URL:
        query = {} if self._last_seq is None else {"since": str(self._last_seq)}
        if self._console is not None:
            query["console"] = self._console.text
        return URL(f"{self._at.url}/v1/stream").with_query(query)

    async def _read(
        self,
        stream: aiohttp.ClientWebSocketResponse,
        on_message: Callable[[StreamMessage], None],
        on_state: Callable[[LinkState, str], None],
    ) -> None:
        """Until the engine closes the stream. The link is up with the first state that is understood."""
        up = False
        while True:
            raw = await receive(stream, _LONGEST_S if self._at.remote else SILENCE_S)
            if isinstance(raw.data, TimeoutError):  # nobody answered
                raise raw.data
            if raw.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                told = raw.type is aiohttp.WSMsgType.CLOSE
                self._ended = "it was stopped" if told else "it ended without a word"
                return
            self.bytes_received += len(raw.data)
            message = self._decode(raw.data)
            if isinstance(message, EventFrame):
                self._last_seq = message.seq
            elif isinstance(message, Resync):
                self._last_seq = None
            elif isinstance(message, StateFrame):
                if message.version != VERSION:
                    raise _OtherVersionError(f"it speaks version {message.version}, this console {VERSION}")
                if not up:
                    up = self._was_up = True
                    self._failures = 0
                    self.on_up()
                    on_state(LinkState.UP, "")
                if self._last_seq is None:
                    self._last_seq = message.last_seq
                self._remember_seat(message.status.controller_id)
            on_message(message)

    def _remember_seat(self, controller_id: str) -> None:
        """To another engine, after a restart, we come back as what we were here."""
        known = self._console
        if known is not None and not known.read_only:
            access: Access = "seat" if controller_id == known.id else "watch"
            if access != known.access:
                self._console = msgspec.structs.replace(known, access=access)

    def _decode(self, data: bytes) -> StreamMessage:
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            # An event with a NaN in it.
            message: StreamMessage = nan_json.decode(data, StreamMessage)  # type: ignore[arg-type]
            return message
