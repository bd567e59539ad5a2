"""Routes of orders: place, preview, list, amend, cancel, flatten, kill."""

from __future__ import annotations

from aiohttp import web

from engine.api.asked_by import who
from engine.api.http import body, json_response, name_of, not_found
from engine.api.idempotency import with_token
from engine.api.page import CURSOR, LIMIT, Page, page, span
from engine.api.protocol import OrderRow, Reply
from engine.api.query import Text
from engine.api.route import Route, desk_of
from engine.api.trading_protocol import (
    AmendPatch,
    CancelPatch,
    FlattenPatch,
    ListPreview,
    OrderList,
    OrderPreview,
    OrderReply,
    OrderTicket,
)
from engine.errors import OrderError
from engine.text import clean

SYMBOL = Text("symbol", "Only of this symbol", 64)
STATE = Text("state", "Only in this state; open: all that may still fill", 32)


async def place(request: web.Request) -> web.Response:
    ticket = with_token(request, await body(request, OrderTicket))
    return json_response(await desk_of(request).trading.place(ticket, who(request)))


async def preview(request: web.Request) -> web.Response:
    ticket = await body(request, OrderTicket)
    return json_response(desk_of(request).trading.preview(ticket, who(request)))


async def place_list(request: web.Request) -> web.Response:
    wanted = with_token(request, await body(request, OrderList))
    return json_response(await desk_of(request).trading.place_list(wanted, who(request)))


async def preview_list(request: web.Request) -> web.Response:
    wanted = await body(request, OrderList)
    return json_response(await desk_of(request).trading.preview_list(wanted, who(request)))


async def every(request: web.Request) -> web.Response:
    symbol, state, wanted = SYMBOL.of(request), STATE.of(request), span(request, "orders")
    try:
        found = await desk_of(request).trading.orders(symbol, state, wanted.limit, wanted.before)
    except OrderError as error:
        raise web.HTTPBadRequest(reason=clean(error, 300)) from None
    return json_response(page("orders", *found))


async def one(request: web.Request) -> web.Response:
    identity = name_of(request, "id")
    found = desk_of(request).trading.order(identity)
    if found is None:
        return not_found(f"no order {clean(identity, 60)}: GET /v1/orders lists them")
    return json_response(found)


async def amend(request: web.Request) -> web.Response:
    patch = await body(request, AmendPatch)
    return json_response(await desk_of(request).trading.amend(name_of(request, "id"), patch, who(request)))


async def preview_amendment(request: web.Request) -> web.Response:
    patch = await body(request, AmendPatch)
    return json_response(desk_of(request).trading.preview_amendment(name_of(request, "id"), patch))


async def cancel(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).trading.cancel(name_of(request, "id"), who(request)))


async def cancel_all(request: web.Request) -> web.Response:
    patch = await body(request, CancelPatch)
    return json_response(await desk_of(request).trading.cancel_all(patch.symbol, who(request)))


async def flatten(request: web.Request) -> web.Response:
    patch = await body(request, FlattenPatch)
    return json_response(await desk_of(request).trading.flatten(patch, who(request)))


async def kill(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).trading.kill(who(request)))


ROUTES = (
    Route(
        method="POST",
        path="/v1/orders",
        handler=place,
        summary="Place an order, or a bracket; answered when it is on disk",
        tag="orders",
        role="trade",
        need="control",
        body=OrderTicket,
        reply=OrderReply,
    ),
    Route(
        method="POST",
        path="/v1/orders/preview",
        handler=preview,
        summary="What an order would do; nothing is sent",
        tag="orders",
        role="read",
        need="look",
        body=OrderTicket,
        reply=OrderPreview,
        statuses=(409,),
    ),
    Route(
        method="POST",
        path="/v1/orders/list",
        handler=place_list,
        summary="Place orders together, or not at all",
        tag="orders",
        role="trade",
        need="control",
        body=OrderList,
        reply=OrderReply,
    ),
    Route(
        method="POST",
        path="/v1/orders/list/preview",
        handler=preview_list,
        summary="What a list of orders would do; nothing is sent",
        tag="orders",
        role="read",
        need="look",
        body=OrderList,
        reply=ListPreview,
        statuses=(409,),
        slow=True,
    ),
    Route(
        method="POST",
        path="/v1/orders/cancel",
        handler=cancel_all,
        summary="Cancel all open orders, of one symbol when it is named",
        tag="orders",
        role="trade",
        need="safer",
        body=CancelPatch,
        optional=True,
        reply=Reply,
    ),
    Route(
        method="GET",
        path="/v1/orders",
        handler=every,
        summary="Orders, newest first",
        tag="orders",
        role="read",
        need="look",
        query=(SYMBOL, STATE, CURSOR, LIMIT),
        reply=Page[OrderRow],
    ),
    Route(
        method="GET",
        path="/v1/orders/{id}",
        handler=one,
        summary="One order",
        tag="orders",
        role="read",
        need="look",
        reply=OrderRow,
        statuses=(404,),
    ),
    Route(
        method="POST",
        path="/v1/orders/{id}",
        handler=amend,
        summary="Amend an order",
        tag="orders",
        role="trade",
        need="control",
        body=AmendPatch,
        optional=True,
        reply=Reply,
    ),
    Route(
        method="POST",
        path="/v1/orders/{id}/preview",
        handler=preview_amendment,
        summary="What an amendment would do to what may still fill; nothing is sent",
        tag="orders",
        role="read",
        need="look",
        body=AmendPatch,
        optional=True,
        reply=OrderPreview,
        statuses=(409,),
    ),
    Route(
        method="DELETE",
        path="/v1/orders/{id}",
        handler=cancel,
        summary="Cancel an order",
        tag="orders",
        role="trade",
        need="safer",
        reply=Reply,
    ),
    Route(
        method="POST",
        path="/v1/flatten",
        handler=flatten,
        summary="Close positions: all at market unless the body says otherwise",
        tag="orders",
        role="trade",
        need="control",
        body=FlattenPatch,
        cumulative=True,
        optional=True,
        reply=Reply,
    ),
    Route(
        method="POST",
        path="/v1/kill",
        handler=kill,
        summary="Halt, cancel all, flatten, verify flat",
        tag="orders",
        role="trade",
        need="safer",
        reply=Reply,
    ),
)
