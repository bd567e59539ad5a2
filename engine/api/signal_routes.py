"""Routes of signals: what is live for a symbol, and the same endpoint that quant servers answer."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import body, json_response, name_of, not_found
from engine.api.protocol import SymbolSignals
from engine.api.route import Route, desk_of
from engine.signal_exchange import MAX_CANDLES, SignalsReply, SignalsRequest
from engine.symbols import how_to_write
from engine.text import clean

MAX_REQUEST = MAX_CANDLES * 256 + 4096
"""Bytes of a request for signals: a candle's six numbers and names in full length."""


async def live(request: web.Request) -> web.Response:
    desk, symbol = desk_of(request), name_of(request, "symbol")
    found = desk.signals(symbol)
    if found is None:
        known = [row.symbol for row in desk.state().ticks]
        return not_found(f"unknown symbol {clean(symbol, 60)}: {how_to_write(known)}")
    return json_response(found)


async def answer(request: web.Request) -> web.Response:
    return json_response(desk_of(request).answer(await body(request, SignalsRequest, MAX_REQUEST)))


ROUTES = (
    # A symbol may hold a slash (kraken:BTC/USD), plain or escaped.
    Route(
        method="GET",
        path="/v1/signals/{symbol:.+}",
        handler=live,
        summary="What is live for a symbol, taken apart",
        tag="signals",
        role="read",
        need="look",
        reply=SymbolSignals,
        statuses=(404,),
    ),
    Route(
        method="POST",
        path="/signals",
        handler=answer,
        summary="Signals of the candles that are sent, as a quant server answers",
        tag="signals",
        role="read",
        need="look",
        body=SignalsRequest,
        most_body=MAX_REQUEST,
        reply=SignalsReply,
        statuses=(409,),
    ),
)
