"""Which sources a configuration opens, in which order, and what is said of those that it cannot."""

from __future__ import annotations

import pytest

from engine.config import CollectionConfig, PollingConfig
from engine.errors import ConfigError
from engine.feeds.sources.registry import SERVICES, Sources
from engine.feeds.sources.venue_candles import VenueCandles
from tests.feeds.sources.bodies import KEY, around


def names(sources: Sources) -> list[str]:
    return [source.name for source in sources.ordered]


def test_without_names_those_are_used_that_have_their_keys() -> None:
    assert names(Sources(CollectionConfig(), around(environ={}))) == ["yahoo"]
    some = around(environ={"TWELVE_DATA_API_KEY": KEY})
    assert names(Sources(CollectionConfig(), some)) == ["yahoo", "twelve-data"]
    assert names(Sources(CollectionConfig(), around())) == list(SERVICES)


def test_the_lowest_priority_is_asked_first_and_of_equals_the_venue() -> None:
    named = {
        "alpha-vantage": PollingConfig(priority=1),
        "yahoo": PollingConfig(),
        "binance": PollingConfig(),
        "polygon": PollingConfig(enabled=False),
    }
    sources = Sources(CollectionConfig(sources=named), around())
    assert names(sources) == ["alpha-vantage", "binance", "yahoo"]


def test_a_name_that_is_none_is_refused() -> None:
    config = CollectionConfig(sources={"yahooo": PollingConfig()})
    with pytest.raises(ConfigError, match=r"sources\.yahooo: no such source; there are yahoo, "):
        Sources(config, around())


def test_a_source_without_its_key_is_told_and_costs_the_others_nothing() -> None:
    config = CollectionConfig(sources={"polygon": PollingConfig(), "yahoo": PollingConfig()})
    sources = Sources(config, around(environ={}))
    assert names(sources) == ["yahoo"]
    row = sources.watched["source:polygon"]
    assert "set POLYGON_API_KEY in the environment" in row.stats.detail
    assert set(sources.watched) == {"source:yahoo", "source:polygon"}


def test_everyone_is_asked_in_its_own_spelling() -> None:
    named = {name: PollingConfig() for name in (*SERVICES, "binance", "coinbase")}
    extra = {"MY.INDEX": {"yahoo": "^MINE"}}
    sources = Sources(CollectionConfig(sources=named), around(names=extra))

    def spelled(canonical: str) -> dict[str, str]:
        return {source.name: native for source, native in sources.knowing(canonical)}

    assert spelled("NAS100")["yahoo"] == "^NDX"
    assert spelled("NAS100")["polygon"] == "I:NDX"
    assert spelled("AAPL")["alpha-vantage"] == "AAPL"
    assert spelled("BTC/USD")["coinbase"] == "BTC-USD"
    assert "binance" not in spelled("AAPL")
    assert spelled("MY.INDEX")["yahoo"] == "^MINE"


def test_a_venue_is_opened_once_and_shares_its_budget() -> None:
    sources = Sources(CollectionConfig(), around())
    assert sources.of_venue("binance") is sources.of_venue("binance") is not None
    assert sources.of_venue("nowhere") is None
    assert sources.of_venue("sim") is None
    off = CollectionConfig(sources={"binance": PollingConfig(enabled=False)})
    assert Sources(off, around()).of_venue("binance") is None


def test_settings_of_a_budget_replace_those_of_free_users() -> None:
    named = {"twelve-data": PollingConfig(per_minute=55, per_day=100_000)}
    (source,) = Sources(CollectionConfig(sources=named), around()).ordered
    assert "100000 of 100000 left today; 55 of 55 left this minute" in source.stats.detail


def test_a_venue_is_asked_where_its_feed_is() -> None:
    urls = {"binance": "http://127.0.0.1:9", "kraken": ""}
    sources = Sources(CollectionConfig(), around(), urls)
    told = {name: sources.of_venue(name) for name in urls}
    assert {name: one._host for name, one in told.items() if isinstance(one, VenueCandles)} == {
        "binance": "127.0.0.1:9",
        "kraken": "api.kraken.com",
    }
    config = CollectionConfig(sources={"binance": PollingConfig(rest_url="http://127.0.0.1:8")})
    own = Sources(config, around(), urls).of_venue("binance")
    assert isinstance(own, VenueCandles)
    assert own._host == "127.0.0.1:8"
