"""Whose bars are loaded, and who is asked."""

from __future__ import annotations

import random

import pytest

from engine.config import load
from engine.errors import ConfigError
from engine.feeds.sources.budget import BudgetState
from engine.feeds.sources.registry import Sources
from engine.feeds.sources.rest_source import Surroundings
from engine.wiring.history_load import Target
from engine.wiring.history_targets import targets


def found(*only: str, overrides: tuple[str, ...] = (), **environ: str) -> dict[str, Target]:
    config = load(environ={}, overrides=list(overrides))

    async def keep(name: str, state: BudgetState) -> None:
        return

    around = Surroundings(lambda: 0, random.Random(1), config.symbols, environ, {}, keep)
    return {target.symbol: target for target in targets(config, Sources(config.collection, around), only)}


def asked(target: Target) -> list[tuple[str, str]]:
    return [(source.name, native) for source, native in target.choices]


def test_live_feeds_and_collected_symbols() -> None:
    got = found(
        overrides=(
            "feeds.binance.symbols=['BTCUSDT']",
            "feeds.kraken.symbols=['BTC/USD']",
            "feeds.coinbase.symbols=['BTC-USD']",
            "feeds.coinbase.enabled=false",
            "collection.symbols=['AAPL']",
        )
    )
    assert list(got) == ["binance:BTCUSDT", "kraken:BTC/USD", "poll:AAPL"]
    assert asked(got["binance:BTCUSDT"]) == [("binance", "BTCUSDT")]
    assert asked(got["kraken:BTC/USD"]) == [("kraken", "BTC/USD")]
    assert asked(got["poll:AAPL"]) == [("yahoo", "AAPL")]
    assert [(source.name, native) for source, native in got["kraken:BTC/USD"].rest] == [("yahoo", "BTC-USD")]
    assert not any(target.actions for target in got.values())


def test_the_default_has_nothing_to_load() -> None:
    assert found() == {}


def test_a_share_of_a_venue_has_its_dividends_from_a_service() -> None:
    keys = {"APCA_API_KEY_ID": "key", "APCA_API_SECRET_KEY": "secret"}
    (target,) = found(overrides=("feeds.alpaca.symbols=['AAPL']",), **keys).values()
    assert target.symbol == "alpaca:AAPL"
    assert [(source.name, native) for source, native in target.actions] == [("yahoo", "AAPL")]


def test_only_what_never_closes_is_filled() -> None:
    keys = {"APCA_API_KEY_ID": "key", "APCA_API_SECRET_KEY": "secret"}
    got = found(
        overrides=(
            "feeds.alpaca.symbols=['AAPL']",
            "feeds.kraken.symbols=['BTC/USD', 'EUR/USD']",
            "collection.symbols=['0700.HK', 'XAU/USD', 'NAS100', 'ETH/USD']",
        ),
        **keys,
    )
    assert [symbol for symbol, target in got.items() if target.fills] == ["kraken:BTC/USD", "poll:ETH/USD"]


def test_a_venue_says_how_far_back_it_tells_bars() -> None:
    (target,) = found(overrides=("feeds.kraken.symbols=['BTC/USD']",)).values()
    (kraken, _), now_ns = target.choices[0], 1_700_000_000 * 10**9
    assert 700 <= (now_ns - kraken.earliest_ns(60, now_ns)) // (60 * 10**9) < 720


def test_those_that_are_named() -> None:
    got = found("AAPL", "binance:ETHUSDT", "AAPL", overrides=("feeds.binance.symbols=['BTCUSDT']",))
    assert list(got) == ["poll:AAPL", "binance:ETHUSDT"]
    with pytest.raises(ConfigError, match="nobody has bars of nobody:X"):
        found("nobody:X")


@pytest.mark.parametrize("name", ["BTC/USDT", "btcusdt", "binance:BTC/USDT"])
def test_a_name_is_the_feeds_symbol_in_any_spelling_that_orders_take(name: str) -> None:
    got = found(name, overrides=("feeds.binance.symbols=['BTCUSDT']",))
    assert [asked(target) for target in got.values()] == [[("binance", "BTCUSDT")]]
    assert list(got) == ["binance:BTCUSDT"]


def test_a_venue_without_a_feed_is_asked_in_its_own_spelling() -> None:
    assert list(found("binance:BTC/USDT")) == ["binance:BTCUSDT"]


def test_a_name_that_means_several_is_refused() -> None:
    feeds = ("feeds.kraken.symbols=['BTC/USD']", "feeds.coinbase.symbols=['BTC-USD']")
    with pytest.raises(ConfigError, match="several venues: say which of kraken:BTC/USD, coinbase:BTC-USD"):
        found("BTC/USD", overrides=feeds)
