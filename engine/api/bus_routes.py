"""The bus that a desk of several workers rests on."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import json_response, not_found
from engine.api.route import Route, desk_of
from engine.bus.inspect import Inspection


async def bus(request: web.Request) -> web.Response:
    found = desk_of(request).bus()
    if found is None:
        return not_found("this desk runs in one process, without a bus")
    return json_response(found)


ROUTES = (
    Route(
        method="GET",
        path="/v1/bus",
        handler=bus,
        summary="Workers, and who owns what; streams, groups and their lag, as of a second ago",
        tag="operation",
        role="read",
        need="look",
        reply=Inspection,
        statuses=(404,),
    ),
)
