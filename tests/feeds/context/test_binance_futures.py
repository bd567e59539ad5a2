"""Binance futures' answers, and a poll of a server that gives them."""

from __future__ import annotations

import random

import pytest

from engine.config import OpenInterestConfig
from engine.errors import ConfigError
from engine.events import NS, ContextEvent, FeedState, OpenInterest
from engine.feeds.backoff import Backoff
from engine.feeds.context.binance_futures import BinanceFutures, history, open_interest
from engine.feeds.context.source import AnswerError, ContextFeed
from tests.feeds.context.bodies import BINANCE_ERROR, HISTORY, OPEN_INTEREST, PREMIUM
from tests.feeds.context.server import LoopbackServer, says

NOW = 1_700_000_013 * NS


def test_open_interest_with_the_mark_price() -> None:
    event = open_interest(OPEN_INTEREST.encode(), PREMIUM.encode(), "BTCUSDT", NOW)
    assert event == OpenInterest("binance-futures", "BTC", 81234.567, 60123.4, 1_700_000_012_345_000_000, NOW)


def test_history_has_its_price_from_the_value() -> None:
    first, second = history(HISTORY.encode(), "BTCUSDT", NOW)
    assert (first.price, second.price) == (60_000.0, 60_100.0)
    assert first.backfilled and second.backfilled
    assert first.event_ns < second.event_ns


@pytest.mark.parametrize(
    ("interest", "premium", "why"),
    [
        (BINANCE_ERROR, PREMIUM, r"^error -1121: Invalid symbol\.$"),
        (OPEN_INTEREST, BINANCE_ERROR, "^error -1121"),
        (OPEN_INTEREST.replace("BTC", "ETH"), PREMIUM, "asked for BTCUSDT, told of ETHUSDT"),
        (OPEN_INTEREST.replace("81234.567", "0"), PREMIUM, "no open interest"),
        (OPEN_INTEREST.replace("81234.567", "nan"), PREMIUM, "no open interest|not the answer"),
        (OPEN_INTEREST, PREMIUM.replace("60123.40000000", "inf"), "no mark price|not the answer"),
        (OPEN_INTEREST.replace('"81234.567"', "null"), PREMIUM, "not the answer expected"),
        (OPEN_INTEREST.replace("1700000012345", "1700000100000"), PREMIUM, "another time.*clock"),
        (OPEN_INTEREST.replace("1700000012345", "-5"), PREMIUM, "another time"),
        ("", PREMIUM, "not the answer expected"),
        ("<html>", PREMIUM, "not the answer expected"),
    ],
)
def test_what_is_no_answer_is_told(interest: str, premium: str, why: str) -> None:
    with pytest.raises(AnswerError, match=why):
        open_interest(interest.encode(), premium.encode(), "BTCUSDT", NOW)


def source(server: LoopbackServer, *symbols: str) -> BinanceFutures:
    config = OpenInterestConfig(url=server.url, symbols=symbols, timeout_s=1.0, history=2)
    return BinanceFutures(config, lambda: NOW)


async def test_history_is_fetched_once_and_then_the_present(server: LoopbackServer) -> None:
    server.answers = {
        "/futures/data/openInterestHist": [says(HISTORY)],
        "/fapi/v1/openInterest": [says(OPEN_INTEREST)],
        "/fapi/v1/premiumIndex": [says(PREMIUM)],
    }
    binance = source(server, "BTCUSDT")
    try:
        first, second = await binance.poll(), await binance.poll()
    finally:
        await binance.close()
    assert [event.backfilled for event in first if isinstance(event, OpenInterest)] == [True, True, False]
    assert len(second) == 1
    assert server.asked == [
        "/futures/data/openInterestHist?symbol=BTCUSDT&period=5m&limit=2",
        "/fapi/v1/openInterest?symbol=BTCUSDT",
        "/fapi/v1/premiumIndex?symbol=BTCUSDT",
        "/fapi/v1/openInterest?symbol=BTCUSDT",
        "/fapi/v1/premiumIndex?symbol=BTCUSDT",
    ]


async def test_a_future_that_is_refused_costs_the_others_nothing(server: LoopbackServer) -> None:
    server.answers = {
        "/futures/data/openInterestHist": [says(BINANCE_ERROR, 400), says(HISTORY)],
        "/fapi/v1/openInterest": [says(OPEN_INTEREST)],
        "/fapi/v1/premiumIndex": [says(PREMIUM)],
    }
    binance = source(server, "NOSUCHUSDT", "BTCUSDT")
    try:
        events = await binance.poll()
    finally:
        await binance.close()
    assert {event.underlying for event in events} == {"BTC"}
    assert list(binance.troubles) == ["NOSUCHUSDT"]
    assert "Invalid symbol" in binance.troubles["NOSUCHUSDT"]


async def test_what_came_before_the_venue_was_gone_counts(server: LoopbackServer) -> None:
    """The history of a future is asked for once."""
    server.answers = {
        "/futures/data/openInterestHist": [says(HISTORY), says("closed", 503, Retry_After="7")],
        "/fapi/v1/openInterest": [says(OPEN_INTEREST)],
        "/fapi/v1/premiumIndex": [says(PREMIUM)],
    }
    binance = source(server, "BTCUSDT", "ETHUSDT")
    feed = ContextFeed(binance, Backoff(0.02, 0.05, random.Random(1)))
    heard: list[ContextEvent] = []
    try:
        assert await feed._round(heard.extend) == 7.0
    finally:
        await binance.close()
    assert [event.backfilled for event in heard if isinstance(event, OpenInterest)] == [True, True, False]
    assert feed.stats.state is FeedState.DOWN


@pytest.mark.parametrize("symbols", [(), ("BTC/USDT",), ("&limit",), ("XYZ",), ("BTCUSDT", "BTCUSDC")])
def test_symbols_that_are_none_are_refused_at_once(symbols: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"quant\.open_interest\.symbols"):
        BinanceFutures(OpenInterestConfig(symbols=symbols), lambda: NOW)


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"quant\.open_interest\.url"):
        BinanceFutures(OpenInterestConfig(url="ftp://x"), lambda: NOW)
