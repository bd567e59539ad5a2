"""The route of order updates that brokers send by webhook. The gateway that is named checks the signature."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from engine.api.http import json_response, name_of, raw_body
from engine.api.protocol import ErrorReply, Reply
from engine.api.route import Route, desk_of


async def order_update(request: web.Request) -> web.Response:
    gateway, raw = name_of(request, "gateway"), await raw_body(request)
    status, text = desk_of(request).trading.order_update(gateway, request.headers, raw)
    if status >= 400:
        return json_response(ErrorReply(text, f"HTTP_{status}"), status)
    return json_response(Reply(True, text), status)


ROUTES = (
    Route(
        method="POST",
        path="/v1/webhooks/{gateway}",
        handler=order_update,
        summary="An order update of a broker, signed: HMAC-SHA256 in X-Signature",
        about="The broker's own format, or for any gateway: update_id, order_id (the desk's), "
        "venue_order_id, event (accepted, filled, canceled, rejected, expired), symbol, side, at (RFC 3339), "
        "quantity, filled, and with filled an execution: id, quantity, price.",
        tag="webhooks",
        role="trade",
        need="control",
        body=dict[str, Any],
        reply=Reply,
        statuses=(401, 403, 404),
        access="signature",
    ),
)
