"""Routes of strategies and of the blend's weights."""

from __future__ import annotations

from aiohttp import web

from engine.api.asked_by import who
from engine.api.http import body, json_response, name_of, not_found
from engine.api.protocol import Reply, StrategyDetail, StrategyPatch, WeightsPatch
from engine.api.route import Route, desk_of
from engine.config import BlendWeights
from engine.text import clean


async def every(request: web.Request) -> web.Response:
    return json_response(desk_of(request).strategies())


async def one(request: web.Request) -> web.Response:
    name = name_of(request)
    detail = desk_of(request).strategy(name)
    if detail is None:
        return not_found(f"unknown strategy {clean(name, 40)}: GET /v1/strategies lists them")
    return json_response(detail)


async def patch(request: web.Request) -> web.Response:
    wanted = await body(request, StrategyPatch)
    return json_response(desk_of(request).set_strategy(name_of(request), wanted, who(request)))


async def reload(request: web.Request) -> web.Response:
    return json_response(desk_of(request).reload_strategies(who(request)))


async def weights(request: web.Request) -> web.Response:
    return json_response(desk_of(request).weights())


async def set_weights(request: web.Request) -> web.Response:
    wanted = await body(request, WeightsPatch)
    return json_response(desk_of(request).set_weights(wanted, who(request)))


ROUTES = (
    Route(
        method="GET",
        path="/v1/strategies",
        handler=every,
        summary="Every strategy, with all that can be changed while the desk runs",
        tag="strategies",
        role="read",
        need="look",
        reply=tuple[StrategyDetail, ...],
    ),
    Route(
        method="POST",
        path="/v1/strategies/reload",
        handler=reload,
        summary="Read the users' strategy files again",
        tag="strategies",
        role="admin",
        need="control",
        reply=Reply,
    ),
    Route(
        method="GET",
        path="/v1/strategies/{name}",
        handler=one,
        summary="One strategy",
        tag="strategies",
        role="read",
        need="look",
        reply=StrategyDetail,
        statuses=(404,),
    ),
    Route(
        method="POST",
        path="/v1/strategies/{name}",
        handler=patch,
        summary="Switch a strategy, or change its weight, symbols, budget or parameters",
        tag="strategies",
        role="trade",
        need="control",
        body=StrategyPatch,
        optional=True,
        reply=Reply,
    ),
    Route(
        method="GET",
        path="/v1/weights",
        handler=weights,
        summary="The blend's weights, percent by family",
        tag="strategies",
        role="read",
        need="look",
        reply=BlendWeights,
    ),
    Route(
        method="POST",
        path="/v1/weights",
        handler=set_weights,
        summary="Change the blend's weights",
        tag="strategies",
        role="admin",
        need="control",
        body=WeightsPatch,
        optional=True,
        reply=Reply,
    ),
)
