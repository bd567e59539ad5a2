"""Routes of automations. A definition travels as the text that was put: the dispatcher reads it, not we."""

from __future__ import annotations

from aiohttp import web

from engine.api.desk_port import DeskPort
from engine.api.http import body, json_response, name_of, not_found, raw_body, who
from engine.api.protocol import AutomationPatch
from engine.text import clean

STATISTICS = "statistics"


def automation_routes(desk: DeskPort) -> list[web.RouteDef]:
    async def every(request: web.Request) -> web.Response:
        return json_response(desk.automations())

    async def statistics(request: web.Request) -> web.Response:
        return json_response(desk.automation_statistics())

    async def one(request: web.Request) -> web.Response:
        name = name_of(request)
        definition = desk.automation(name)
        if definition is None:
            return not_found(f"unknown automation {clean(name, 40)}: GET /v1/automations lists them")
        return web.Response(body=definition, content_type="application/json")

    async def put(request: web.Request) -> web.Response:
        name = name_of(request)
        if name == STATISTICS:
            raise web.HTTPBadRequest(reason=f"{STATISTICS} is taken by a route: choose another name")
        return json_response(await desk.put_automation(name, await raw_body(request), who(request)))

    async def patch(request: web.Request) -> web.Response:
        wanted = await body(request, AutomationPatch)
        return json_response(await desk.set_automation(name_of(request), wanted.active, who(request)))

    async def remove(request: web.Request) -> web.Response:
        return json_response(await desk.remove_automation(name_of(request), who(request)))

    return [
        web.get("/v1/automations", every),
        web.get(f"/v1/automations/{STATISTICS}", statistics),
        web.get("/v1/automations/{name}", one),
        web.put("/v1/automations/{name}", put),
        web.post("/v1/automations/{name}", patch),
        web.delete("/v1/automations/{name}", remove),
    ]
