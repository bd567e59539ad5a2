"""The route of the OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from engine.api.openapi import document
from engine.api.route import Route, routes_of

_ENCODED = web.AppKey("openapi", list[bytes])


async def openapi(request: web.Request) -> web.Response:
    encoded = request.app[_ENCODED]
    if not encoded:
        encoded.append(msgspec.json.encode(document(routes_of(request))))
    return web.Response(body=encoded[0], content_type="application/json")


def prepare(app: web.Application) -> None:
    """Keep the document, once it is made: the table does not change."""
    app[_ENCODED] = []


ROUTES = (
    Route(
        method="GET",
        path="/v1/openapi.json",
        handler=openapi,
        summary="This document",
        tag="desk",
        role="read",
        need="look",
        reply=dict[str, Any],
    ),
)
