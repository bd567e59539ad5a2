"""Normalised predictions: mean 0, deviation 0.02, the ranks as they were; or no opinion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.load import SCORE_STD, normalise
from engine.portfolio.targets import weights

# also those whose squares are no numbers any more
sized = st.floats(allow_nan=False, allow_infinity=False)
values = st.lists(sized, max_size=40)


@given(values)
def test_mean_0_and_deviation_of_2_percent_or_no_opinion(predictions: list[float]) -> None:
    scores = normalise(np.array(predictions))
    assert len(scores) == len(predictions) and np.isfinite(scores).all()
    if not scores.any():
        scale = max((abs(value) for value in predictions), default=0.0)
        assert len(predictions) < 2 or np.ptp(predictions) <= 1e-11 * scale
        return
    assert float(scores.mean()) == pytest.approx(0.0, abs=1e-4)
    assert float(scores.std()) == pytest.approx(SCORE_STD, rel=1e-4)
    order = np.argsort(predictions, kind="stable")
    assert (np.diff(scores[order]) >= -1e-15).all(), "ranks are what counts"


@pytest.mark.parametrize("scale", [1e-300, 5e-324, 1e154, 1e308])
def test_predictions_of_any_size_have_an_order(scale: float) -> None:
    scores = normalise(np.array([1.0, -1.0, 0.0]) * scale)
    assert scores == pytest.approx(normalise(np.array([1.0, -1.0, 0.0])))


@pytest.mark.parametrize(
    "none",
    [[], [1.0], [0.3, 0.3, 0.3], [0.1 + 0.2, 0.3], [1.0, math.nan], [1.0, math.inf], [0.0, 0.0]],
)
def test_no_opinion_is_all_zeros_and_no_weights(none: list[float]) -> None:
    scores = normalise(np.array(none))
    assert scores.tolist() == [0.0] * len(none)
    assert weights({f"S{n}": score for n, score in enumerate(scores.tolist())}, 2, 2) == {}


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40), st.integers(1, 10), st.integers(1, 10))
def test_the_weights_of_predictions_sum_to_1_and_minus_1(
    predictions: list[float], longs: int, shorts: int
) -> None:
    scores = normalise(np.array(predictions))
    found = weights({f"S{n:02}": score for n, score in enumerate(scores.tolist())}, longs, shorts)
    if len(set(scores.tolist())) < 2:
        assert found == {}
        return
    assert sum(share for share in found.values() if share > 0) == 1
    assert sum(share for share in found.values() if share < 0) == -1
    worst_long = min(scores[int(name[1:])] for name, share in found.items() if share > 0)
    best_short = max(scores[int(name[1:])] for name, share in found.items() if share < 0)
    assert worst_long >= best_short
