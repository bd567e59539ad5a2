"""The engine's HTTP and WebSocket server on a Unix-domain socket.

Routes: see protocol.py and trading_protocol.py; which console may do what, control_protocol.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path

from aiohttp import web, web_app

from engine.api.account_routes import account_routes
from engine.api.alert_routes import alert_routes
from engine.api.automation_routes import automation_routes
from engine.api.control import Control
from engine.api.control_routes import Guard
from engine.api.data_routes import data_routes
from engine.api.desk_port import DeskPort
from engine.api.http import MAX_BODY, body, errors, json_response, not_found, number, who
from engine.api.hub import Hub
from engine.api.limit_routes import limit_routes
from engine.api.model_routes import model_routes
from engine.api.order_routes import order_routes
from engine.api.playback_routes import playback_routes
from engine.api.protocol import RiskPatch
from engine.api.signal_routes import signal_routes
from engine.api.strategy_routes import strategy_routes
from engine.api.stream import Streams
from engine.text import clean

MOST_RISK_CHANGES = 1_000


class ApiServer:
    """Serves one desk. ``frames_per_s`` is the rate of conflated state to each client."""

    def __init__(
        self, desk: DeskPort, hub: Hub, *, frames_per_s: float, control: Control | None = None
    ) -> None:
        self._desk = desk
        self._guard = Guard(control or Control(), time.monotonic_ns)
        self.streams = Streams(desk, hub, self._guard, frames_per_s=frames_per_s)
        self._runner: web.AppRunner | None = None

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY, middlewares=[errors, self._guard.middleware()])
        app.add_routes(
            [
                web.get("/v1/health", self._health),
                web.get("/v1/snapshot", self._snapshot),
                web.get("/v1/explain/{id}", self._explain),
                web.post("/v1/risk", self._risk),
                web.get("/v1/risk/changes", self._risk_changes),
                web.post("/v1/stop", self._stop),
                web.get("/v1/stream", self.streams.serve),
                web.get("/v1/latency", self._latency),
                *self._guard.routes(self._desk),
                *strategy_routes(self._desk),
                *signal_routes(self._desk),
                *automation_routes(self._desk),
                *data_routes(self._desk.data),
                *model_routes(self._desk.models),
                *order_routes(self._desk.trading),
                *limit_routes(self._desk.trading),
                *account_routes(self._desk.trading),
                *playback_routes(self._desk),
                *alert_routes(self._desk.alerts),
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

    async def close(self, *, restarts: bool = False) -> None:
        """``restarts``: clients are told to come back, to a desk that begins anew."""
        await self.streams.close(restarts=restarts)
        if self._runner is not None:
            await self._runner.cleanup()
        if restarts:
            _forget_handlers()

    async def _health(self, request: web.Request) -> web.Response:
        await self._desk.prepare()
        return json_response(self._desk.health())

    async def _snapshot(self, request: web.Request) -> web.Response:
        await self._desk.prepare()
        return json_response(self._desk.state())

    async def _latency(self, request: web.Request) -> web.Response:
        return json_response(self._desk.market.latency())

    async def _explain(self, request: web.Request) -> web.Response:
        identity = request.match_info["id"]
        explanation = await self._desk.explain(identity)
        if explanation is None:
            return not_found(f"nothing is known of {clean(identity, 60)}: it may be older than the history")
        return json_response(explanation)

    async def _risk(self, request: web.Request) -> web.Response:
        patch = await body(request, RiskPatch)
        self._guard.check_state(request, patch.state, self._desk.risk_state)
        return json_response(await self._desk.set_risk(patch.state, clean(patch.reason), who(request)))

    async def _risk_changes(self, request: web.Request) -> web.Response:
        limit = number(request, "limit", 50, 1, MOST_RISK_CHANGES)
        return json_response(await asyncio.to_thread(self._desk.risk_changes, limit))

    async def _stop(self, request: web.Request) -> web.Response:
        return json_response(self._desk.stop(who(request)))


def _forget_handlers() -> None:
    """aiohttp keeps the handlers of ended applications in a cache, and with them their whole desk."""
    cache = getattr(web_app, "_cached_build_middleware", None)
    if cache is not None:
        cache.cache_clear()
