"""The route of metrics, as Prometheus asks for them."""

from __future__ import annotations

from aiohttp import web

from engine.api.route import Route, desk_of
from engine.ops.exposition import CONTENT_TYPE


async def metrics(request: web.Request) -> web.Response:
    return web.Response(body=await desk_of(request).metrics(), headers={"Content-Type": CONTENT_TYPE})


ROUTES = (
    Route(
        method="GET",
        path="/metrics",
        handler=metrics,
        summary="What the desk counts, in Prometheus' text format",
        tag="desk",
        role="read",
        need="look",
        reply=str,
        media="text",
    ),
)
