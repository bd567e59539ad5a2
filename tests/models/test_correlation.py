"""Ranks and their correlation against the plain definitions."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.models.correlation import correlation, rank_correlation, ranks


@given(st.permutations(range(12)))
def test_without_ties_ranks_are_places(places: list[int]) -> None:
    assert ranks(np.array(places) * 0.1 - 3.0).tolist() == places


def test_correlations_of_what_varies_alike_and_not_at_all() -> None:
    x = np.array([1.0, 2.0, 4.0, 8.0])

    assert math.isclose(correlation(x, 3.0 - x), -1.0)
    assert math.isclose(rank_correlation(x, x**3), 1.0)
    assert math.isnan(correlation(x, np.full(4, 0.1))) and math.isnan(rank_correlation(np.full(4, 0.1), x))
