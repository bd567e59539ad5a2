"""Routes of models: what is registered and how it does, exchanging it, training, contributions."""

from __future__ import annotations

from aiohttp import web

from engine.api.asked_by import who
from engine.api.http import body, json_response, name_of
from engine.api.model_protocol import Contributions, ModelDetail, ModelsDetail, TrainingOrder, TrainingRow
from engine.api.protocol import Reply
from engine.api.query import Number
from engine.api.route import Route, desk_of

NS = Number("ns", "Of the bar close that the prediction rests on, ns since the epoch; 0: the newest", 0)


async def every(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.models())


async def one(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.model(name_of(request, "version")))


async def info(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.model(""))


async def activate(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.activate(name_of(request, "version"), who(request)))


async def shadow(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.shadow(name_of(request, "version"), who(request)))


async def no_shadow(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.shadow("", who(request)))


async def reload(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.reload(who(request)))


async def rollback(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.rollback(who(request)))


async def deactivate(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.deactivate(who(request)))


async def contributions(request: web.Request) -> web.Response:
    ns = NS.of(request)
    return json_response(await desk_of(request).models.contributions(name_of(request, "symbol"), ns))


async def training(request: web.Request) -> web.Response:
    return json_response(desk_of(request).models.training())


async def train(request: web.Request) -> web.Response:
    order = await body(request, TrainingOrder)
    return json_response(await desk_of(request).models.train(order, who(request)))


async def cancel_training(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).models.cancel_training(who(request)))


ROUTES = (
    Route(
        method="GET",
        path="/v1/models",
        handler=every,
        summary="The registered models, how they do live, and the training run",
        tag="models",
        role="read",
        need="look",
        reply=ModelsDetail,
        slow=True,
    ),
    Route(
        method="DELETE",
        path="/v1/models/shadow",
        handler=no_shadow,
        summary="No shadow any more",
        tag="models",
        role="admin",
        need="control",
        reply=Reply,
    ),
    Route(
        method="GET",
        path="/v1/models/{version}",
        handler=one,
        summary="A registered model, by its version or the first characters of that",
        tag="models",
        role="read",
        need="look",
        reply=ModelDetail,
        statuses=(404, 409),
        slow=True,
    ),
    Route(
        method="POST",
        path="/v1/models/{version}/activate",
        handler=activate,
        summary="Load and try a model, then swap it in",
        tag="models",
        role="admin",
        need="control",
        reply=Reply,
        statuses=(404,),
    ),
    Route(
        method="POST",
        path="/v1/models/{version}/shadow",
        handler=shadow,
        summary="Run a model beside the active one",
        tag="models",
        role="admin",
        need="control",
        reply=Reply,
        statuses=(404,),
    ),
    Route(
        method="POST",
        path="/v1/model/reload",
        handler=reload,
        summary="Load the registry's active model anew",
        tag="models",
        role="admin",
        need="control",
        reply=Reply,
        statuses=(404,),
    ),
    Route(
        method="POST",
        path="/v1/model/rollback",
        handler=rollback,
        summary="Back to the model that was active before",
        cumulative=True,
        tag="models",
        role="admin",
        need="control",
        reply=Reply,
        statuses=(404,),
    ),
    Route(
        method="POST",
        path="/v1/model/deactivate",
        handler=deactivate,
        summary="The strategy goes on without a model",
        tag="models",
        role="admin",
        need="control",
        reply=Reply,
        statuses=(404,),
    ),
    Route(
        method="GET",
        path="/v1/model/info",
        handler=info,
        summary="The active model",
        tag="models",
        role="read",
        need="look",
        reply=ModelDetail,
        statuses=(404, 409),
        slow=True,
    ),
    # A symbol may hold a slash (kraken:BTC/USD), plain or escaped.
    Route(
        method="GET",
        path="/v1/model/contributions/{symbol:.+}",
        handler=contributions,
        summary="A prediction of the active model, taken apart",
        tag="models",
        role="read",
        need="look",
        query=(NS,),
        reply=Contributions,
        statuses=(404, 409),
        slow=True,
    ),
    Route(
        method="GET",
        path="/v1/training",
        handler=training,
        summary="The training run at work, or the last one",
        tag="models",
        role="read",
        need="look",
        reply=TrainingRow,
    ),
    Route(
        method="POST",
        path="/v1/training",
        handler=train,
        summary="Start a training run in a process of its own",
        tag="models",
        role="admin",
        need="control",
        body=TrainingOrder,
        cumulative=True,
        optional=True,
        reply=Reply,
    ),
    Route(
        method="DELETE",
        path="/v1/training",
        handler=cancel_training,
        summary="End the training run",
        tag="models",
        role="admin",
        need="control",
        reply=Reply,
    ),
)
