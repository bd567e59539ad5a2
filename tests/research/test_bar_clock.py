"""The desk's times on bars: what follows their length, and what stands."""

from __future__ import annotations

import msgspec

from engine.config import Config
from engine.research.bar_clock import on_bars, standing
from engine.strategies.registry import StrategySet

DAY = 86_400


def test_times_are_counted_in_bars() -> None:
    daily = on_bars(Config(), DAY)
    assert (daily.features.bar_s, daily.features.window_s) == (DAY, 5 * DAY)
    assert daily.features.max_fill_bars == 0
    assert (daily.opportunities.ttl_s, daily.opportunities.dedupe_s) == (10 * DAY, 5 * DAY)
    assert (daily.risk.stale_data_s, daily.quality.quote_age_s) == (3 * DAY, 10 * DAY)
    assert daily.paper.entry_latency_ms == daily.paper.latency_jitter_ms == 0.0
    settings = StrategySet(daily.strategies).settings()
    assert settings["trend"]["cooldown_s"] == 30 * DAY and settings["ema_cross"]["ttl_s"] == 10 * DAY


def test_what_is_set_stands() -> None:
    config = Config(strategies={"trend": {"ttl_s": 60.0}})
    config = msgspec.structs.replace(
        config,
        opportunities=msgspec.structs.replace(config.opportunities, ttl_s=7.0),
        exits=msgspec.structs.replace(config.exits, max_holding_s=99.0),
        paper=msgspec.structs.replace(config.paper, entry_latency_ms=3.0),
    )
    daily = on_bars(config, DAY, given=("risk.stale_data_s",))
    assert daily.opportunities.ttl_s == 7.0 and daily.opportunities.dedupe_s == 5 * DAY
    assert daily.strategies["trend"]["ttl_s"] == 60.0
    assert (daily.exits.max_holding_s, daily.paper.entry_latency_ms) == (99.0, 3.0)
    assert daily.risk.stale_data_s == 3.0


def test_a_market_order_outlasts_the_longest_gap() -> None:
    assert on_bars(Config(), 60).paper.order_ttl_s == 600
    assert on_bars(Config(), 60, 64 * 3600).paper.order_ttl_s == 64 * 3600 + 60


def test_bars_of_a_second_change_no_time() -> None:
    second = on_bars(Config(), 1)
    assert second.opportunities == Config().opportunities and second.risk == Config().risk


def test_what_stands_at_its_default_because_it_is_given() -> None:
    given = ("opportunities.ttl_s", "features.ema_fast", "paper.entry_latency_ms", "features.max_fill_bars")
    assert standing(Config(), given) == (given[3], given[0], given[2])
    other = msgspec.structs.replace(
        Config(), opportunities=msgspec.structs.replace(Config().opportunities, ttl_s=7.0)
    )
    assert standing(other, ("opportunities.ttl_s",)) == () == standing(Config(), ())
