"""The route of a tape's playback."""

from __future__ import annotations

from aiohttp import web

from engine.api.asked_by import who
from engine.api.http import body, json_response
from engine.api.playback_protocol import PlaybackPatch
from engine.api.protocol import Reply
from engine.api.route import Route, desk_of


async def patch(request: web.Request) -> web.Response:
    wanted = await body(request, PlaybackPatch)
    return json_response(desk_of(request).set_playback(wanted, who(request)))


ROUTES = (
    Route(
        method="POST",
        path="/v1/playback",
        handler=patch,
        summary="How a desk that replays a tape plays it",
        tag="playback",
        role="trade",
        need="control",
        body=PlaybackPatch,
        cumulative=True,
        optional=True,
        reply=Reply,
    ),
)
