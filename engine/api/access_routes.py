"""The route that tells whoever asks how it is known here."""

from __future__ import annotations

import msgspec
from aiohttp import web

from engine.api.asked_by import asked_by, principal
from engine.api.http import json_response
from engine.api.route import Role, Route


class AccessReply(msgspec.Struct, frozen=True):
    name: str
    """As it stands in the log of commands."""
    role: Role
    """What it may; who asks on the Unix socket may all."""


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
    ),
)
