"""The route of a tape's playback."""

from __future__ import annotations

from aiohttp import web

from engine.api.desk_port import DeskPort
from engine.api.http import body, json_response, who
from engine.api.playback_protocol import PlaybackPatch


def playback_routes(desk: DeskPort) -> list[web.RouteDef]:
    async def patch(request: web.Request) -> web.Response:
        return json_response(desk.set_playback(await body(request, PlaybackPatch), who(request)))

    return [web.post("/v1/playback", patch)]
