"""The numbers are those that Bailey & López de Prado print in "The Deflated Sharpe Ratio" (2014)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.research.deflated import Moments, best_of_luck, deflated, moments, probabilistic

FIVE_YEARS = 1250
YEARLY = 250
OBSERVED = 2.5 / math.sqrt(YEARLY)
VARIANCE = 0.5 / YEARLY


def test_the_published_example() -> None:
    strategy = Moments(FIVE_YEARS, OBSERVED, skew=-3.0, kurtosis=10.0)
    assert best_of_luck(100, VARIANCE) == pytest.approx(0.1132, abs=5e-5)
    assert deflated(strategy, 100, VARIANCE) == pytest.approx(0.9004, abs=5e-5)
    assert deflated(strategy, 46, VARIANCE) == pytest.approx(0.9505, abs=5e-5)
    normal = Moments(FIVE_YEARS, OBSERVED, skew=0.0, kurtosis=3.0)
    assert deflated(normal, 88, VARIANCE) == pytest.approx(0.9505, abs=5e-5)


def test_one_trial_is_deflated_by_nothing() -> None:
    strategy = Moments(FIVE_YEARS, OBSERVED, skew=-3.0, kurtosis=10.0)
    assert best_of_luck(1, VARIANCE) == 0.0
    assert deflated(strategy, 1, VARIANCE) == probabilistic(strategy)
    assert probabilistic(Moments(100, 0.1, 0.0, 3.0), beyond=0.1) == 0.5


def test_the_best_of_luck_is_what_trials_without_skill_bring() -> None:
    draws = np.random.default_rng(1).standard_normal((4000, 50)) * 0.3
    assert best_of_luck(50, 0.09) == pytest.approx(float(draws.max(axis=1).mean()), rel=0.02)


def test_moments_are_those_of_the_series() -> None:
    returns = np.array([0.01, -0.02, 0.03, 0.0, 0.01])
    found = moments(returns)
    assert found is not None
    assert found.count == 5
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert found.skew == pytest.approx(-0.1790, abs=1e-4)
    assert found.kurtosis == pytest.approx(2.2686, abs=1e-4)
    assert moments(np.full(10, 0.01)) is None
    assert moments(np.array([0.1, 0.2])) is None


def test_where_the_variance_is_not_positive_nothing_can_be_told() -> None:
    assert probabilistic(Moments(100, 2.0, 3.0, 1.0)) is None
