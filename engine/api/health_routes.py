"""Routes of health: of all parts, and one question at a time for what supervises the engine."""

from __future__ import annotations

from aiohttp import web

from engine.api.health_protocol import Probe
from engine.api.http import json_response
from engine.api.protocol import Health
from engine.api.route import Route, desk_of


async def health(request: web.Request) -> web.Response:
    return json_response(desk_of(request).health())


async def live(request: web.Request) -> web.Response:
    return _probe("")


async def ready(request: web.Request) -> web.Response:
    return _probe(desk_of(request).unready())


async def trading(request: web.Request) -> web.Response:
    return _probe(desk_of(request).untraded())


def _probe(fault: str) -> web.Response:
    return json_response(Probe(not fault, fault), 503 if fault else 200)


ROUTES = (
    Route(
        method="GET",
        path="/v1/health",
        handler=health,
        summary="Whether the desk is well, and each of its parts",
        tag="desk",
        role="read",
        need="look",
        reply=Health,
    ),
    Route(
        method="GET",
        path="/v1/health/live",
        handler=live,
        summary="Whether the engine answers",
        tag="desk",
        role="read",
        need="look",
        reply=Probe,
        access="open",
    ),
    Route(
        method="GET",
        path="/v1/health/ready",
        handler=ready,
        summary="Whether the engine runs and can write; 503 when not",
        tag="desk",
        role="read",
        need="look",
        reply=Probe,
        statuses=(503,),
        access="open",
    ),
    Route(
        method="GET",
        path="/v1/health/trading",
        handler=trading,
        summary="Whether entries would be sent; 503 when not",
        tag="desk",
        role="read",
        need="look",
        reply=Probe,
        statuses=(503,),
        access="open",
    ),
)
