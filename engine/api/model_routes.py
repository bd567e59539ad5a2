"""Routes of models: what is registered and how it does, exchanging it, training, contributions."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import body, json_response, name_of, number, who
from engine.api.model_port import ModelPort
from engine.api.model_protocol import TrainingOrder

MOST_NS = (1 << 63) - 1


def model_routes(models: ModelPort) -> list[web.RouteDef]:
    async def every(request: web.Request) -> web.Response:
        return json_response(await models.models())

    async def one(request: web.Request) -> web.Response:
        return json_response(await models.model(name_of(request, "version")))

    async def info(request: web.Request) -> web.Response:
        return json_response(await models.model(""))

    async def activate(request: web.Request) -> web.Response:
        return json_response(await models.activate(name_of(request, "version"), who(request)))

    async def shadow(request: web.Request) -> web.Response:
        return json_response(await models.shadow(name_of(request, "version"), who(request)))

    async def no_shadow(request: web.Request) -> web.Response:
        return json_response(await models.shadow("", who(request)))

    async def reload(request: web.Request) -> web.Response:
        return json_response(await models.reload(who(request)))

    async def rollback(request: web.Request) -> web.Response:
        return json_response(await models.rollback(who(request)))

    async def deactivate(request: web.Request) -> web.Response:
        return json_response(await models.deactivate(who(request)))

    async def contributions(request: web.Request) -> web.Response:
        ns = number(request, "ns", 0, 0, MOST_NS)
        return json_response(await models.contributions(name_of(request, "symbol"), ns))

    async def training(request: web.Request) -> web.Response:
        return json_response(models.training())

    async def train(request: web.Request) -> web.Response:
        return json_response(await models.train(await body(request, TrainingOrder), who(request)))

    async def cancel_training(request: web.Request) -> web.Response:
        return json_response(await models.cancel_training(who(request)))

    return [
        web.get("/v1/models", every),
        web.delete("/v1/models/shadow", no_shadow),
        web.get("/v1/models/{version}", one),
        web.post("/v1/models/{version}/activate", activate),
        web.post("/v1/models/{version}/shadow", shadow),
        web.post("/v1/model/reload", reload),
        web.post("/v1/model/rollback", rollback),
        web.post("/v1/model/deactivate", deactivate),
        web.get("/v1/model/info", info),
        # A symbol may hold a slash (kraken:BTC/USD), plain or escaped.
        web.get("/v1/model/contributions/{symbol:.+}", contributions),
        web.get("/v1/training", training),
        web.post("/v1/training", train),
        web.delete("/v1/training", cancel_training),
    ]
