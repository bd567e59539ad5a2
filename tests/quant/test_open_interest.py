"""Open interest: the four quarters of price and positions, its own scale, and when it stays absent."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS, Family, OpenInterest
from engine.quant.open_interest import STALE_NS, OpenInterestModule
from engine.quant.opinion import Opinion

START = 1_700_000_000 * NS
MINUTE = 60 * NS


def sample(at_ns: int, oi: float, price: float, *, backfilled: bool = False) -> OpenInterest:
    return OpenInterest("binance-futures", "BTC", oi, price, at_ns, at_ns, backfilled)


def after(oi_drift: float, price_drift: float, minutes: int = 70) -> Opinion:
    """The opinion after a noisy hour that ends with drifts (per minute) over the last 15 minutes."""
    rng = random.Random(5)
    module = OpenInterestModule()
    oi, price = 80_000.0, 60_000.0
    for minute in range(minutes):
        trending = minute >= minutes - 15
        oi *= math.exp(rng.gauss(0, 0.0004) + trending * oi_drift)
        price *= math.exp(rng.gauss(0, 0.0004) + trending * price_drift)
        module.on_event(sample(START + minute * MINUTE, oi, price))
    opinion = module.opinion("BTC", START + minutes * MINUTE)
    assert opinion is not None
    return opinion


def test_fresh_longs_are_positive_and_fresh_shorts_negative() -> None:
    longs, shorts = after(0.001, 0.001), after(0.001, -0.001)
    assert longs.score > 0.3
    assert shorts.score < -0.3
    assert longs.reason.startswith("fresh longs: 5m OI +")
    assert shorts.reason.startswith("fresh shorts: ")


def test_a_move_that_closes_positions_counts_less() -> None:
    longs, covering, liquidation = after(0.001, 0.001), after(-0.001, 0.001), after(-0.001, -0.001)
    assert 0 < covering.score < 0.5 * longs.score
    assert -0.5 * longs.score < liquidation.score < 0
    assert covering.reason.startswith("shorts closing")
    assert liquidation.reason.startswith("longs closing")


def test_it_is_scaled_by_its_own_variability() -> None:
    """Ten times as wild a market with ten times the moves says the same."""

    def run(unit: float) -> Opinion:
        rng = random.Random(9)
        module = OpenInterestModule()
        oi = price = 0.0
        for minute in range(70):
            trend = 0.5 if minute >= 55 else 0.0
            oi += unit * (rng.gauss(0, 1) + trend)
            price += unit * (rng.gauss(0, 1) + trend)
            module.on_event(sample(START + minute * MINUTE, math.exp(10 + oi), math.exp(9 + price)))
        opinion = module.opinion("BTC", START + 70 * MINUTE)
        assert opinion is not None
        return opinion

    assert run(0.0001).score == pytest.approx(run(0.001).score, rel=1e-6)


def test_it_is_absent_without_enough_data() -> None:
    module = OpenInterestModule()
    assert module.opinion("BTC", START) is None
    for minute in range(6):
        assert module.on_event(sample(START + minute * MINUTE, 100.0 + minute % 2, 50.0 + minute % 3))
        assert module.opinion("BTC", START + minute * MINUTE) is None
    module.on_event(sample(START + 6 * MINUTE, 103.0, 51.0))
    assert module.opinion("BTC", START + 6 * MINUTE) is not None
    assert module.opinion("ETH", START + 6 * MINUTE) is None


def test_it_is_absent_while_nothing_moves_and_when_it_is_old() -> None:
    still, moving = OpenInterestModule(), OpenInterestModule()
    for minute in range(20):
        still.on_event(sample(START + minute * MINUTE, 100.0, 50.0 + minute))
        moving.on_event(sample(START + minute * MINUTE, 100.0 + minute, 50.0 + minute))
    last = START + 19 * MINUTE
    assert still.opinion("BTC", last) is None
    assert moving.opinion("BTC", last) is not None
    assert moving.opinion("BTC", last + STALE_NS + 1) is None


def test_history_teaches_and_gives_no_reason_for_a_signal() -> None:
    module = OpenInterestModule()
    for point in range(12):
        event = sample(START + point * 5 * MINUTE, 100.0 + point % 4, 50.0 + point % 5, backfilled=True)
        assert not module.on_event(event)
    assert module.on_event(sample(START + 56 * MINUTE, 104.0, 52.0))
    assert module.opinion("BTC", START + 56 * MINUTE) is not None


@pytest.mark.parametrize(
    ("oi", "price"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (math.nan, 1.0), (1.0, math.inf)]
)
def test_figures_that_make_no_sense_are_not_taken(oi: float, price: float) -> None:
    assert not OpenInterestModule().on_event(sample(START, oi, price))


def test_a_sample_that_is_not_newer_is_not_taken() -> None:
    module = OpenInterestModule()
    assert module.on_event(sample(START, 100.0, 50.0))
    assert not module.on_event(sample(START, 101.0, 50.0))
    assert not module.on_event(sample(START - 1, 101.0, 50.0))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 4000), st.floats(1e-6, 1e12), st.floats(1e-6, 1e9)),
        min_size=1,
        max_size=60,
    )
)
def test_score_and_confidence_stay_in_range(steps: list[tuple[int, float, float]]) -> None:
    module, at = OpenInterestModule(), START
    assert module.family is Family.OPEN_INTEREST
    for seconds, oi, price in steps:
        at += seconds * NS
        module.on_event(sample(at, oi, price))
        opinion = module.opinion("BTC", at)
        if opinion is not None:
            assert -1 <= opinion.score <= 1
            assert 0 <= opinion.confidence <= 1
