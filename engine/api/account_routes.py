"""Routes of the account: balances, exposure, P&L and performance, and what the gateways say of it."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import body, json_response, number, raw_body, who
from engine.api.protocol import ErrorReply, Reply
from engine.api.trading_port import TradingPort
from engine.api.trading_protocol import AcceptCash

SIGNATURE = "X-Signature"
MOST_POINTS = 2_000
"""Of an equity curve."""


def account_routes(trading: TradingPort) -> list[web.RouteDef]:
    async def account(request: web.Request) -> web.Response:
        return json_response(trading.account())

    async def performance(request: web.Request) -> web.Response:
        return json_response(await trading.performance())

    async def equity(request: web.Request) -> web.Response:
        return json_response(trading.equity(number(request, "points", 240, 2, MOST_POINTS)))

    async def targets(request: web.Request) -> web.Response:
        return json_response(trading.targets())

    async def reconciliation(request: web.Request) -> web.Response:
        return json_response(trading.reconciliation())

    async def reconcile(request: web.Request) -> web.Response:
        return json_response(await trading.reconcile(who(request)))

    async def accept_cash(request: web.Request) -> web.Response:
        wanted = await body(request, AcceptCash)
        return json_response(await trading.accept_cash(wanted.gateway, who(request)))

    async def alpaca(request: web.Request) -> web.Response:
        signature = request.headers.get(SIGNATURE, "")
        status, text = trading.alpaca_update(await raw_body(request), signature)
        if status >= 400:
            return json_response(ErrorReply(text, f"HTTP_{status}"), status)
        return json_response(Reply(True, text), status)

    return [
        web.get("/v1/account", account),
        web.get("/v1/performance", performance),
        web.get("/v1/equity", equity),
        web.get("/v1/targets", targets),
        web.get("/v1/reconciliation", reconciliation),
        web.post("/v1/reconcile", reconcile),
        web.post("/v1/reconcile/cash", accept_cash),
        web.post("/v1/webhooks/alpaca", alpaca),
    ]
