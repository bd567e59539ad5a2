"""The engine's HTTP and WebSocket server on a Unix-domain socket (routes: see protocol.py)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
from aiohttp import WSMsgType, web

from engine.api.desk_port import DeskPort
from engine.api.hub import Conflator, Hub, encode
from engine.api.protocol import ErrorReply, EventFrame, Resync, RiskPatch, StrategyPatch
from engine.errors import TickdeskError
from engine.text import clean

log = logging.getLogger("engine.api")

MAX_BODY = 64 * 1024
MAX_RESUME = 10_000
"""Events that a client which comes back is sent at once; it is told to resync for more."""
SEND_TIMEOUT_S = 10.0
"""A client that takes nothing for this long is dropped; nothing is kept for it meanwhile."""

_T = TypeVar("_T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiServer:
    """Serves one desk. ``frames_per_s`` is the rate of conflated state to each client."""

    def __init__(self, desk: DeskPort, hub: Hub, *, frames_per_s: float) -> None:
        self._desk = desk
        self._hub = hub
        self._interval = 1.0 / frames_per_s
        self._runner: web.AppRunner | None = None
        self._streams: set[web.WebSocketResponse] = set()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY, middlewares=[_errors])
        app.add_routes(
            [
                web.get("/v1/health", self._health),
                web.get("/v1/snapshot", self._snapshot),
                web.get("/v1/explain/{id}", self._explain),
                web.post("/v1/strategies/{name}", self._strategy),
                web.post("/v1/model/reload", self._reload),
                web.post("/v1/risk", self._risk),
                web.post("/v1/flatten", self._flatten),
                web.post("/v1/stop", self._stop),
                web.get("/v1/stream", self._stream),
            ]
        )
        return app

    async def start(self, socket: Path) -> None:
        """Listen on ``socket`` (mode 0600). A dead engine's socket is replaced: the caller holds the lock."""
        with contextlib.suppress(FileNotFoundError):
            socket.unlink()  # noqa: ASYNC240 - one call, before anything runs
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        # The mask makes the socket private from its first instant; chmod afterwards would leave a moment.
        mask = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, str(socket)).start()
        finally:
            os.umask(mask)

    async def close(self) -> None:
        for stream in list(self._streams):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(stream.close(message=b"engine stops"), 1.0)
        if self._runner is not None:
            await self._runner.cleanup()

    # --- reads ---

    async def _health(self, request: web.Request) -> web.Response:
        return _json(self._desk.health())

    async def _snapshot(self, request: web.Request) -> web.Response:
        return _json(self._desk.state())

    async def _explain(self, request: web.Request) -> web.Response:
        identity = request.match_info["id"]
        explanation = self._desk.explain(identity)
        if explanation is None:
            return _json(
                ErrorReply(
                    f"nothing is known of {clean(identity, 60)}: it may be older than the history",
                    "NOT_FOUND",
                ),
                404,
            )
        return _json(explanation)

    # --- commands ---

    async def _strategy(self, request: web.Request) -> web.Response:
        patch = await _body(request, StrategyPatch)
        name = request.match_info["name"]
        return _json(self._desk.set_strategy(name, patch.enabled, patch.weight, _who(request)))

    async def _reload(self, request: web.Request) -> web.Response:
        return _json(await self._desk.reload_model(_who(request)))

    async def _risk(self, request: web.Request) -> web.Response:
        patch = await _body(request, RiskPatch)
        return _json(await self._desk.set_risk(patch.state, clean(patch.reason), _who(request)))

    async def _flatten(self, request: web.Request) -> web.Response:
        return _json(await self._desk.flatten(_who(request)))

    async def _stop(self, request: web.Request) -> web.Response:
        return _json(self._desk.stop(_who(request)))

    # --- stream ---

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        since = _since(request.query.get("since"), self._hub.last_seq)
        stream = web.WebSocketResponse(heartbeat=10.0, max_msg_size=4096, compress=False)
        await stream.prepare(request)
        self._streams.add(stream)
        sender = asyncio.create_task(self._send(stream, since, request.transport))
        try:
            # Clients say nothing here; reading answers pings and sees the end.
            async for message in stream:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
            self._streams.discard(stream)
        return stream

    async def _send(
        self, stream: web.WebSocketResponse, since: int, transport: asyncio.Transport | None
    ) -> None:
        """State at the frame rate, events at once, until the client goes or stops taking them."""
        wake = asyncio.Event()
        unsubscribe = self._hub.subscribe(wake.set)
        conflator = Conflator()
        loop = asyncio.get_running_loop()
        next_frame = loop.time()
        try:
            while not stream.closed:
                wake.clear()
                since = await self._send_events(stream, since)
                if loop.time() >= next_frame:
                    frame = conflator.frame(self._desk.state(), since)
                    await asyncio.wait_for(stream.send_bytes(encode(frame)), SEND_TIMEOUT_S)
                    next_frame = max(next_frame + self._interval, loop.time() + self._interval / 2)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), max(0.0, next_frame - loop.time()))
        except TimeoutError:
            log.warning("client took nothing for %.0f s: dropped", SEND_TIMEOUT_S)
            if transport is not None:
                transport.abort()
        except (ConnectionError, RuntimeError) as error:
            log.debug("client gone: %s", error)
        finally:
            unsubscribe()

    async def _send_events(self, stream: web.WebSocketResponse, since: int) -> int:
        events = self._hub.since(since)
        if isinstance(events, Resync) and since < self._hub.last_seq:
            # Older than this engine's run holds: the journal has it, unless it is too much to send at once.
            last = self._hub.last_seq
            kept = await asyncio.to_thread(self._desk.journal, since, MAX_RESUME)
            older = [(seq, encode(EventFrame(seq=seq, event=event))) for seq, event in kept if seq <= last]
            events = older if older and older[-1][0] == last else events
        if isinstance(events, Resync):
            await asyncio.wait_for(stream.send_bytes(encode(events)), SEND_TIMEOUT_S)
            return self._hub.last_seq
        for seq, frame in events:
            await asyncio.wait_for(stream.send_bytes(frame), SEND_TIMEOUT_S)
            since = seq
        return since


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")


async def _body(request: web.Request, type_: type[_T]) -> _T:
    raw = await request.read()
    try:
        return msgspec.json.decode(raw or b"{}", type=type_)
    except msgspec.MsgspecError as error:
        raise web.HTTPBadRequest(reason=clean(f"body: {error}")) from None


def _since(text: str | None, newest: int) -> int:
    if text is None:
        return newest
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise web.HTTPBadRequest(reason="since: a sequence number, 0 or above")
    return int(text)


def _who(request: web.Request) -> str:
    return clean(request.headers.get("X-Tickdesk-Client", "link"), 40)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One clear JSON error for everything; a traceback only in the log, and only for our own bugs."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _json(ErrorReply(clean(error.reason), f"HTTP_{error.status}"), error.status)
    except TickdeskError as error:
        return _json(ErrorReply(str(error), type(error).__name__), 409)
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("request failed: %s %s", request.method, request.path)
        return _json(ErrorReply("the engine failed to answer; its log says why", "INTERNAL"), 500)
