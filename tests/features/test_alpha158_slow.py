"""Alpha158 on series that the reference data does not have, against a slow evaluation in long double."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.features.alpha158 import HISTORY, NAMES, alpha158_rings, alpha158_series
from tests.features.alpha158_slow import Cell, row

TOLERANCE = 1e-9
OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP = range(6)


def walk(random: np.random.Generator, n: int, start: float = 100.0, move: float = 1e-3) -> np.ndarray:
    close = start * np.exp(np.cumsum(random.normal(0, move, n)))
    open_ = close * (1 + random.normal(0, move / 3, n))
    high = np.maximum(open_, close) * (1 + random.exponential(move / 4, n))
    low = np.minimum(open_, close) * (1 - random.exponential(move / 4, n))
    volume = random.exponential(10.0, n)
    return np.column_stack([open_, high, low, close, volume, (high + low + close) / 3])


def gaps(random: np.random.Generator, n: int) -> np.ndarray:
    bars = walk(random, n)
    bars[random.random(n) < 0.15] = np.nan
    return bars


def no_vwap(random: np.random.Generator, n: int) -> np.ndarray:
    """As a venue's own bars are stored."""
    bars = walk(random, n)
    bars[:, VWAP] = np.nan
    return bars


def parts_missing(random: np.random.Generator, n: int) -> np.ndarray:
    bars = walk(random, n)
    bars[random.random((n, 6)) < 0.05] = np.nan
    return bars


def no_volumes(random: np.random.Generator, n: int) -> np.ndarray:
    bars = walk(random, n)
    bars[random.random(n) < 0.5, VOLUME] = 0.0
    return bars


def never_any_volume(random: np.random.Generator, n: int) -> np.ndarray:
    bars = walk(random, n)
    bars[:, VOLUME] = 0.0
    return bars


def filled(random: np.random.Generator, n: int) -> np.ndarray:
    """As the desk fills: flat at the last close, long runs of it."""
    bars = walk(random, n)
    for at in range(1, n):
        if random.random() < 0.7:
            bars[at] = bars[at - 1, CLOSE]
            bars[at, VOLUME] = 0.0
    return bars


def constant(random: np.random.Generator, n: int) -> np.ndarray:
    price = random.uniform(1e-3, 1e5)
    return np.tile([price, price, price, price, random.uniform(0, 9), price], (n, 1))


def ticks(random: np.random.Generator, n: int) -> np.ndarray:
    """Few prices, many ties."""
    bars = np.round(walk(random, n, 2.0, 5e-3), 2)
    bars[:, HIGH] = bars[:, :4].max(axis=1)
    bars[:, LOW] = bars[:, :4].min(axis=1)
    return bars


def tiny(random: np.random.Generator, n: int) -> np.ndarray:
    """Below the limit under which no correlation with the price is given."""
    return walk(random, n, 3e-8)


def huge(random: np.random.Generator, n: int) -> np.ndarray:
    bars = walk(random, n, 4e12)
    bars[:, VOLUME] *= 1e12
    return bars


def jumps(random: np.random.Generator, n: int) -> np.ndarray:
    """Splits, and trades of all sizes."""
    bars = walk(random, n)
    factors = np.where(random.random(n) < 0.05, 10.0 ** random.uniform(-2, 2, n), 1.0)
    bars[:, (OPEN, HIGH, LOW, CLOSE, VWAP)] *= np.cumprod(factors)[:, None].clip(1e-4, 1e6)
    bars[:, VOLUME] = 10.0 ** random.uniform(-8, 12, n)
    return bars


def infinite_volumes(random: np.random.Generator, n: int) -> np.ndarray:
    bars = walk(random, n)
    bars[random.random(n) < 0.1, VOLUME] = np.inf
    return bars


KINDS = (
    *(walk, gaps, no_vwap, parts_missing, no_volumes, never_any_volume, filled, constant, ticks, tiny, huge),
    *(jumps, infinite_volumes),
)


def check(cells: list[Cell], ours: np.ndarray) -> None:
    for name, cell, value in zip(NAMES, cells, ours.tolist(), strict=True):
        if cell.edge:
            continue
        assert np.isnan(value) == bool(np.isnan(cell.value)), (name, value, cell.value)
        if not np.isnan(value) and value != cell.value:
            error = abs(np.longdouble(value) - cell.value) / max(1, abs(cell.value))
            assert error <= TOLERANCE, (name, value, cell.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 140))
def test_as_a_slow_evaluation(
    kind: Callable[[np.random.Generator, int], np.ndarray], seed: int, n: int
) -> None:
    bars = kind(np.random.default_rng(seed), n)
    ours = alpha158_series(bars)
    for t in {0, 1, n // 2, n - 1} & set(range(n)):
        check(row(bars[max(0, t + 1 - HISTORY) : t + 1]), ours[t])


def test_the_judge_sees_a_wrong_cell() -> None:
    bars = walk(np.random.default_rng(1), 80)
    ours = alpha158_series(bars)[-1]
    cells = row(bars[-HISTORY:])
    check(cells, ours)
    for column in range(len(NAMES)):
        wrong = ours.copy()
        wrong[column] += 2e-9 * max(1.0, abs(wrong[column]))
        with pytest.raises(AssertionError):
            check(cells, wrong)


def test_rings_that_are_full_short_or_of_a_wrong_size() -> None:
    random = np.random.default_rng(2)
    bars = walk(random, 200)
    rings = np.zeros((3, 64, 6))
    for n in range(len(bars)):
        rings[1, n % 64] = bars[n]
        if n + 1 >= HISTORY:
            found = alpha158_rings(rings, np.array([1]), np.array([n + 1]))
            assert found.tobytes() == alpha158_series(bars[: n + 1])[-1:].tobytes()
    none = np.zeros(0, np.int64)
    assert alpha158_rings(rings, none, none).shape == (0, 158)
    with pytest.raises(ValueError, match="61 bars"):
        alpha158_rings(rings, np.array([1]), np.array([60]))
    with pytest.raises(ValueError, match="61 bars"):
        alpha158_rings(rings, np.array([3]), np.array([61]))
    for slots in (32, 62):
        with pytest.raises(ValueError, match="power of two"):
            alpha158_rings(np.zeros((3, slots, 6)), np.array([1]), np.array([61]))
