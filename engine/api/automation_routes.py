"""Routes of automations. A definition travels as the text that was put: the dispatcher reads it, not we."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from engine.api.asked_by import who
from engine.api.http import body, json_response, name_of, not_found, raw_body
from engine.api.protocol import AutomationPatch, AutomationRow, Reply, SignalStatistics
from engine.api.route import Route, desk_of
from engine.text import clean

STATISTICS = "statistics"
PATH = "/v1/automations"
ONE = PATH + "/{name}"


async def every(request: web.Request) -> web.Response:
    return json_response(desk_of(request).automations())


async def statistics(request: web.Request) -> web.Response:
    return json_response(desk_of(request).automation_statistics())


async def one(request: web.Request) -> web.Response:
    name = name_of(request)
    definition = desk_of(request).automation(name)
    if definition is None:
        return not_found(f"unknown automation {clean(name, 40)}: GET /v1/automations lists them")
    return web.Response(body=definition, content_type="application/json")


async def put(request: web.Request) -> web.Response:
    name = name_of(request)
    if name == STATISTICS:
        raise web.HTTPBadRequest(reason=f"{STATISTICS} is taken by a route: choose another name")
    definition = await raw_body(request)
    return json_response(await desk_of(request).put_automation(name, definition, who(request)))


async def patch(request: web.Request) -> web.Response:
    wanted = await body(request, AutomationPatch)
    return json_response(await desk_of(request).set_automation(name_of(request), wanted.active, who(request)))


async def remove(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).remove_automation(name_of(request), who(request)))


ROUTES = (
    Route(
        method="GET",
        path=PATH,
        handler=every,
        summary="Every automation, with how its runs went",
        tag="automations",
        role="read",
        need="look",
        reply=tuple[AutomationRow, ...],
    ),
    Route(
        method="GET",
        path=f"{PATH}/{STATISTICS}",
        handler=statistics,
        summary="What the dispatcher did with each type of signal",
        tag="automations",
        role="read",
        need="look",
        reply=tuple[SignalStatistics, ...],
    ),
    Route(
        method="GET",
        path=ONE,
        handler=one,
        summary="The definition of an automation, as it was put",
        tag="automations",
        role="admin",  # it may hold what a webhook is called with
        need="look",
        reply=dict[str, Any],
        statuses=(404,),
    ),
    Route(
        method="PUT",
        path=ONE,
        handler=put,
        summary="Create or replace an automation",
        tag="automations",
        role="admin",
        need="control",
        body=dict[str, Any],
        reply=Reply,
    ),
    Route(
        method="POST",
        path=ONE,
        handler=patch,
        summary="Switch an automation on or off",
        tag="automations",
        role="trade",
        need="control",
        body=AutomationPatch,
        reply=Reply,
    ),
    Route(
        method="DELETE",
        path=ONE,
        handler=remove,
        summary="Delete an automation",
        tag="automations",
        role="admin",
        need="control",
        reply=Reply,
    ),
)
