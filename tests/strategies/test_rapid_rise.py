from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Signal
from engine.strategies.rapid_rise import RapidRise
from tests.strategies.rows import feature_row, rising


def fresh(**params: object) -> RapidRise:
    return RapidRise(RapidRise.Params(**params))  # type: ignore[arg-type]


def signal_of(change: float, **params: object) -> Signal:
    signal = fresh(**params).on_bar(rising(change))
    assert signal is not None
    return signal


def test_a_rise_at_the_threshold_is_bought_with_half_confidence() -> None:
    signal = signal_of(2.0)
    assert (signal.score, signal.confidence) == (0.5, 0.5)
    assert signal.reason == "+2.00 % in the window on volume 10 in 5 trades (min 2 %, 1)"


@pytest.mark.parametrize(
    "row",
    [
        rising(1.999),
        rising(float("nan")),
        rising(3.0, window_count=2.0),
        rising(3.0, window_volume=0.9),
        rising(3.0, window_volume=float("nan")),
        rising(-3.0),
        feature_row(),
    ],
)
def test_too_little_is_no_rise(row: object) -> None:
    assert fresh().on_bar(row) is None  # type: ignore[arg-type]


def test_min_volume_is_in_base_units() -> None:
    assert fresh(min_volume=10.5).on_bar(rising(3.0)) is None
    assert fresh(min_volume=10.0).on_bar(rising(3.0)) is not None


def test_a_fall_is_sold_only_when_asked_for() -> None:
    assert signal_of(-4.0, falls=True).score == pytest.approx(-2 / 3)


@given(st.floats(2.0, 50.0), st.floats(0.01, 10.0))
def test_confidence_rises_with_strength(change: float, more: float) -> None:
    weak, strong = signal_of(change), signal_of(change + more)
    assert weak.confidence < strong.confidence or strong.confidence > 0.999
    assert weak.score < strong.score


def test_it_repeats_only_with_something_new() -> None:
    strategy = fresh(cooldown_s=5.0)
    assert strategy.on_rise(rising(2.1, bar=1)) is not None
    assert strategy.on_bar(rising(2.2, bar=2)) is None, "nothing new"
    assert strategy.on_bar(rising(2.7, bar=3)) is not None, "grown by more than a quarter"
    assert strategy.on_bar(rising(2.7, bar=7)) is None
    assert strategy.on_bar(rising(2.7, bar=8)) is not None, "the cooldown is over"
    assert strategy.on_bar(rising(2.1, bar=8, symbol="a:OTHER")) is not None, (
        "symbols do not share a cooldown"
    )
