"""Routes of signals: what is live for a symbol, and the same endpoint that quant servers answer."""

from __future__ import annotations

from aiohttp import web

from engine.api.desk_port import DeskPort
from engine.api.http import body, json_response, name_of, not_found
from engine.signal_exchange import MAX_CANDLES, SignalsRequest
from engine.symbols import how_to_write
from engine.text import clean

MAX_REQUEST = MAX_CANDLES * 256 + 4096
"""Bytes of a request for signals: a candle's six numbers and names in full length."""


def signal_routes(desk: DeskPort) -> list[web.RouteDef]:
    async def live(request: web.Request) -> web.Response:
        symbol = name_of(request, "symbol")
        found = desk.signals(symbol)
        if found is None:
            known = [row.symbol for row in desk.state().ticks]
            return not_found(f"unknown symbol {clean(symbol, 60)}: {how_to_write(known)}")
        return json_response(found)

    async def answer(request: web.Request) -> web.Response:
        return json_response(desk.answer(await body(request, SignalsRequest, MAX_REQUEST)))

    return [
        # A symbol may hold a slash (kraken:BTC/USD), plain or escaped.
        web.get("/v1/signals/{symbol:.+}", live),
        web.post("/signals", answer),
    ]
