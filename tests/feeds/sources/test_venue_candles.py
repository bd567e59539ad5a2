"""An exchange's own bars, through its adapter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from engine.config import PollingConfig
from engine.events import NS
from engine.feeds.base import Request
from engine.feeds.rest import RefusedError
from engine.feeds.sources.candles import date_ns
from engine.feeds.sources.venue_candles import VenueCandles
from tests.feeds.context.server import LoopbackServer
from tests.feeds.sources.bodies import NOW_NS, Clock, around

MINUTE_MS = 60_000
START_NS = date_ns("2026-03-01")


def opened(server: LoopbackServer, clock: Clock | None = None) -> VenueCandles:
    return VenueCandles("binance", PollingConfig(rest_url=server.url), around(clock))


def kline(open_ms: int, close: str = "2.5") -> list[Any]:
    head = [open_ms, "2.0", "3.0", "1.0", close, "7.0", open_ms + MINUTE_MS - 1]
    return [*head, "17.5", 12, "3.0", "7.5", "0"]


async def klines(request: web.Request) -> web.Response:
    """As the venue: the first ``limit`` of the span; nothing traded in the second day."""
    query = request.query
    first, last, limit = int(query["startTime"]), int(query["endTime"]), int(query["limit"])
    first += -first % MINUTE_MS
    rows = [kline(ms) for ms in range(first, last + 1, MINUTE_MS) if ms // 86_400_000 % 2 == 1]
    return web.Response(text=json.dumps(rows[:limit]), content_type="application/json")


@pytest.fixture
def venue(server: LoopbackServer) -> LoopbackServer:
    server.answers["/api/v3/klines"] = [klines]
    return server


async def test_history_is_every_bar_once(venue: LoopbackServer) -> None:
    """Over several pages, and over a day without a trade."""
    one = opened(venue)
    end_ns = START_NS + 4 * 86_400 * NS
    found = [bar async for page in one.bars("poll:BTC/USDT", "BTCUSDT", 60, START_NS, end_ns) for bar in page]
    await one.close()
    wanted = [ns for ns in range(START_NS, end_ns, 60 * NS) if ns // (86_400 * NS) % 2 == 1]
    assert [bar.open_ns for bar in found] == wanted
    assert len(wanted) == 2 * 1440
    assert all(bar.closed and bar.source == "binance" and bar.symbol == "poll:BTC/USDT" for bar in found)
    assert len(venue.asked) < 12


async def test_latest_are_the_last_minutes(venue: LoopbackServer) -> None:
    clock = Clock(START_NS + 3600 * NS + 5 * NS)
    if START_NS // (86_400 * NS) % 2 == 0:
        clock.ns += 86_400 * NS
    one = opened(venue, clock)
    bars = await one.latest("poll:BTC/USDT", "BTCUSDT")
    await one.close()
    assert bars[-1].open_ns + 60 * NS >= clock.ns - clock.ns % (60 * NS)
    assert [bar.closed for bar in bars[:-1]] == [True] * (len(bars) - 1)
    assert bars[0].volume == 7.0


async def test_an_interval_that_the_venue_lacks_is_refused(venue: LoopbackServer) -> None:
    one = opened(venue)
    with pytest.raises(RefusedError, match="no bars of 7 s"):
        await anext(one.bars("poll:BTC/USDT", "BTCUSDT", 7, START_NS, START_NS + NS))
    assert venue.asked == []


NO = {
    "okx": (
        "/api/v5/market/history-candles",
        "OLD-USDT",
        {"code": "51001", "msg": "It is not there", "data": []},
    ),
    "bybit": ("/v5/market/kline", "OLDUSDT", {"retCode": 10001, "retMsg": "Not supported", "result": {}}),
    "kraken": ("/0/public/OHLC", "OLD/USD", {"error": ["EQuery:Unknown asset pair"]}),
}


@pytest.mark.parametrize("name", NO)
async def test_a_no_of_one_symbol_is_no_failure_of_the_venue(server: LoopbackServer, name: str) -> None:
    """Which tells it with HTTP 200: asked again and again, it would have the others wait as well."""
    path, native, no = NO[name]

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(no)

    server.answers[path] = [answer]
    one = VenueCandles(name, PollingConfig(rest_url=server.url), around(Clock(NOW_NS)))
    for _ in range(6):
        with pytest.raises(RefusedError):
            await one.latest("poll:OLD/USD", native)
        with pytest.raises(RefusedError):
            await anext(one.bars("poll:OLD/USD", native, 60, NOW_NS - 3600 * NS, NOW_NS))
    assert len(server.asked) == 12 and "circuit" not in one.stats.detail
    await one.close()


def test_an_empty_answer_speaks_of_what_was_really_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter that cuts the span to 300 bars leaves what is beyond unasked."""
    one = VenueCandles("binance", PollingConfig(), around())
    day_ns = 86_400 * NS

    def cut(native: str, interval_s: int, start_ns: int, end_ns: int) -> Request:
        return Request("/x", (("end", str(min(end_ns, start_ns + 300 * interval_s * NS))),))

    def whole(native: str, interval_s: int, start_ns: int, end_ns: int) -> Request:
        return Request("/x", (("end", str(end_ns)),))

    def blind(native: str, interval_s: int, start_ns: int, end_ns: int) -> Request:
        return Request("/x")

    for asks, bars in ((cut, 300), (whole, 1440), (blind, 100)):
        monkeypatch.setattr(one._venue, "candles_request", asks)
        assert one.next_ns([], "X", 60, NOW_NS, NOW_NS + day_ns) == NOW_NS + bars * 60 * NS
