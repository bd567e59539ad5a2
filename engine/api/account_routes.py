"""Routes of the account: balances, exposure and P&L."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import json_response
from engine.api.trading_port import TradingPort


def account_routes(trading: TradingPort) -> list[web.RouteDef]:
    async def account(request: web.Request) -> web.Response:
        return json_response(trading.account())

    return [web.get("/v1/account", account)]
