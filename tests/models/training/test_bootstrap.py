"""Intervals that hold what they promise, also where labels overlap."""

from __future__ import annotations

import numpy as np
import pytest

from engine.models.training.bootstrap import block_length, mean_and_ratio

SEEDS = 300


def noise(seed: int, n: int, overlap: int) -> np.ndarray:
    """Mean 0; with ``overlap`` sums of so many neighbours, as figures of labels that overlap are."""
    sums = np.cumsum(np.r_[0.0, np.random.default_rng(40_000 + seed).normal(size=n + overlap - 1)])
    return sums[overlap:] - sums[:-overlap]


@pytest.mark.parametrize(("n", "overlap"), [(300, 1), (1000, 5), (600, 20)])
def test_95_of_100_intervals_contain_the_truth(n: int, overlap: int) -> None:
    """Measured over 1,000 seeds: 94 to 96 % on white and on overlapping noise of 300 to 5,000 steps, mean and
    ratio alike; 96 to 97 % where labels overlap and the figures do not."""
    held = np.zeros(2)
    for seed in range(SEEDS):
        values = noise(seed, n, overlap)
        held += [one.low <= 0.0 <= one.high for one in mean_and_ratio(values, overlap, seed)]
    assert (held / SEEDS >= 0.92).all() and (held / SEEDS <= 0.98).all()


def test_an_interval_that_ignored_the_overlap_would_be_wrong() -> None:
    wrong = sum(
        not estimate.low <= 0.0 <= estimate.high
        for seed in range(60)
        for estimate in mean_and_ratio(noise(seed, 600, 20), 1, seed)[:1]
    )
    assert wrong / 60 > 0.15


def test_a_mean_that_is_not_0_is_seen() -> None:
    mean, ratio = mean_and_ratio(noise(1, 2000, 5) / np.sqrt(5) + 0.5, 5, 1)
    assert mean.low > 0.3 and mean.high < 0.7 and mean.low < mean.value < mean.high
    assert ratio.low > 0.2 and ratio.low < ratio.value < ratio.high


def test_few_horizons_do_not_make_the_ratio_larger() -> None:
    """Five horizons of 20 steps: values lie close to their own mean, which is no smaller deviation."""
    values = [noise(seed, 100, 20) / np.sqrt(20) + 0.5 for seed in range(100)]
    ratios = [mean_and_ratio(one, 20, 1)[1] for one in values]
    naive = [one.mean() / one.std(ddof=1) for one in values]
    assert np.median([one.value for one in ratios]) < 0.93 * np.median(naive)
    assert sum(one.low <= 0.5 <= one.high for one in ratios) >= 88
    long = noise(1, 20_000, 20) / np.sqrt(20) + 0.5
    assert mean_and_ratio(long, 20, 1)[1].value == pytest.approx(long.mean() / long.std(), rel=1e-3)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = noise(3, 200, 4)
    assert mean_and_ratio(values, 4, 7) == mean_and_ratio(values.copy(), 4, 7)
    assert mean_and_ratio(values, 4, 7) != mean_and_ratio(values, 4, 8)


def test_blocks_are_at_least_the_horizon() -> None:
    for n in (40, 100, 1000, 10_000):
        for horizon in (1, 5, 20):
            assert horizon <= block_length(n, horizon) <= n // 2
    assert block_length(3, 20) == 1, "of next to nothing"


@pytest.mark.parametrize("values", [[], [0.3], [0.3, 0.3, 0.3]])
def test_what_cannot_vary_has_no_width(values: list[float]) -> None:
    mean, ratio = mean_and_ratio(np.array(values), 5, 1)
    assert mean.low == mean.value == mean.high
    assert (ratio.low, ratio.value, ratio.high) == (0.0, 0.0, 0.0)


def test_few_values_have_wide_and_finite_intervals() -> None:
    for n in range(2, 12):
        for estimate in mean_and_ratio(noise(n, n, 1), 20, 1):
            assert np.isfinite([estimate.low, estimate.value, estimate.high]).all()
            assert estimate.low <= estimate.value <= estimate.high
