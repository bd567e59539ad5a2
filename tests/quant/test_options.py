"""Options: taker flow, put/call ratios, decay, and when it stays absent."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS, OptionsFlow
from engine.quant.options import HALF_LIFE_S, STALE_NS, OptionsModule

START = 1_700_000_000 * NS
NAN = math.nan


def flow(
    at_ns: int = START,
    *,
    volume: tuple[float, float] = (NAN, NAN),
    held: tuple[float, float] = (NAN, NAN),
    taken: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    trades: int = 0,
) -> OptionsFlow:
    """``volume`` and ``held`` are (calls, puts); ``taken`` calls bought, sold, puts bought, sold."""
    return OptionsFlow("deribit", "BTC", *volume, *held, *taken, trades, at_ns, at_ns)


def score_of(event: OptionsFlow) -> float:
    module = OptionsModule()
    assert module.on_event(event)
    opinion = module.opinion("BTC", event.recv_ns)
    assert opinion is not None
    return opinion.score


@pytest.mark.parametrize(
    ("taken", "score"),
    [
        ((10, 0, 0, 0), 1.0),
        ((0, 10, 0, 0), -1.0),
        ((0, 0, 10, 0), -1.0),
        ((0, 0, 0, 10), 1.0),
        ((30, 10, 0, 0), 0.5),
        ((10, 0, 10, 0), 0.0),
    ],
)
def test_calls_bought_and_puts_sold_are_bets_on_a_rise(
    taken: tuple[float, float, float, float], score: float
) -> None:
    assert score_of(flow(taken=taken, trades=20)) == pytest.approx(score)


def test_the_ratio_is_read_against_its_neutral() -> None:
    assert score_of(flow(volume=(1000, 700))) == pytest.approx(0.0, abs=1e-12)
    assert score_of(flow(volume=(1000, 300))) > 0.5
    assert score_of(flow(held=(1000, 1500))) < -0.5
    assert score_of(flow(held=(5, 0))) == 1.0
    assert score_of(flow(held=(0, 5))) == -1.0


def test_parts_without_data_are_left_out_and_nothing_is_absent() -> None:
    module = OptionsModule()
    assert module.opinion("BTC", START) is None
    module.on_event(flow())
    assert module.opinion("BTC", START) is None
    module.on_event(flow(START + NS, volume=(0.0, 0.0), held=(NAN, 5.0)))
    assert module.opinion("BTC", START + NS) is None


def test_flow_decays_with_its_half_life() -> None:
    module = OptionsModule()
    module.on_event(flow(taken=(10, 0, 0, 0), trades=20))
    fresh = module.opinion("BTC", START)
    later_ns = START + round(HALF_LIFE_S * NS)
    later = module.opinion("BTC", later_ns)
    assert fresh is not None and later is not None
    assert fresh.confidence == pytest.approx(0.5 * 20 / 40)
    assert later.confidence == pytest.approx(0.5 * 10 / 30)
    module.on_event(flow(later_ns, taken=(0, 5, 0, 0), trades=20))
    even = module.opinion("BTC", later_ns)
    assert even is not None
    assert even.score == pytest.approx(0.0)
    assert even.reason == "taker flow +0.00 of 30 trades"
    assert module.opinion("BTC", later_ns + STALE_NS + 1) is None


def test_what_makes_no_sense_is_not_taken() -> None:
    module = OptionsModule()
    assert not module.on_event(flow(taken=(-1, 0, 0, 0)))
    assert not module.on_event(flow(taken=(NAN, 0, 0, 0)))
    assert module.on_event(flow(taken=(1, 0, 0, 0), trades=1))
    assert not module.on_event(flow(taken=(1, 0, 0, 0), trades=1)), "the same moment twice"


amounts = st.floats(0, 1e9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.tuples(amounts, amounts),
            st.tuples(amounts, amounts),
            st.tuples(amounts, amounts, amounts, amounts),
            st.integers(0, 5000),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_score_and_confidence_stay_in_range(
    events: list[tuple[tuple[float, float], tuple[float, float], tuple[float, float, float, float], int]],
) -> None:
    module, at = OptionsModule(), START
    for volume, held, taken, trades in events:
        at += 60 * NS
        module.on_event(flow(at, volume=volume, held=held, taken=taken, trades=trades))
        opinion = module.opinion("BTC", at)
        if opinion is not None:
            assert -1 <= opinion.score <= 1
            assert 0 <= opinion.confidence <= 1
