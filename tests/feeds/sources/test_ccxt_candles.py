"""A venue's bars by way of ccxt: every bar once, over pages, holes and faults."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config import CollectionConfig
from engine.events import NS
from engine.feeds.base import UnreachableError
from engine.feeds.rest import RefusedError
from engine.feeds.sources import ccxt_candles
from engine.feeds.sources.ccxt_candles import CcxtCandles
from engine.feeds.sources.registry import Sources
from tests.feeds.sources.bodies import NOW_NS, Clock, around

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000 - 1_700_000_040_000 % MINUTE_MS
START_NS = START_MS * 1_000_000


class BaseError(Exception):
    """Named as ccxt's."""


class BadSymbol(BaseError):
    """Named as ccxt's."""


class FakeExchange:
    """Minutes from ``START_MS`` on, but for a hole; at most 100 an answer, as some venues."""

    timeframes = {"1m": "1min", "1h": "60min"}  # noqa: RUF012

    def __init__(self, fault: Exception | None = None) -> None:
        self.has = {"fetchOHLCV": True}
        self.asked: list[tuple[str, str, int | None]] = []
        self.closed = 0
        self.fault = fault

    async def load_markets(self) -> Any:
        return {}

    async def fetch_ohlcv(
        self, symbol: str, timeframe: str, since: int | None = None, limit: int | None = None
    ) -> Any:
        if self.fault is not None:
            raise self.fault
        self.asked.append((symbol, timeframe, since))
        assert since is not None and limit is not None
        last = min(limit, 100)
        rows = [
            since + at * MINUTE_MS
            for at in range(limit)
            if not 300 <= (since - START_MS) // MINUTE_MS + at < 1_400
        ]
        return [[ms, 2.0, 3.0, 1.0, 2.5, 7.0] for ms in rows[:last]]

    async def close(self) -> Any:
        self.closed += 1


def _source(exchange: FakeExchange) -> CcxtCandles:
    return CcxtCandles("ccxt-kucoin", lambda: exchange, Clock(NOW_NS))


async def test_history_is_every_bar_once_over_pages_and_holes() -> None:
    exchange = FakeExchange()
    source = _source(exchange)
    end_ns = START_NS + 1_600 * 60 * NS
    found = [
        bar
        async for page in source.bars("ccxt-kucoin:BTC/USDT", "BTC/USDT", 60, START_NS, end_ns)
        for bar in page
    ]
    minutes = [(bar.open_ns - START_NS) // (60 * NS) for bar in found]
    assert minutes == [*range(300), *range(1_400, 1_600)]
    assert all(bar.closed and bar.source == "ccxt-kucoin" for bar in found)
    assert {asked[:2] for asked in exchange.asked} == {("BTC/USDT", "1m")}
    await source.close()
    assert exchange.closed == 1


async def test_what_the_venue_has_not_is_refused() -> None:
    exchange = FakeExchange()
    with pytest.raises(RefusedError, match="no bars of 300 s"):
        await anext(_source(exchange).bars("X", "BTC/USDT", 300, START_NS, START_NS + NS))
    exchange = FakeExchange(BadSymbol("kucoin does not have market symbol NONE"))
    with pytest.raises(RefusedError, match="does not have market symbol"):
        await anext(_source(exchange).bars("X", "NONE", 60, START_NS, START_NS + NS))


@pytest.mark.parametrize("fault", [BaseError("418 teapot"), OSError("no route"), TimeoutError()])
async def test_what_may_pass_may_be_asked_again(fault: Exception) -> None:
    exchange = FakeExchange(fault)
    source = _source(exchange)
    with pytest.raises(UnreachableError):
        await anext(source.bars("X", "BTC/USDT", 60, START_NS, START_NS + NS))
    exchange.fault = None
    assert await anext(source.bars("X", "BTC/USDT", 60, START_NS, START_NS + 60 * NS))


async def test_nonsense_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = FakeExchange()

    async def nonsense(*_: Any) -> Any:
        return [[START_MS, "x", None, 1.0, 2.5, 7.0]]

    monkeypatch.setattr(exchange, "fetch_ohlcv", nonsense)
    with pytest.raises(UnreachableError):
        await anext(_source(exchange).bars("X", "BTC/USDT", 60, START_NS, START_NS + NS))


async def test_a_venue_that_ccxt_does_not_know_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = Sources(CollectionConfig(), around(Clock(NOW_NS)))
    assert sources.of_venue("ccxt-nowhere") is None
    assert "source:ccxt-nowhere" in sources.watched
    known = sources.of_venue("ccxt-kucoin")
    assert isinstance(known, ccxt_candles.CcxtCandles)
    assert sources.of_venue("ccxt-kucoin") is known
    await sources.close()
