"""Routes of the desk as a whole: its state, its latencies, why it did what it did, and its end."""

from __future__ import annotations

from aiohttp import web

from engine.api.asked_by import who
from engine.api.http import json_response, not_found
from engine.api.market_protocol import LatencyDetail
from engine.api.protocol import Explanation, Reply, StateFrame
from engine.api.route import Route, desk_of
from engine.text import clean


async def snapshot(request: web.Request) -> web.Response:
    desk = desk_of(request)
    await desk.prepare()
    return json_response(desk.state())


async def latency(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).market.latency())


async def explain(request: web.Request) -> web.Response:
    identity = request.match_info["id"]
    explanation = await desk_of(request).explain(identity)
    if explanation is None:
        return not_found(f"nothing is known of {clean(identity, 60)}: it may be older than the history")
    return json_response(explanation)


async def stop(request: web.Request) -> web.Response:
    return json_response(desk_of(request).stop(who(request)))


ROUTES = (
    Route(
        method="GET",
        path="/v1/snapshot",
        handler=snapshot,
        summary="Every row of the desk's state",
        tag="desk",
        role="read",
        need="look",
        reply=StateFrame,
    ),
    Route(
        method="GET",
        path="/v1/latency",
        handler=latency,
        summary="How long each stage took of late",
        tag="desk",
        role="read",
        need="look",
        reply=LatencyDetail,
    ),
    Route(
        method="GET",
        path="/v1/explain/{id}",
        handler=explain,
        summary="The whole chain behind an opportunity or a client order id",
        tag="desk",
        role="read",
        need="look",
        reply=Explanation,
        statuses=(404,),
        slow=True,
    ),
    Route(
        method="POST",
        path="/v1/stop",
        handler=stop,
        summary="The engine ends",
        tag="desk",
        role="admin",
        need="control",
        reply=Reply,
    ),
)
