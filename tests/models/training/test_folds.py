"""Folds: no label of the past reaches into what is scored, whatever bars are missing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.events import NS
from engine.models.training.folds import gap_of, prove, split
from engine.models.training.label import forward
from tests.models.training.conftest import START_NS, hollow, series


def test_the_gap_is_at_least_the_horizon_and_one_bar() -> None:
    assert gap_of(20, None, 5) == (21, 5) and gap_of(20, 30, 0) == (30, 0)
    with pytest.raises(ModelError, match=r"purge gap of 20 bars leaks.*at least 21"):
        gap_of(20, 20, 100)  # an embargo does not make up for it
    with pytest.raises(ModelError, match="embargo"):
        gap_of(20, None, -1)


@settings(max_examples=60, deadline=None)
@given(
    horizon=st.integers(1, 30),
    more=st.integers(0, 20),
    folds=st.integers(1, 5),
    window=st.sampled_from(["expanding", "rolling"]),
    holes=st.lists(st.tuples(st.integers(0, 2999), st.integers(1, 120)), max_size=8),
)
def test_no_label_reaches_into_what_follows_its_piece(
    horizon: int, more: int, folds: int, window: str, holes: list[tuple[int, int]]
) -> None:
    missing = sorted({i for start, length in holes for i in range(start, min(3000, start + length))})
    one = series(3000, 1, without=missing)
    later = forward(one, one.open_ns, 60, horizon)
    known = np.flatnonzero(np.isfinite(later.returns))
    made = hollow(known, later.end_ns[known], axis=one.open_ns, horizon=horizon)
    gap = horizon + 1 + more
    try:
        found = split(made, folds=folds, gap=gap, window=window)  # type: ignore[arg-type]
    except ModelError as error:
        assert "too little data" in str(error)
        return
    assert len(found) == folds
    for before, after in pairwise(found):
        assert before.test.until == after.test.first, "the tests follow each other"
    for fold in found:
        lengths = {fold.stop.until - fold.stop.first, fold.test.until - fold.test.first}
        assert len(lengths) == 1
        for past, future in ((fold.train, fold.stop), (fold.train, fold.test), (fold.stop, fold.test)):
            assert future.first - past.until >= gap
            ends, begins = later.end_ns[known][made.rows(past.first, past.until)], one.open_ns[future.first]
            assert (ends <= begins).all()
        expected = found[0].train.first if window == "expanding" else fold.train.until - lengths.pop()
        assert fold.train.first == expected


@given(st.integers(1, 50), st.integers(-60, 60))
def test_one_label_that_ends_later_is_enough_to_refuse(count: int, offset: int) -> None:
    ends = np.full(count, START_NS)
    ends[count // 2] += offset
    if offset > 0:
        with pytest.raises(ModelError, match="1 labels of the past reach into"):
            prove(ends, START_NS)
    else:
        prove(ends, START_NS)


def test_a_label_that_overlaps_is_refused_whatever_the_gap() -> None:
    steps = np.arange(2000)
    ends = START_NS + (steps + 200) * 60 * NS  # longer than the horizon says
    with pytest.raises(ModelError, match="reach into the piece"):
        split(hollow(steps, ends), folds=2, gap=6, window="expanding")


@pytest.mark.parametrize(("steps", "folds"), [(350, 4), (0, 4), (2000, 40)])
def test_too_little_data_is_refused(steps: int, folds: int) -> None:
    made = hollow(np.arange(max(1, steps)), START_NS + np.arange(max(1, steps)))
    with pytest.raises(ModelError, match=r"too little data.*fewer --folds"):
        split(made, folds=folds, gap=6, window="expanding")


def test_pieces_without_labels_are_refused() -> None:
    steps = np.r_[np.arange(300), np.arange(1500, 2000)]
    made = hollow(steps, START_NS + steps, axis=START_NS + np.arange(2000) * 60 * NS)
    with pytest.raises(ModelError, match=r"piece of fold . of 4 has . time steps"):
        split(made, folds=4, gap=6, window="expanding")
    # long enough by the clock, but with labels at every tenth step only: less than five horizons of them
    steps = np.arange(0, 6000, 10)
    made = hollow(steps, START_NS + steps, axis=START_NS + np.arange(6000) * 60 * NS, horizon=100)
    with pytest.raises(ModelError, match=r"has 97 time steps with labels, it needs 500"):
        split(made, folds=4, gap=101, window="expanding")
    with pytest.raises(ModelError, match="give 1 to 100"):
        split(made, folds=0, gap=6, window="expanding")
