"""Routes of market data: how good it is, books, and what was not believed."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import json_response, name_of, not_found
from engine.api.page import NEWEST, SINCE, UNTIL
from engine.api.protocol import BarsRow, DepthRow, QuarantineRow, SymbolDataRow
from engine.api.query import Number, Text
from engine.api.route import Route, desk_of
from engine.text import clean

COUNT = Number("count", "Bars at most, the newest of the range", 500, 1, 5_000)
INTERVAL = Number("interval", "Of the bars, seconds; 0: the desk's own", 0, 0, 604_800)
SYMBOL = Text("symbol", "Only of this symbol")
REASON = Text("reason", "Only for this reason")
LIMIT = Number("limit", "Rows at most", 100, 1, 1_000)


async def symbols(request: web.Request) -> web.Response:
    return json_response(desk_of(request).data.symbols())


async def bars(request: web.Request) -> web.Response:
    symbol, count = name_of(request, "symbol"), COUNT.of(request)
    since, until, interval = SINCE.of(request), UNTIL.of(request), INTERVAL.of(request)
    data = desk_of(request).data
    if since or interval or until != NEWEST:
        found = await data.bars_of(symbol, interval, since, until, count)
    else:
        found = data.bars(symbol, count)
    if found is None:
        return not_found(f"no bars of {clean(symbol, 60)} are stored: see `tickdesk history list`")
    return json_response(found)


async def depth(request: web.Request) -> web.Response:
    symbol = name_of(request, "symbol")
    found = desk_of(request).data.depth(symbol)
    if found is None:
        return not_found(f"{clean(symbol, 60)} has no book that is right: see /v1/data")
    return json_response(found)


async def quarantine(request: web.Request) -> web.Response:
    found = await desk_of(request).data.quarantine(
        symbol=SYMBOL.of(request),
        reason=REASON.of(request),
        since_ns=SINCE.of(request),
        limit=LIMIT.of(request),
    )
    return json_response(found)


# A symbol may hold a slash (kraken:BTC/USD), plain or escaped.
ROUTES = (
    Route(
        method="GET",
        path="/v1/data",
        handler=symbols,
        summary="Ages, gaps and books by symbol",
        tag="market",
        role="read",
        need="look",
        reply=tuple[SymbolDataRow, ...],
    ),
    Route(
        method="GET",
        path="/v1/depth/{symbol:.+}",
        handler=depth,
        summary="The best levels of a book, while that is right",
        tag="market",
        role="read",
        need="look",
        reply=DepthRow,
        statuses=(404,),
    ),
    Route(
        method="GET",
        path="/v1/bars/{symbol:.+}",
        handler=bars,
        summary="A symbol's stored bars, oldest first; for those before, ask until the first one",
        tag="market",
        role="read",
        need="look",
        query=(COUNT, INTERVAL, SINCE, UNTIL),
        reply=BarsRow,
        statuses=(404,),
        slow=True,
    ),
    Route(
        method="GET",
        path="/v1/quarantine",
        handler=quarantine,
        summary="What was not believed, newest first",
        tag="market",
        role="read",
        need="look",
        query=(SYMBOL, REASON, SINCE, LIMIT),
        reply=tuple[QuarantineRow, ...],
        slow=True,
    ),
)
