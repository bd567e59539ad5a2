"""Steps whose labels overlap: how many they are worth, and that the interval of their mean holds."""

from __future__ import annotations

import numpy as np
import pytest

from engine.models.overlap import independent, mean_interval


@pytest.mark.parametrize(("n", "horizon", "about"), [(50, 1, 50), (4, 4, 1.45), (200, 20, 10.3), (0, 4, 0)])
def test_how_many_steps_would_say_as_much(n: int, horizon: int, about: float) -> None:
    assert independent(n, horizon) == pytest.approx(about, rel=0.02)


@pytest.mark.parametrize(("n", "horizon"), [(50, 1), (8, 1), (24, 4), (200, 4), (200, 20), (60, 20)])
def test_the_interval_holds_the_true_mean_as_often_as_it_says(n: int, horizon: int) -> None:
    random = np.random.default_rng(7)
    runs, held = 1500, 0
    for _ in range(runs):
        noise = random.normal(size=n + horizon - 1)
        found = mean_interval((0.3 + np.convolve(noise, np.ones(horizon), "valid")).tolist(), horizon)
        assert found is not None
        held += found[0] <= 0.3 <= found[1]
    assert held / runs >= 0.93, "not too sure of itself"
    if n / horizon > 9:
        assert held / runs <= 0.985, "not wider than it must be"


@pytest.mark.parametrize(("n", "horizon"), [(0, 1), (1, 1), (4, 4), (30, 20)])
def test_too_few_independent_steps_have_no_interval(n: int, horizon: int) -> None:
    assert mean_interval([0.1 * step for step in range(n)], horizon) is None
