"""The route that tells whoever asks how it is known here."""

from __future__ import annotations

from aiohttp import web

from engine.api.access_protocol import AccessReply
from engine.api.asked_by import asked_by, principal
from engine.api.http import json_response
from engine.api.route import Route


async def access(request: web.Request) -> web.Response:
    said = asked_by(request)
    return json_response(AccessReply(principal(request), "admin" if said is None else said.role))


ROUTES = (
    Route(
        method="GET",
        path="/v1/access",
        handler=access,
        summary="Who asks, as the desk knows it, and what that one may",
        tag="desk",
        role="read",
        need="look",
        reply=AccessReply,
        personal=True,
    ),
)
