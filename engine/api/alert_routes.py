"""Routes of alerts."""

from __future__ import annotations

from aiohttp import web

from engine.alert_rule import AlertRule
from engine.api.alert_port import AlertPort
from engine.api.alert_protocol import AlertPatch
from engine.api.http import body, json_response, name_of, who

PATH = "/v1/alerts"


def alert_routes(alerts: AlertPort) -> list[web.RouteDef]:
    async def every(request: web.Request) -> web.Response:
        return json_response(alerts.rows())

    async def add(request: web.Request) -> web.Response:
        return json_response(alerts.add(await body(request, AlertRule), who(request)))

    async def switch(request: web.Request) -> web.Response:
        patch = await body(request, AlertPatch)
        return json_response(alerts.switch(name_of(request, "id"), patch.on, who(request)))

    async def remove(request: web.Request) -> web.Response:
        return json_response(alerts.remove(name_of(request, "id"), who(request)))

    one = PATH + "/{id}"
    return [web.get(PATH, every), web.post(PATH, add), web.post(one, switch), web.delete(one, remove)]
