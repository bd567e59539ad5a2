"""Routes of market data: how good it is, books, and what was not believed."""

from __future__ import annotations

from aiohttp import web

from engine.api.data_port import DataPort
from engine.api.http import MAX_NAME, json_response, name_of, not_found, number
from engine.text import clean

MOST_NS = (1 << 63) - 1
MOST_BARS = 5_000
MOST = 1_000
"""Rows of the quarantine that are answered at once."""


def data_routes(data: DataPort) -> list[web.RouteDef]:
    async def symbols(request: web.Request) -> web.Response:
        return json_response(data.symbols())

    async def bars(request: web.Request) -> web.Response:
        symbol = name_of(request, "symbol")
        found = data.bars(symbol, number(request, "count", 500, 1, MOST_BARS))
        if found is None:
            return not_found(f"no bars of {clean(symbol, 60)} are stored: see `tickdesk history list`")
        return json_response(found)

    async def depth(request: web.Request) -> web.Response:
        symbol = name_of(request, "symbol")
        found = data.depth(symbol)
        if found is None:
            return not_found(f"{clean(symbol, 60)} has no book that is right: see /v1/data")
        return json_response(found)

    async def quarantine(request: web.Request) -> web.Response:
        found = await data.quarantine(
            symbol=request.query.get("symbol", "")[:MAX_NAME],
            reason=request.query.get("reason", "")[:MAX_NAME],
            since_ns=number(request, "since", 0, 0, MOST_NS),
            limit=number(request, "limit", 100, 1, MOST),
        )
        return json_response(found)

    return [
        web.get("/v1/data", symbols),
        # A symbol may hold a slash (kraken:BTC/USD), plain or escaped.
        web.get("/v1/depth/{symbol:.+}", depth),
        web.get("/v1/bars/{symbol:.+}", bars),
        web.get("/v1/quarantine", quarantine),
    ]
