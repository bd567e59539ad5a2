"""Routes of what is recorded: signals, opportunities, features and fills, page by page."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import json_response
from engine.api.page import CURSOR, LIMIT, SINCE, UNTIL, Page, page, span
from engine.api.query import Number, Text
from engine.api.route import Route, desk_of
from engine.events import FeatureRow, Fill, Opportunity, Signal

SYMBOL = Text("symbol", "Only of this symbol, in any spelling that orders take", 100)
SOURCE = Text("source", "Only of this strategy or quant module", 100)
WIDE = Number("limit", "Rows of the page at most", 100, 1, 200)
"""Of rows with many columns: what is encoded at once holds up the desk."""
_SPAN = (CURSOR, LIMIT, SINCE, UNTIL, SYMBOL)


async def signals(request: web.Request) -> web.Response:
    symbol, source = SYMBOL.of(request), SOURCE.of(request)
    found = await desk_of(request).pages.signals(span(request, "signals"), symbol=symbol, source=source)
    return json_response(page("signals", *found))


async def opportunities(request: web.Request) -> web.Response:
    wanted, symbol = span(request, "opportunities"), SYMBOL.of(request)
    return json_response(
        page("opportunities", *await desk_of(request).pages.opportunities(wanted, symbol=symbol))
    )


async def features(request: web.Request) -> web.Response:
    wanted, symbol = span(request, "features", WIDE), SYMBOL.of(request)
    return json_response(page("features", *await desk_of(request).pages.features(wanted, symbol=symbol)))


async def fills(request: web.Request) -> web.Response:
    wanted, symbol = span(request, "fills"), SYMBOL.of(request)
    return json_response(page("fills", *await desk_of(request).pages.fills(wanted, symbol=symbol)))


ROUTES = (
    Route(
        method="GET",
        path="/v1/signals",
        handler=signals,
        summary="Recorded signals, newest first",
        tag="signals",
        role="read",
        need="look",
        query=(*_SPAN, SOURCE),
        reply=Page[Signal],
        statuses=(409,),
        slow=True,
    ),
    Route(
        method="GET",
        path="/v1/opportunities",
        handler=opportunities,
        summary="Recorded opportunities, newest first",
        tag="signals",
        role="read",
        need="look",
        query=_SPAN,
        reply=Page[Opportunity],
        statuses=(409,),
        slow=True,
    ),
    Route(
        method="GET",
        path="/v1/features",
        handler=features,
        summary="Recorded feature rows, newest first",
        tag="market",
        role="read",
        need="look",
        query=(CURSOR, WIDE, SINCE, UNTIL, SYMBOL),
        reply=Page[FeatureRow],
        statuses=(409,),
        slow=True,
    ),
    Route(
        method="GET",
        path="/v1/fills",
        handler=fills,
        summary="Fills, newest first",
        tag="orders",
        role="read",
        need="look",
        query=_SPAN,
        reply=Page[Fill],
        statuses=(409,),
        slow=True,
    ),
)
