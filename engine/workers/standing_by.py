"""An execution worker while another one executes: it waits, says how it is, and may be told to end.

It answers on the engine's socket and by the engine's routes, so that whoever asks an engine can ask it, too.
There is no desk yet to look at or to trade with.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import web

from engine.api import desk_routes, health_routes
from engine.api.address import prepare, socket_path
from engine.api.http import errors
from engine.api.private_socket import listen
from engine.api.route import DESK, add_routes
from engine.errors import NotReadyError
from engine.wiring.port import LivePort

if TYPE_CHECKING:
    from engine.workers.execution import ExecutionEngine

log = logging.getLogger("engine.execution")

PHASE = "standing by"
_STOP = tuple(route for route in desk_routes.ROUTES if route.path == "/v1/stop")


async def acquired(engine: ExecutionEngine) -> bool:
    """Wait for the lease of the stage. False: told to end meanwhile. Raises LinkError."""
    async with contextlib.AsyncExitStack() as answers:
        while not await _taken(engine):
            if engine.phase != PHASE:
                await answers.enter_async_context(_answering(engine))
                log.info("%s: standing by", engine.phase_detail)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(engine.options.config.bus.lease_s / 4):
                    await engine.stopping.wait()
            if engine.stopping.is_set():
                return False
    return True


async def _taken(engine: ExecutionEngine) -> bool:
    """Whether the lease is held now; ``phase_detail`` says why not."""
    try:
        if await engine.lease.acquire():
            return True
        why = f"{engine.lease.holder} executes"
    except Exception as error:
        why = f"Redis at {engine.address.shown} does not answer ({type(error).__name__})"
    engine.phase_detail = why
    return False


@contextlib.asynccontextmanager
async def _answering(engine: ExecutionEngine) -> AsyncIterator[None]:
    """While this is open. Raises LinkError where the socket cannot be had."""
    where = engine.options.state_dir
    prepare(where)
    socket, before = socket_path(where), engine.phase
    app = web.Application(middlewares=[errors])
    app[DESK] = LivePort(engine)
    add_routes(app, (*health_routes.ROUTES, *_STOP))

    async def refuse(request: web.Request) -> web.Response:
        raise NotReadyError(f"{engine.phase}: {engine.phase_detail}; ask that one")

    app.router.add_route("*", "/{any:.*}", refuse)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    engine.phase = PHASE
    await runner.setup()
    try:
        await listen(runner, socket)
        yield
    finally:
        await runner.cleanup()
        socket.unlink(missing_ok=True)
        engine.phase, engine.phase_detail = before, ""
