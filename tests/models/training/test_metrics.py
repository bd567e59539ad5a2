"""The figures, against numpy's and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.correlation import correlation, ranks
from engine.models.training.metrics import joined, measure, score, shows_skill

finite = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(finite, finite), min_size=3, max_size=30))
def test_correlation_is_pearsons(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    found = correlation(x, y)
    if math.isnan(found):
        return
    assert -1.0 - 1e-9 <= found <= 1.0 + 1e-9
    if x.std() > 1e-6 * np.abs(x).max() and y.std() > 1e-6 * np.abs(y).max():
        assert found == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-6)


def test_what_does_not_vary_has_no_correlation() -> None:
    assert math.isnan(correlation(np.full(5, 0.1), np.arange(5.0)))
    assert math.isnan(correlation(np.arange(5.0), np.zeros(5)))


def test_ties_share_their_rank() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [2.5, 0.0, 2.5, 1.0]


def test_steps_are_scored_by_themselves() -> None:
    steps = np.repeat([1, 2, 5, 9], [5, 5, 1, 3])
    label = np.r_[np.arange(5.0), np.arange(5.0), 1.0, 1.0, 2.0, 3.0]
    predicted = np.r_[np.arange(5.0) ** 3, -np.arange(5.0), 1.0, 7.0, 7.0, 7.0]
    found = score(steps, predicted, label, label / 100)
    assert found.rank_ic == pytest.approx([1.0, -1.0]), "alone, or without an opinion, a step says nothing"
    assert found.ic[0] < 1.0 and found.ic[1] == pytest.approx(-1.0)
    assert found.long_short == pytest.approx([0.04, -0.04])
    both = joined([found, found])
    assert both.ic.tolist() == [*found.ic, *found.ic]


def test_symbols_predicted_alike_share_the_places_they_compete_for() -> None:
    steps, returns = np.zeros(10, np.int64), np.arange(10.0)
    predicted = np.r_[-1.0, np.zeros(7), 2.0, 2.0]
    found = score(steps, predicted, returns, returns)
    # two of ten on each side; of the seven in the middle none is preferred for its name
    assert found.long_short == pytest.approx([8.5 - (0.0 + 4.0) / 2.0])
    backwards = score(steps, predicted[::-1], returns[::-1], returns[::-1])
    assert backwards.long_short == pytest.approx(found.long_short)


def test_what_was_the_same_at_every_step_is_not_certain() -> None:
    """Of two symbols one was ahead all the time: five horizons do not prove skill, two hundred do."""
    for apart, skill in ((5, False), (200, True)):
        steps, label = np.repeat(np.arange(20 * apart), 2), np.tile([-1.0, 1.0], 20 * apart)
        metrics = measure(score(steps, label, label, label), 20, 1)
        assert metrics.rank_ic.value == metrics.rank_ic.high == 1.0 and shows_skill(metrics) is skill
    assert metrics.rank_ic.low == pytest.approx(2.0 * 0.025 ** (1 / 200) - 1.0)


def test_no_step_at_all_is_no_skill() -> None:
    nothing = score(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))
    metrics = measure(nothing, 5, 1)
    assert metrics.steps == 0 and metrics.ic.value == 0.0 and not shows_skill(metrics)


def test_skill_and_its_absence() -> None:
    rng = np.random.default_rng(1)
    steps, label = np.repeat(np.arange(400), 10), rng.normal(size=4000)
    good = measure(score(steps, label + rng.normal(size=4000) * 3, label, label / 100), 1, 1)
    assert shows_skill(good) and 0.2 < good.rank_ic.value < 0.45
    assert good.long_short_sharpe.low > 0 and good.icir.low > 0 and good.steps == 400
    luck = np.random.default_rng(5).normal(size=4000)
    none = measure(score(steps, luck, label, label / 100), 1, 1)
    assert not shows_skill(none) and none.ic.low <= 0 <= none.ic.high
