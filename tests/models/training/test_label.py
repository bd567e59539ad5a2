"""Labels: exact in time, never from a price that nobody made, each step normalised by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS
from engine.models.training.label import Series, forward, normalised
from tests.models.training.conftest import START_NS, series


def test_the_return_is_that_of_the_close_so_many_bars_later() -> None:
    one = series(100, 1)
    found = forward(one, one.open_ns, 60, 7)
    close = one.values[:, 3]
    assert found.returns[:93] == pytest.approx(close[7:] / close[:93] - 1.0)
    assert np.isnan(found.returns[93:]).all()
    assert (found.end_ns == one.open_ns + 8 * 60 * NS).all(), "known when the later bar has ended"


def test_a_missing_bar_gives_no_label_and_shifts_no_other() -> None:
    whole, holed = series(60, 2), series(60, 2, without=(30, 31))
    full = forward(whole, whole.open_ns, 60, 5).returns
    found = forward(holed, whole.open_ns, 60, 5).returns
    kept = [i for i in range(60) if i not in (30, 31)]
    for position, i in enumerate(kept):
        if i in (25, 26) or i >= 55:
            assert np.isnan(found[position])
        else:
            assert found[position] == full[i]


def test_filled_bars_neither_begin_nor_end_a_label() -> None:
    one = series(40, 3)
    filled = np.zeros(40, np.bool_)
    filled[20] = True
    found = forward(one._replace(filled=filled), one.open_ns, 60, 4).returns
    assert np.isnan(found[[16, 20]]).all() and np.isfinite(found[[15, 17, 19, 21]]).all()


def test_days_are_counted_as_days_of_trading() -> None:
    week = np.array([0, 1, 2, 3, 4, 7, 8, 9, 10, 11])  # without weekends
    opens = START_NS + week * 86_400 * NS
    one = Series(opens, series(10, 4).values, np.zeros(10, np.bool_))
    found = forward(one, opens, 86_400, 2)
    close = one.values[:, 3]
    assert found.returns[:8] == pytest.approx(close[2:] / close[:8] - 1.0)
    # by the clock, a Thursday and a Friday have none two days later
    assert np.isnan(forward(one, opens, 86_399, 2).returns).all()


def test_a_day_is_one_step_whenever_the_markets_of_it_begin() -> None:
    day_ns, hour_ns = 86_400 * NS, 3600 * NS
    midnight = START_NS // day_ns * day_ns + np.arange(30) * day_ns
    values, filled = series(30, 6).values, np.zeros(30, np.bool_)
    shares = Series(midnight + 14 * hour_ns, values, filled)
    evening = Series(midnight - 2 * hour_ns + hour_ns * (np.arange(30) % 20 < 10), values, filled)
    axis = np.unique(np.concatenate([midnight, shares.open_ns, evening.open_ns]))
    close = values[:, 3]
    for one in (shares, evening):
        found = forward(one, axis, 86_400, 3)
        assert found.returns[:27] == pytest.approx(close[3:] / close[:27] - 1.0)
        assert (found.end_ns[:27] == one.open_ns[3:] + day_ns).all()
    twice = np.sort(np.r_[shares.open_ns, shares.open_ns[20] - 9 * hour_ns])
    again = Series(twice, np.insert(values, 20, values[0] * 2, axis=0), np.zeros(31, np.bool_))
    assert forward(again, axis, 86_400, 3).returns[17] == pytest.approx(close[20] / close[17] - 1.0)


def test_impossible_closes_give_no_label() -> None:
    one = series(20, 5)
    one.values[4, 3], one.values[8, 3], one.values[12, 3] = 0.0, np.nan, np.inf
    found = forward(one, one.open_ns, 60, 1).returns
    assert np.isnan(found[[3, 4, 7, 8, 11]]).all() and np.isfinite(found[[2, 5, 9]]).all()


@given(st.lists(st.lists(st.floats(-0.1, 0.1), min_size=1, max_size=6), min_size=1, max_size=8))
def test_each_step_has_mean_0_and_deviation_1_or_no_labels(steps: list[list[float]]) -> None:
    returns = np.array([value for step in steps for value in step])
    index = np.repeat(np.arange(len(steps)) * 3, [len(step) for step in steps])
    labels = normalised(returns, index)
    for number, step in enumerate(steps):
        found = labels[index == 3 * number]
        if len(step) < 2 or np.ptp(step) == 0.0:
            assert np.isnan(found).all()
        elif np.std(step) > 1e-9 * np.abs(step).max():
            assert abs(found.mean()) < 1e-5 and found.std() == pytest.approx(1.0)
            assert np.corrcoef(found, step)[0, 1] == pytest.approx(1.0)


def test_no_rows_are_no_labels() -> None:
    assert len(normalised(np.empty(0), np.empty(0, np.int64))) == 0
