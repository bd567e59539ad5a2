from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.portfolio.performance import Series
from engine.research.bootstrap import LEAST, block_length, intervals

SEEDS = int(os.environ.get("TICKDESK_BOOTSTRAP_SEEDS", "40"))


def autoregressive(phi: float, count: int, seed: int) -> Series:
    noise = np.random.default_rng(seed).standard_normal(count)
    series = np.zeros(count)
    for at in range(count):
        series[at] = phi * series[at - 1] + noise[at]
    return series


def trend_follower(count: int, seed: int) -> Series:
    """Returns of being long a random walk while its fast mean is above its slow one."""
    steps = np.random.default_rng(seed).standard_normal(count + 100) * 0.01
    price = np.cumsum(steps)
    fast = slow = 0.0
    held = np.zeros(count + 100)
    for at in range(count + 100):
        fast += 0.18 * (price[at] - fast)
        slow += 0.07 * (price[at] - slow)
        held[at] = fast > slow
    return np.asarray((held[:-1] * steps[1:])[99:])


@pytest.mark.parametrize("phi", [0.3, 0.5, 0.8])
def test_the_block_length_is_the_best_one_of_an_autoregression(phi: float) -> None:
    count = 50_000
    best = (2 * phi / (1 - phi**2)) ** (2 / 3) * count ** (1 / 3)
    found = np.mean([block_length(autoregressive(phi, count, seed)) for seed in range(2)])
    assert found == pytest.approx(best, rel=0.15)


def test_independent_returns_have_short_blocks_and_constant_ones_the_shortest() -> None:
    assert block_length(np.random.default_rng(1).standard_normal(1000)) < 6
    assert block_length(np.zeros(100)) == 1.0
    assert block_length(np.arange(5.0)) == 1.0
    assert 1.0 <= block_length(np.append(np.zeros(30), [1e-100, -1e-90])) <= 32


@pytest.mark.parametrize(
    "made",
    [
        lambda seed: np.random.default_rng(seed).standard_normal(250) * 0.01,
        lambda seed: np.random.default_rng(seed).standard_t(5, 500) * 0.01,
        lambda seed: autoregressive(0.2, 500, seed) * 0.01,
        lambda seed: trend_follower(800, seed),
    ],
    ids=["normal", "fat_tails", "dependent", "trend_follower"],
)
def test_the_interval_contains_the_truth_as_often_as_it_says(made: object) -> None:
    inside = 0
    for seed in range(1000, 1000 + SEEDS):
        found = intervals(made(seed), samples=200, seed=seed)  # type: ignore[operator]
        assert found is not None
        assert found.sharpe is not None
        inside += found.sharpe.low <= 0.0 <= found.sharpe.high
    # 95 % is meant; with so few seeds it may be somewhat less.
    assert inside >= 0.88 * SEEDS


def test_true_skill_is_told_from_luck() -> None:
    returns = np.random.default_rng(5).standard_normal(1000) * 0.01 + 0.002
    found = intervals(returns, samples=500, seed=0)
    assert found is not None
    assert found.sharpe is not None
    assert 0.1 < found.sharpe.low < 0.2 < found.sharpe.high < 0.3
    assert found.mean.low > 0.001
    assert found.growth.low < float(np.mean(np.log1p(returns))) < found.growth.high
    assert 0 < found.drawdown_pct.low < found.drawdown_pct.high < 50


def test_the_same_seed_gives_the_same_and_chunks_change_nothing_but_the_draw() -> None:
    returns = np.random.default_rng(5).standard_normal(200) * 0.01
    assert intervals(returns, samples=100, seed=1) == intervals(returns, samples=100, seed=1)
    assert intervals(returns, samples=100, seed=1) != intervals(returns, samples=100, seed=2)


def test_what_never_moves_has_no_sharpe_ratio() -> None:
    found = intervals(np.full(50, 0.001), samples=100, seed=1)
    assert found is not None
    assert found.sharpe is None
    assert found.mean.low == found.mean.high == pytest.approx(0.001)
    assert found.drawdown_pct.high == 0.0
    assert intervals(np.zeros(9), samples=100, seed=1) is None
    assert intervals(np.zeros(50), samples=0, seed=1) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-0.5, 0.5), min_size=10, max_size=60), st.integers(0, 5))
def test_intervals_are_finite_and_in_order(values: list[float], seed: int) -> None:
    found = intervals(np.array(values), samples=50, seed=seed)
    if found is None:
        assert np.count_nonzero(values) < LEAST
        return
    every = [found.mean, found.growth, found.drawdown_pct, *([found.sharpe] if found.sharpe else [])]
    for one in every:
        assert np.isfinite([one.low, one.high]).all()
        assert one.low <= one.high
    assert 0 <= found.drawdown_pct.low <= 100


def test_of_a_few_moves_among_many_rests_no_interval_is_told() -> None:
    """Of one loss among 200 days without a position, 95 % said that the true ratio is below 0."""
    idle = np.zeros(200)
    idle[100] = -0.01
    assert intervals(idle, samples=200, seed=1) is None
    idle[:LEAST] = np.random.default_rng(1).standard_normal(LEAST) * 0.01
    found = intervals(idle, samples=200, seed=1)
    assert found is not None and found.sharpe is not None
