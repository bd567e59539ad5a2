"""Routes of the market as the desk sees it now: ticks, positions in it, features."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import json_response, name_of, not_found
from engine.api.protocol import PositionRow, StateFrame, TickRow
from engine.api.route import Route, desk_of
from engine.events import FeatureRow
from engine.symbols import how_to_write
from engine.text import clean


async def _state(request: web.Request) -> StateFrame:
    desk = desk_of(request)
    await desk.prepare()
    return desk.state()


async def ticks(request: web.Request) -> web.Response:
    return json_response((await _state(request)).ticks)


async def tick(request: web.Request) -> web.Response:
    symbol = name_of(request, "symbol")
    found = desk_of(request).signals(symbol)  # in any spelling that orders take
    rows = (await _state(request)).ticks
    row = next((row for row in rows if found is not None and row.symbol == found.symbol), None)
    if row is None:
        return unknown(symbol, [row.symbol for row in rows])
    return json_response(row)


async def positions(request: web.Request) -> web.Response:
    return json_response((await _state(request)).positions)


async def features(request: web.Request) -> web.Response:
    symbol = name_of(request, "symbol")
    found = desk_of(request).signals(symbol)
    if found is None:
        return unknown(symbol, [row.symbol for row in (await _state(request)).ticks])
    if found.features is None:
        return not_found(f"{clean(symbol, 60)} has no features yet: its first bar has not closed")
    return json_response(found.features)


def unknown(symbol: str, known: list[str]) -> web.Response:
    return not_found(f"unknown symbol {clean(symbol, 60)}: {how_to_write(known)}")


# A symbol may hold a slash (kraken:BTC/USD), plain or escaped.
ROUTES = (
    Route(
        method="GET",
        path="/v1/ticks",
        handler=ticks,
        summary="The newest of every symbol: touch, last, change",
        tag="market",
        role="read",
        need="look",
        reply=tuple[TickRow, ...],
    ),
    Route(
        method="GET",
        path="/v1/ticks/{symbol:.+}",
        handler=tick,
        summary="The newest of one symbol",
        tag="market",
        role="read",
        need="look",
        reply=TickRow,
        statuses=(404,),
    ),
    Route(
        method="GET",
        path="/v1/positions",
        handler=positions,
        summary="What is held, and what it is worth",
        tag="orders",
        role="read",
        need="look",
        reply=tuple[PositionRow, ...],
    ),
    Route(
        method="GET",
        path="/v1/features/{symbol:.+}",
        handler=features,
        summary="A symbol's newest features",
        tag="market",
        role="read",
        need="look",
        reply=FeatureRow,
        statuses=(404,),
    ),
)
