"""Freshness: ages from the screen, or from the feature engine in the middle of a batch."""

from __future__ import annotations

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.engine import FeatureEngine
from engine.market.freshness import Freshness
from engine.market.screen import Screen
from tests.features.ticks import NAN, T0, block, quote, trade


def test_ages_come_from_accepted_live_ticks() -> None:
    screen = Screen()
    for _ in range(3):
        screen.add_symbol()
    fresh = Freshness(screen)
    ticks = block(
        trade(0, 10), quote(2, 10, 11), trade(3, NAN), trade(4, 10, backfilled=True), trade(5, 10, symbol=1)
    )
    screen.check(ticks, 0, len(ticks))
    assert [fresh.age_ns(i, T0 + 6 * NS) for i in range(3)] == [4 * NS, NS, None]
    assert fresh.stale_count(T0 + 6 * NS, 2 * NS) == 2


def test_exactly_the_limit_is_fresh_and_ages_are_never_negative() -> None:
    screen = Screen()
    screen.add_symbol()
    fresh = Freshness(screen)
    screen.check(block(trade(1, 10)), 0, 1)
    assert (fresh.stale_count(T0 + 3 * NS, 2 * NS), fresh.stale_count(T0 + 3 * NS + 1, 2 * NS)) == (0, 1)
    assert fresh.age_ns(0, T0) == 0


def test_in_a_batch_the_feature_engine_knows_what_was_consumed_so_far() -> None:
    engine = FeatureEngine(FeaturesConfig())
    engine.add_symbol("test:A"), engine.add_symbol("test:B")
    fresh = Freshness(engine)
    ticks = block(trade(0.1, 10), trade(0.2, 10, symbol=1), trade(9.5, 10))
    engine.feed(ticks, 0, 3)
    assert fresh.age_ns(0, engine.now_ns) == 9 * NS // 10
    engine.feed(ticks, 2, 2)
    assert fresh.stale_count(T0 + 5 * NS, 2 * NS) == 2
