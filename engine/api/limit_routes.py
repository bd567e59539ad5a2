"""Routes of risk limits: as they stand, and changed while the desk runs."""

from __future__ import annotations

from aiohttp import web

from engine.api.asked_by import who
from engine.api.http import body, json_response
from engine.api.protocol import Reply
from engine.api.route import Route, desk_of
from engine.api.trading_protocol import LimitPatch, LimitRow


async def every(request: web.Request) -> web.Response:
    return json_response(desk_of(request).trading.limits())


async def change(request: web.Request) -> web.Response:
    patch = await body(request, LimitPatch)
    return json_response(await desk_of(request).trading.set_limit(patch, who(request)))


ROUTES = (
    Route(
        method="GET",
        path="/v1/limits",
        handler=every,
        summary="Every limit as it stands",
        tag="risk",
        role="read",
        need="look",
        reply=tuple[LimitRow, ...],
    ),
    Route(
        method="POST",
        path="/v1/limits",
        handler=change,
        summary="Change a limit",
        tag="risk",
        role="admin",
        need="control",
        body=LimitPatch,
        reply=Reply,
    ),
)
