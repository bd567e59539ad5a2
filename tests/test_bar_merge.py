"""One symbol's bars merged at once are those that the desk merges as they close."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bar_merge import BarMerge, merged_series
from engine.events import NS
from engine.feature_table import COLUMN, FLOAT_FIELDS, FeatureTable

START_NS = 1_700_000_100 * NS
_PRICES = [COLUMN[name] for name in ("open", "high", "low", "close", "volume")]

prices = st.floats(1.0, 1e6)
short_bars = st.lists(
    st.tuples(st.integers(1, 4), prices, prices, st.sampled_from((0.0, 0.0, 1e-12, 0.7, 3e5))),
    min_size=1,
    max_size=60,
)
"""(steps since the one before, open, close, volume)."""


def series(told: list[tuple[int, float, float, float]]) -> tuple[np.ndarray, np.ndarray]:
    opens = START_NS + np.cumsum([step for step, *_ in told]) * NS
    values = np.array([(a, max(a, b), min(a, b), b, size, (a + b) / 2) for _, a, b, size in told])
    return opens, values


@settings(deadline=None)
@given(short_bars)
def test_at_once_as_one_by_one(told: list[tuple[int, float, float, float]]) -> None:
    opens, values = series(told)
    merge, one_by_one = BarMerge(5, 1.0), []
    for open_ns, bar in zip(opens.tolist(), values, strict=True):
        row = np.zeros((1, len(FLOAT_FIELDS)))
        row[0, _PRICES], row[0, COLUMN["trade_count"]] = bar[:5], bar[4] > 0.0
        table = FeatureTable(
            ("x:a",), np.zeros(1, np.int64), open_ns + NS, np.array([open_ns]), np.zeros(1, np.int64), row
        )
        one_by_one += merge.take(table, bar[5:])
    one_by_one += merge.due(1 << 62)
    found, made = merged_series(opens, values, 5 * NS)
    assert found.tolist() == [one.start_ns for one in one_by_one]
    np.testing.assert_allclose(made, np.vstack([one.values for one in one_by_one]), rtol=1e-12)


def test_a_volume_that_nobody_told_is_not_made_up() -> None:
    opens, values = series([(1, 1.0, 2.0, 1.0), (1, 2.0, 9.0, 1.0), (1, 3.0, 4.0, 1.0)])
    values[1, 4:] = np.nan
    found, made = merged_series(opens, values, 5 * NS)
    assert found.tolist() == [START_NS] and made[0, :4].tolist() == [1.0, 9.0, 1.0, 4.0]
    assert np.isnan(made[0, 4:]).all()


def test_nothing_makes_nothing() -> None:
    assert not len(merged_series(np.zeros(0, np.int64), np.zeros((0, 6)), NS)[0])
