"""Bars of venues' REST, damaged: what their adapters raise is what a source may raise."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from engine.config import PollingConfig
from engine.errors import FeedError
from engine.feeds.registry import VENUES
from engine.feeds.sources.venue_candles import VenueCandles
from tests.feeds.sources.bodies import NOW_NS, around
from tests.feeds.sources.damage import damaged

BODIES = 10_000
KLINES = (
    '[[1772323200000, "2.0", "3.0", "1.0", "2.5", "7.0", 1772323259999, "17.5", 12, "3.0", "7.5", "0"],'
    ' [1772323260000, "2.5", "3.0", "1.0", "2.6", "7.0", 1772323319999, "17.5", 12, "3.0", "7.5", "0"]]'
)
BYBIT = (
    '{"retCode": 0, "retMsg": "OK", "result": {"symbol": "X", "category": "spot", "list": ['
    '["1772323260000", "2.5", "3.0", "1.0", "2.6", "7.0", "17.5"],'
    ' ["1772323200000", "2.0", "3.0", "1.0", "2.5", "7.0", "17.5"]]}, "time": 1772323300000}'
)
VALID = {
    "binance": ("BTCUSDT", KLINES),
    "binance-futures": ("BTCUSDT", KLINES),
    "coinbase": ("BTC-USD", "[[1772323260, 1.0, 3.0, 2.5, 2.6, 7.0], [1772323200, 1.0, 3.0, 2.0, 2.5, 7.0]]"),
    "coinbase-advanced": (
        "BTC-USD",
        '{"candles": [{"start": "1772323260", "low": "1.0", "high": "3.0", "open": "2.5", "close": "2.6",'
        ' "volume": "7.0"}, {"start": "1772323200", "low": "1.0", "high": "3.0", "open": "2.0",'
        ' "close": "2.5", "volume": "7.0"}]}',
    ),
    "kraken": (
        "BTC/USD",
        '{"error": [], "result": {"XXBTZUSD": [[1772323200, "2.0", "3.0", "1.0", "2.5", "2.2", "7.0", 5],'
        ' [1772323260, "2.5", "3.0", "1.0", "2.6", "2.2", "7.0", 5]], "last": 1772323200}}',
    ),
    "okx": (
        "BTC-USDT",
        '{"code": "0", "msg": "", "data": [["1772323260000", "2.5", "3.0", "1.0", "2.6", "7.0", "17", "17",'
        ' "0"], ["1772323200000", "2.0", "3.0", "1.0", "2.5", "7.0", "17", "17", "1"]]}',
    ),
    "bybit": ("BTCUSDT", BYBIT),
    "bybit-linear": ("BTCUSDT", BYBIT),
    "alpaca": (
        "AAPL",
        '{"bars": {"AAPL": [{"t": "2026-03-01T00:00:00Z", "o": 2.0, "h": 3.0, "l": 1.0, "c": 2.5, "v": 7,'
        ' "n": 5, "vw": 2.2}, {"t": "2026-03-01T00:01:00Z", "o": 2.5, "h": 3.0, "l": 1.0, "c": 2.6,'
        ' "v": 7, "n": 5, "vw": 2.2}]}, "next_page_token": null}',
    ),
}


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKDESK_ALPACA_KEY", "key")
    monkeypatch.setenv("TICKDESK_ALPACA_SECRET", "secret")


def test_every_venue_is_fuzzed() -> None:
    missing, unknown = sorted(set(VENUES) - set(VALID)), sorted(set(VALID) - set(VENUES))
    assert not missing, f"give VALID above a symbol and a page of bars of {missing}: it is damaged here"
    assert not unknown, f"VALID above has pages of {unknown}, which the registry does not know"


@pytest.mark.parametrize("venue", sorted(VALID))
def test_a_venues_bars_are_read(venue: str) -> None:
    native, body = VALID[venue]
    one = VenueCandles(venue, PollingConfig(), around())
    bars = one.parse_latest("poll:X", native, body.encode(), NOW_NS)
    assert [(bar.open_ns, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars] == [
        (1_772_323_200_000_000_000, 2.0, 3.0, 1.0, 2.5, 7.0),
        (1_772_323_260_000_000_000, 2.5, 3.0, 1.0, 2.6, 7.0),
    ]
    assert bars[0].closed
    assert {(bar.symbol, bar.source, bar.interval_s) for bar in bars} == {("poll:X", venue, 60)}


@pytest.mark.parametrize("venue", sorted(VALID))
def test_fuzzed_bodies_make_no_bad_bar(venue: str) -> None:
    native, body = VALID[venue]
    one = VenueCandles(venue, PollingConfig(), around())
    read = 0
    for damage in damaged([body], BODIES, random.Random(venue)):
        try:
            bars = one.parse_latest("poll:X", native, damage, NOW_NS)
        except (FeedError, msgspec.MsgspecError, ValueError):
            continue
        read += bool(bars)
        for bar in bars:
            assert all(0 < price < math.inf for price in (bar.open, bar.high, bar.low, bar.close)), damage
            assert math.isnan(bar.volume) or 0 <= bar.volume < math.inf, damage
            assert 0 <= bar.open_ns < 1 << 63, damage
    assert read > BODIES // 50
