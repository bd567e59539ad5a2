"""A loopback server that tells bars as Binance's REST does, from bars that a test gives."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Sequence

from aiohttp import web

from engine.events import Candle

MS = 1_000_000


class KlinesServer:
    """``candles``: all of one symbol, in order. Use as an async context manager."""

    def __init__(self, candles: Sequence[Candle], *, limit: int = 1000) -> None:
        self.rows = [_row(candle) for candle in candles]
        self.limit = limit
        self.asked: list[tuple[int, int]] = []
        """(startTime, endTime) of each request, ms."""
        self.most = 0
        """So many requests are answered, further ones hang until this is changed; 0: all are."""
        self.refuse: Callable[[int], web.Response | None] = lambda number: None
        """An answer in place of the ``number``th (from 1)."""

    async def __aenter__(self) -> KlinesServer:
        app = web.Application()
        app.router.add_get("/api/v3/klines", self._klines)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _klines(self, request: web.Request) -> web.Response:
        query = request.query
        start, end = int(query["startTime"]), int(query["endTime"])
        self.asked.append((start, end))
        number = len(self.asked)
        while 0 < self.most < number:
            await asyncio.sleep(0.01)
        refused = self.refuse(number)
        if refused is not None:
            return refused
        first = bisect.bisect_left(self.rows, start, key=lambda row: row[0])
        last = bisect.bisect_right(self.rows, end, key=lambda row: row[0])
        rows = [
            text for _, text in self.rows[first : min(last, first + min(self.limit, int(query["limit"])))]
        ]
        return web.Response(text=f"[{','.join(rows)}]", content_type="application/json")


def _row(candle: Candle) -> tuple[int, str]:
    open_ms = candle.open_ns // MS
    end_ms = open_ms + candle.interval_s * 1000 - 1
    prices = ",".join(f'"{price!r}"' for price in (candle.open, candle.high, candle.low, candle.close))
    text = f'[{open_ms},{prices},"{candle.volume!r}",{end_ms},"1.0",{candle.trades},"0.5","0.5","0"]'
    return open_ms, text
