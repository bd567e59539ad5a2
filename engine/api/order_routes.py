"""Routes of orders: place, preview, list, amend, cancel, flatten, kill."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import body, json_response, name_of, number, who
from engine.api.trading_port import TradingPort
from engine.api.trading_protocol import AmendPatch, CancelPatch, FlattenPatch, OrderList, OrderTicket
from engine.text import clean

MOST = 1_000
"""Orders that are listed at once."""


def order_routes(trading: TradingPort) -> list[web.RouteDef]:
    async def place(request: web.Request) -> web.Response:
        return json_response(await trading.place(await body(request, OrderTicket), who(request)))

    async def preview(request: web.Request) -> web.Response:
        return json_response(trading.preview(await body(request, OrderTicket), who(request)))

    async def place_list(request: web.Request) -> web.Response:
        return json_response(await trading.place_list(await body(request, OrderList), who(request)))

    async def preview_list(request: web.Request) -> web.Response:
        return json_response(trading.preview_list(await body(request, OrderList), who(request)))

    async def every(request: web.Request) -> web.Response:
        query = request.query
        symbol, state = clean(query.get("symbol", ""), 64), clean(query.get("state", ""), 32)
        return json_response(trading.orders(symbol, state, number(request, "limit", 100, 1, MOST)))

    async def amend(request: web.Request) -> web.Response:
        patch = await body(request, AmendPatch)
        return json_response(await trading.amend(name_of(request, "id"), patch, who(request)))

    async def preview_amendment(request: web.Request) -> web.Response:
        patch = await body(request, AmendPatch)
        return json_response(trading.preview_amendment(name_of(request, "id"), patch))

    async def cancel(request: web.Request) -> web.Response:
        return json_response(await trading.cancel(name_of(request, "id"), who(request)))

    async def cancel_all(request: web.Request) -> web.Response:
        patch = await body(request, CancelPatch)
        return json_response(await trading.cancel_all(patch.symbol, who(request)))

    async def flatten(request: web.Request) -> web.Response:
        return json_response(await trading.flatten(await body(request, FlattenPatch), who(request)))

    async def kill(request: web.Request) -> web.Response:
        return json_response(await trading.kill(who(request)))

    return [
        web.post("/v1/orders", place),
        web.post("/v1/orders/preview", preview),
        web.post("/v1/orders/list", place_list),
        web.post("/v1/orders/list/preview", preview_list),
        web.post("/v1/orders/cancel", cancel_all),
        web.get("/v1/orders", every),
        web.post("/v1/orders/{id}", amend),
        web.post("/v1/orders/{id}/preview", preview_amendment),
        web.delete("/v1/orders/{id}", cancel),
        web.post("/v1/flatten", flatten),
        web.post("/v1/kill", kill),
    ]
