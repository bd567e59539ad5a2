"""Routes of alerts."""

from __future__ import annotations

from aiohttp import web

from engine.alert_rule import AlertRule
from engine.api.alert_protocol import AlertPatch, AlertReply, AlertRow
from engine.api.asked_by import who
from engine.api.http import body, json_response, name_of
from engine.api.protocol import Reply
from engine.api.route import Route, desk_of

PATH = "/v1/alerts"
ONE = PATH + "/{id}"


async def every(request: web.Request) -> web.Response:
    return json_response(desk_of(request).alerts.rows())


async def add(request: web.Request) -> web.Response:
    return json_response(desk_of(request).alerts.add(await body(request, AlertRule), who(request)))


async def switch(request: web.Request) -> web.Response:
    patch = await body(request, AlertPatch)
    return json_response(desk_of(request).alerts.switch(name_of(request, "id"), patch.on, who(request)))


async def remove(request: web.Request) -> web.Response:
    return json_response(desk_of(request).alerts.remove(name_of(request, "id"), who(request)))


ROUTES = (
    Route(
        method="GET",
        path=PATH,
        handler=every,
        summary="What persons want to be told of",
        tag="alerts",
        role="read",
        need="look",
        reply=tuple[AlertRow, ...],
    ),
    Route(
        method="POST",
        path=PATH,
        handler=add,
        summary="A new alert",
        tag="alerts",
        role="trade",
        need="safer",  # one more risks nothing; to switch off or delete one takes control
        body=AlertRule,
        cumulative=True,
        reply=AlertReply,
    ),
    Route(
        method="POST",
        path=ONE,
        handler=switch,
        summary="Switch an alert on or off",
        tag="alerts",
        role="trade",
        need="control",
        body=AlertPatch,
        reply=Reply,
    ),
    Route(
        method="DELETE",
        path=ONE,
        handler=remove,
        summary="Delete an alert",
        tag="alerts",
        role="trade",
        need="control",
        reply=Reply,
    ),
)
