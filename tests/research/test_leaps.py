"""What looks like a split, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import NS
from engine.research.bar_ticks import Series
from engine.research.leaps import leap

DAY = 86_400


def series(seed: int, factors: dict[int, float], *, move: float = 0.01, gap: float = 0.0) -> Series:
    """200 days that begin near where the one before ended; ``factors`` of all prices from a day on."""
    random = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(random.normal(0, move, 200)))
    opens = np.append(closes[:1], closes[:-1]) * np.exp(random.normal(0, gap, 200))
    for day, factor in factors.items():
        opens[day:] *= factor
        closes[day:] *= factor
    rows = np.stack((opens, np.maximum(opens, closes), np.minimum(opens, closes), closes, closes), axis=1)
    return Series((np.arange(200) + 20_000) * DAY * NS, rows)


@pytest.mark.parametrize("ratio", [0.25, 1 / 7, 2 / 3, 0.05, 10.0])
def test_a_split(ratio: float) -> None:
    for seed in range(20):
        found = leap(series(seed, {120: ratio}, gap=0.005))
        assert found is not None
        assert found.ns == 20_120 * DAY * NS
        assert found.ratio == pytest.approx(ratio, rel=0.03)


def test_no_split() -> None:
    for seed in range(50):
        assert leap(series(seed, {}, move=0.04, gap=0.02)) is None
        assert leap(series(seed, {120: 0.8})) is None, "a bad night"
        assert leap(series(seed, {120: 0.5, 122: 2.0})) is None, "two bad bars"
        assert leap(series(seed, {120: 0.5}, move=0.2)) is None, "a wild coin"
    assert leap(Series(np.arange(3) * DAY * NS, np.ones((3, 5)))) is None


def test_one_wild_bar_at_an_end_is_no_split() -> None:
    """Whether prices stay there nothing tells."""
    for seed in range(20):
        assert leap(series(seed, {199: 0.5})) is None and leap(series(seed, {1: 2.0})) is None
        assert leap(series(seed, {197: 0.5})) is not None and leap(series(seed, {3: 2.0})) is not None


@pytest.mark.timeout(30)
@pytest.mark.parametrize("period", [2, 7])
def test_prices_that_leap_to_and_fro_all_the_time(period: int) -> None:
    """Minutes of a share at its smallest price, 0.01 and 0.02: each is looked at, not all bars for each."""
    closes = np.where(np.arange(300_000) % period == period - 1, 0.02, 0.01)
    assert leap(Series(np.arange(len(closes)) * 60 * NS, np.stack((closes,) * 5, axis=1))) is None
