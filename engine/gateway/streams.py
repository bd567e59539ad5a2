"""Streams of clients: joined to the fan-out, or, of consoles, passed on from the engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

import aiohttp
import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from engine.api import query
from engine.api.market_protocol import Watch
from engine.api.protocol import StateFrame
from engine.api.route import Route
from engine.api.topics import EVENTS, MARKET, parse
from engine.config.api import ApiConfig
from engine.gateway import wire
from engine.gateway.direct import CLOSE_S, HEARTBEAT_S, MOST_MESSAGE, SILENCE_S, Direct, Watching, console_of
from engine.gateway.door import Door
from engine.gateway.engine_lines import EngineLines, target
from engine.gateway.fanout import Client, Fanout
from engine.gateway.mirror import Mirror
from engine.gateway.refusal import Refused, away
from engine.gateway.tokens import Token
from engine.gateway.upstream import EventHead
from engine.text import clean

log = logging.getLogger("engine.gateway")

SWEEP_S = 0.1
TOKENS_S = 1.0
"""How soon a stream ends whose token is removed, or expires."""
AWAY_S = 1.0
"""While the engine is away, the streams are told so as often as this."""
MOST_SYMBOL = 100
AGAIN_S = 1.0
_watch_of = msgspec.json.Decoder(Watch).decode
_event_of = msgspec.json.Decoder(EventHead).decode
_EVENT = b'{"type":"event"'
_SINCE = query.Number("since", "", 0, 0, 10**18)


class Streams:
    """Implements ``engine.gateway.upstream.Heard``: the mirror first, then the clients."""

    def __init__(
        self,
        api: ApiConfig,
        mirror: Mirror,
        door: Door,
        direct: Direct,
        lines: EngineLines,
        clock_s: Callable[[], float],
    ) -> None:
        self._mirror = mirror
        self._door = door
        self._direct = direct
        self._lines = lines
        self._clock_s = clock_s
        self._catching_up = asyncio.Lock()
        self.fanout = Fanout(
            mirror,
            slow_s=api.slow_s,
            clock=clock_s,
            later=lambda seconds, call: asyncio.get_running_loop().call_later(seconds, call),
        )

    # --- what the engine says ----------------------------------------------------------------------

    def on_frame(self, frame: StateFrame, raw: bytes) -> None:
        if self._mirror.away_since_s is not None:
            log.info("the engine is back")
        self._mirror.merge(frame, self._clock_s())
        self.fanout.on_frame(frame, raw)

    def on_event(self, seq: int, raw: bytes) -> None:
        self.fanout.on_event(seq, raw)

    def on_resync(self) -> None:
        self.fanout.on_resync()

    def on_anew(self) -> None:
        self._mirror.forget()
        self.fanout.on_anew()

    def on_away(self, why: str) -> None:
        if self._mirror.lose(self._clock_s()):
            log.warning("the engine is away: %s", why)
            self.fanout.on_away()

    async def sweep(self) -> None:
        """Forever: those that are behind, tokens that count no more, and that the engine is away."""
        tokens_s = away_s = self._clock_s()
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = self._clock_s()
            self.fanout.sweep()
            if now_s - tokens_s >= TOKENS_S:
                tokens_s = now_s
                self._end_unknown()
            if self._mirror.away_since_s is not None and now_s - away_s >= AWAY_S:
                away_s = now_s
                self.fanout.on_away()

    def _end_unknown(self) -> None:
        known = {client.token: self._door.holds(client.token) for client in self.fanout.clients}
        for client in list(self.fanout.clients):
            if not known[client.token]:
                self.fanout.drop(client, WSCloseCode.POLICY_VIOLATION, "that token is no more, or expired")
        self._direct.end_unknown(self._door.holds)

    async def close(self) -> None:
        self.fanout.drop_all(WSCloseCode.GOING_AWAY, "the gateway ends")
        await asyncio.sleep(0)

    # --- clients -----------------------------------------------------------------------------------

    async def serve(
        self, request: web.BaseRequest, route: Route, token: Token, address: str, asked_by: str
    ) -> web.StreamResponse:
        """Until either side ends it. Raises Refused."""
        try:
            query.check(request, route.query)  # type: ignore[arg-type]  # it reads the query alone
            said = request.query.get("since")
            since = None if said is None else _SINCE.read(said)
            topics = parse(request.query.get("topics", ""))
        except ValueError as error:
            raise Refused(400, "HTTP_400", f"topics: {clean(error, 120)}") from None
        except web.HTTPBadRequest as error:
            raise Refused(400, "HTTP_400", clean(error.reason)) from None
        named = request.query.get("console")
        console = None if named is None else console_of(named, token)
        # A console's line is ours to keep, those of the other clients are the fan-out's.
        heartbeat = None if console is None else HEARTBEAT_S
        # State is told again and again: packed it is a sixth, which counts on a console's slow line.
        stream = web.WebSocketResponse(
            max_msg_size=MOST_MESSAGE, compress=console is not None, autoping=False, heartbeat=heartbeat
        )
        if not stream.can_prepare(request):
            raise Refused(426, "HTTP_426", "that is a WebSocket", headers={"Upgrade": "websocket"})
        if console is not None:
            resumed = {name: request.query[name] for name in ("since", "topics") if name in request.query}
            return await self._direct.console(request, stream, token, console, resumed, asked_by)
        if not self._mirror.ready:
            raise away()
        if not self.fanout.has_room_for(topics):
            text = "too many choices of topics at once: choose as others do, or all"
            raise Refused(503, "TOO_MANY", text, retry_s=5)
        if since is not None and EVENTS in topics:
            await self._recall(since)
        await stream.prepare(request)
        transport = request.transport
        if transport is None:
            return stream
        client = Client(transport, token, address, since, self._clock_s(), topics)
        self.fanout.join(client)
        try:
            await self._listen(stream, client)
        finally:
            self.fanout.leave(client)
        return stream

    async def _listen(self, stream: web.WebSocketResponse, client: Client) -> None:
        """Answers pings, and sees the end, too."""
        watching: Watching | None = None
        passing: asyncio.Task[None] | None = None
        try:
            async for message in stream:
                self.fanout.heard(client, pong=message.type is WSMsgType.PONG)
                if message.type is WSMsgType.PING:
                    await stream.pong(message.data)
                    continue
                if message.type is WSMsgType.PONG:
                    continue
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                try:
                    watch = _watch(message.data, client.topics)
                    self._door.check_rate(client.token, "look")
                except (ValueError, Refused) as error:
                    self.fanout.drop(client, WSCloseCode.POLICY_VIOLATION, clean(error, 100))
                    break
                if watching is None:
                    watching = Watching(watch)
                    passing = asyncio.create_task(self._pass_on_market(client, watching))
                else:
                    watching.change(watch)
        finally:
            if passing is not None:
                passing.cancel()
                await asyncio.wait([passing])

    async def _pass_on_market(self, client: Client, watching: Watching) -> None:
        while not client.dropped:
            try:
                ready = partial(self.fanout.is_ready, client)
                tell = partial(self.fanout.tell_market, client)
                await self._direct.market(client.sink, client.token, watching, ready, tell)
            except Refused as refused:
                if refused.code == "TOO_MANY":
                    self.fanout.drop(client, WSCloseCode.TRY_AGAIN_LATER, str(refused))
                    return
            except ConnectionError as error:
                log.debug("a market's stream ends: %s", error)
            await asyncio.sleep(AGAIN_S)

    async def _recall(self, since: int) -> None:
        """Events from before we were there, of the engine, which has the journal. What it does not tell, the
        client is told to read there."""
        events = self.fanout.events
        async with self._catching_up:
            if since >= events.oldest - 1 or since > events.last:
                return
            older: list[tuple[int, bytes]] = []
            try:
                async with (
                    asyncio.timeout(SILENCE_S),
                    self._lines.session().ws_connect(
                        target("/v1/stream", f"since={since}&topics=events"),
                        max_msg_size=0,
                        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                    ) as stream,
                ):
                    async for message in stream:
                        if message.type is not WSMsgType.BINARY or not message.data.startswith(_EVENT):
                            break
                        seq = _event_of(message.data).seq
                        if seq >= events.oldest:
                            break
                        older.append((seq, wire.binary(message.data)))
            except (TimeoutError, aiohttp.ClientError, OSError, msgspec.MsgspecError) as error:
                log.warning("a client that comes back is not told what it missed: %s", clean(error, 100))
                return
            events.put_before(older)


def _watch(data: str | bytes, topics: frozenset[str]) -> Watch:
    """Raises ValueError, one line."""
    if MARKET not in topics:
        raise ValueError(f"the topic {MARKET} was not asked for")
    try:
        watch = _watch_of(data)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"not understood: {clean(error, 60)}") from None
    if len(watch.symbol) > MOST_SYMBOL:
        raise ValueError(f"not understood: a symbol has at most {MOST_SYMBOL} characters")
    return watch
