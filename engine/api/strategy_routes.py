"""Routes of strategies and of the blend's weights."""

from __future__ import annotations

from aiohttp import web

from engine.api.desk_port import DeskPort
from engine.api.http import body, json_response, name_of, not_found, who
from engine.api.protocol import StrategyPatch, WeightsPatch
from engine.text import clean


def strategy_routes(desk: DeskPort) -> list[web.RouteDef]:
    async def every(request: web.Request) -> web.Response:
        return json_response(desk.strategies())

    async def one(request: web.Request) -> web.Response:
        name = name_of(request)
        detail = desk.strategy(name)
        if detail is None:
            return not_found(f"unknown strategy {clean(name, 40)}: GET /v1/strategies lists them")
        return json_response(detail)

    async def patch(request: web.Request) -> web.Response:
        wanted = await body(request, StrategyPatch)
        return json_response(desk.set_strategy(name_of(request), wanted, who(request)))

    async def reload(request: web.Request) -> web.Response:
        return json_response(desk.reload_strategies(who(request)))

    async def weights(request: web.Request) -> web.Response:
        return json_response(desk.weights())

    async def set_weights(request: web.Request) -> web.Response:
        return json_response(desk.set_weights(await body(request, WeightsPatch), who(request)))

    return [
        web.get("/v1/strategies", every),
        web.post("/v1/strategies/reload", reload),
        web.get("/v1/strategies/{name}", one),
        web.post("/v1/strategies/{name}", patch),
        web.get("/v1/weights", weights),
        web.post("/v1/weights", set_weights),
    ]
