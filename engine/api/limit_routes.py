"""Routes of risk limits: as they stand, and changed while the desk runs."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import body, json_response, who
from engine.api.trading_port import TradingPort
from engine.api.trading_protocol import LimitPatch


def limit_routes(trading: TradingPort) -> list[web.RouteDef]:
    async def every(request: web.Request) -> web.Response:
        return json_response(trading.limits())

    async def change(request: web.Request) -> web.Response:
        return json_response(await trading.set_limit(await body(request, LimitPatch), who(request)))

    return [web.get("/v1/limits", every), web.post("/v1/limits", change)]
