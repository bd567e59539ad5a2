"""Requests that only look: nothing hurries them, and what an answer takes must not stand before a tick.

They go one after the other, with a rest before each, and each is answered in parts: what aiohttp and the
middlewares do, the route's own work, and the reply's way out. Commands wait for none of it.
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.api.http import Handler
from engine.api.route import route_of
from engine.slices import REST_S


def in_parts() -> Middleware:
    """Inside of all others."""
    turn = asyncio.Lock()

    @web.middleware
    async def rest(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(request)
        if route is None or route.command or route.stream:
            return await handler(request)
        async with turn:
            await asyncio.sleep(REST_S)
        response = await handler(request)  # it may wait for the disk: the next one need not
        await asyncio.sleep(REST_S)
        return response

    return rest
