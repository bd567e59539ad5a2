"""The engine's HTTP and WebSocket server on a Unix-domain socket.

Its routes: see table.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web, web_app

from engine.api import openapi_routes
from engine.api.audit import audited, begun
from engine.api.control import Control
from engine.api.desk_port import DeskPort
from engine.api.guard import GUARD, Guard
from engine.api.http import MAX_BODY, errors
from engine.api.hub import Hub
from engine.api.idempotency import Keys
from engine.api.looks import in_parts
from engine.api.private_socket import listen, withdraw
from engine.api.requests import Requests
from engine.api.route import DESK, add_routes, strict
from engine.api.stream import Streams
from engine.api.stream_routes import STREAMS
from engine.api.table import TABLE
from engine.errors import LinkError

log = logging.getLogger(__name__)
SOCKET_S = 1.0
"""How soon a socket that was removed is there again."""


class ApiServer:
    """Serves one desk. ``frames_per_s`` is the rate of conflated state to each client."""

    def __init__(
        self,
        desk: DeskPort,
        hub: Hub,
        *,
        frames_per_s: float,
        control: Control | None = None,
        requests: Requests | None = None,
    ) -> None:
        self._desk = desk
        self.requests = requests or Requests()
        self._guard = Guard(control or Control(), time.monotonic_ns)
        self.streams = Streams(desk, hub, self._guard, frames_per_s=frames_per_s)
        self._runner: web.AppRunner | None = None
        self._listening: tuple[Path, os.stat_result] | None = None

    def application(self) -> web.Application:
        commands = self._desk.commands
        app = web.Application(
            client_max_size=MAX_BODY,
            middlewares=[
                self.requests.middleware(time.perf_counter_ns),
                audited(commands, time.time_ns),
                errors,
                self._guard.middleware(),
                strict,
                begun(commands),
                Keys(commands).middleware(),
                in_parts(),
            ],
        )
        app[DESK], app[GUARD], app[STREAMS] = self._desk, self._guard, self.streams
        openapi_routes.prepare(app)
        add_routes(app, TABLE)
        return app

    async def start(self, socket: Path) -> None:
        """Listen on ``socket`` (mode 0600). A dead engine's socket is replaced: the caller holds the lock."""
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        self._listening = socket, await listen(self._runner, socket)

    async def keep_listening(self, prepare: Callable[[], object]) -> None:
        """Until canceled. Where the socket is removed, as by what cleans temporary directories, nobody could
        attach any more, nor halt: it is put there again. ``prepare`` makes its place, and raises LinkError
        where that is not ours any more."""
        while True:
            await asyncio.sleep(SOCKET_S)
            if self._listening is None or self._runner is None:
                continue
            socket = self._listening[0]
            if os.path.lexists(socket):  # noqa: ASYNC240 - one call
                continue
            try:
                prepare()
                for site in list(self._runner.sites):
                    await site.stop()
                self._listening = socket, await listen(self._runner, socket)
            except (LinkError, OSError):
                continue  # as when the directory is gone: whoever writes to it says so
            log.warning("%s was removed: it is there again", socket)

    async def close(self, *, restarts: bool = False) -> None:
        """``restarts``: clients are told to come back, to a desk that begins anew."""
        await self.streams.close(restarts=restarts)
        if self._runner is not None:
            await self._runner.cleanup()
        if restarts:
            _forget_handlers()

    def withdraw(self) -> None:
        """Remove the socket: a sign that the engine has ended."""
        if self._listening is not None:
            withdraw(*self._listening)


def _forget_handlers() -> None:
    """aiohttp keeps the handlers of ended applications in a cache, and with them their whole desk."""
    cache = getattr(web_app, "_cached_build_middleware", None)
    if cache is not None:
        cache.cache_clear()
