"""Which vwap the bars told that end at a moment, by symbol."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import NS
from engine.research.bar_ticks import Series
from engine.research.bar_vwaps import BarVwaps


def series(begins: list[int], *vwaps: float) -> Series:
    rows = np.ones((len(begins), 6 if vwaps else 5))
    if vwaps:
        rows[:, 5] = vwaps
    return Series(np.array(begins, np.int64) * NS, rows)


@pytest.mark.parametrize(
    ("end_s", "asked", "told"),
    [
        (60, [0, 1, 2], [1.5, 2.5, np.nan]),
        (120, [0, 1, 2], [np.nan, np.nan, 3.5]),
        (120, [0, 1], [np.nan, np.nan]),
        (180, [1], [2.6]),
        (180, [0, 2], [1.6, np.nan]),
        (240, [0, 1, 2], [np.nan] * 3),
        (60, [], []),
    ],
)
def test_of_what_ends_then(end_s: int, asked: list[int], told: list[float]) -> None:
    vwaps = BarVwaps([series([0, 120], 1.5, 1.6), series([0, 120], 2.5, 2.6), series([60], 3.5)], 60)
    np.testing.assert_array_equal(vwaps.at(end_s * NS, np.array(asked, np.int64)), told)


def test_bars_without_one_tell_none() -> None:
    indices = np.arange(2)
    assert np.isnan(BarVwaps([series([0]), series([0])], 60).at(60 * NS, indices)).all()
    np.testing.assert_array_equal(
        BarVwaps([series([0]), series([0], 2.5)], 60).at(60 * NS, indices), [np.nan, 2.5]
    )
    assert not len(BarVwaps([], 60).at(60 * NS, indices[:0]))
