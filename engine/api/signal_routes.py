"""Routes of signals: what is live for a symbol, and the same endpoint that quant servers answer."""

from __future__ import annotations

from aiohttp import web

from engine.api.http import body, json_response, name_of
from engine.api.market_port import MarketPort
from engine.api.market_routes import unknown
from engine.api.protocol import SymbolSignals
from engine.api.route import Route, desk_of
from engine.signal_exchange import MAX_CANDLES, Candle, GenerateRequest, SignalsReply, SignalsRequest
from engine.slices import in_slices

MS = 1_000_000
ANEW = -1
"""In place of a generation of bars: all of them."""
MAX_REQUEST = MAX_CANDLES * 256 + 4096
"""Bytes of a request for signals: a candle's six numbers and names in full length."""


async def live(request: web.Request) -> web.Response:
    desk, symbol = desk_of(request), name_of(request, "symbol")
    found = desk.signals(symbol)
    if found is None:
        return unknown(symbol, [row.symbol for row in desk.state().ticks])
    return json_response(found)


async def answer(request: web.Request) -> web.Response:
    return json_response(desk_of(request).answer(await body(request, SignalsRequest, MAX_REQUEST)))


async def generate(request: web.Request) -> web.Response:
    desk = desk_of(request)
    wanted = await body(request, GenerateRequest, MAX_REQUEST)
    found = desk.signals(wanted.symbol)
    if found is None and not wanted.candles:
        return unknown(wanted.symbol, [row.symbol for row in desk.state().ticks])
    symbol = wanted.symbol if found is None else found.symbol
    candles = wanted.candles or await _own_candles(desk.market, symbol)
    return json_response(desk.answer(SignalsRequest(symbol, candles, desk.market.now_ns() // MS)))


async def _own_candles(market: MarketPort, symbol: str) -> tuple[Candle, ...]:
    """The desk's closed bars of a symbol, at most ``MOST_BARS``."""
    bars = await in_slices(market.bars(symbol, 0, ANEW, 0))
    return tuple(
        Candle(row.open_ns // MS, row.open, row.high, row.low, row.close, row.volume or 0.0)
        for row in bars.rows
        if row.closed
    )


ROUTES = (
    Route(
        method="POST",
        path="/v1/signals/generate",
        handler=generate,
        summary="Signals computed now, of candles that are sent or of the desk's own bars",
        tag="signals",
        role="read",
        need="look",
        body=GenerateRequest,
        most_body=MAX_REQUEST,
        reply=SignalsReply,
        statuses=(404, 409),
        slow=True,
    ),
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
        slow=True,
    ),
)
