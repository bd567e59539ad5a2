"""Longer bars of stored shorter ones: the same as a live desk makes, and none that is not whole."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import NS
from engine.models.training.label import Series
from engine.wiring.longer_bars import longer_bars
from tests.models.conftest import bars

MINUTE = 60 * NS
START_NS = 1_700_000_100 * NS
"""The beginning of five minutes."""


def minutes(n: int, seed: int, *, first: int = 0, without: tuple[int, ...] = ()) -> Series:
    keep = np.setdiff1d(np.arange(first, n), without)
    return Series(START_NS + keep * MINUTE, bars(n, seed)[keep], np.zeros(len(keep), np.bool_))


def made(found: dict[str, Series], *, closes: tuple[str, ...] = ()) -> dict[str, Series]:
    return longer_bars(found, 60, 300, lambda symbol: symbol not in closes, lambda share: None)


def test_five_minutes_are_made_of_one_minutes() -> None:
    found = {"x:a": minutes(60, 1), "x:b": minutes(60, 2, first=3)}
    long = made(found)
    values = found["x:a"].values.reshape(12, 5, 6)
    one = long["x:a"]
    assert one.open_ns.tolist() == [START_NS + at * 5 * MINUTE for at in range(12)] and not one.filled.any()
    assert one.values[:, 0].tobytes() == values[:, 0, 0].tobytes()
    assert one.values[:, 1].tobytes() == values[:, :, 1].max(axis=1).tobytes()
    assert one.values[:, 2].tobytes() == values[:, :, 2].min(axis=1).tobytes()
    assert one.values[:, 3].tobytes() == values[:, -1, 3].tobytes()
    assert one.values[:, 4] == pytest.approx(values[:, :, 4].sum(axis=1))
    weighted = (values[:, :, 4] * values[:, :, 5]).sum(axis=1) / values[:, :, 4].sum(axis=1)
    assert one.values[:, 5] == pytest.approx(weighted)
    assert long["x:b"].open_ns[0] == START_NS + 5 * MINUTE, "the first five are not whole"


def test_what_is_not_whole_is_missing_where_a_market_never_closes() -> None:
    holed = minutes(60, 1, without=(7, 33))
    assert len(made({"x:a": holed})["x:a"].open_ns) == 10
    # a minute without a trade has no bar where the market may be closed
    assert len(made({"x:a": holed}, closes=("x:a",))["x:a"].open_ns) == 12
    cut = minutes(58, 1)
    assert made({"x:a": cut})["x:a"].open_ns[-1] == START_NS + 50 * MINUTE, "the last one has not ended"


def test_filled_minutes_make_no_price_and_a_whole_filled_bar_is_filled() -> None:
    one = minutes(20, 1)
    filled = np.zeros(20, np.bool_)
    filled[[4, 10, 11, 12, 13, 14]] = True
    values = one.values.copy()
    values[filled, 4] = 0.0
    found = made({"x:a": Series(one.open_ns, values, filled)})["x:a"]
    assert found.filled.tolist() == [False, False, True, False]
    assert found.values[0, 3] == values[3, 3], "closed by the last minute that traded"


def test_what_is_not_told_stays_unknown() -> None:
    one = minutes(15, 1)
    one.values[2, 5] = np.nan
    one.values[7, 4:] = np.nan
    found = made({"x:a": one})["x:a"].values
    assert np.isnan(found[:, 5]).tolist() == [True, True, False]
    assert np.isnan(found[:, 4]).tolist() == [False, True, False]


def test_nothing_at_all_is_nothing() -> None:
    assert made({"x:a": minutes(4, 1)}) == {}
    with pytest.raises(ValueError, match="do not make up"):
        longer_bars({"x:a": minutes(4, 1)}, 60, 90, lambda symbol: True, lambda share: None)
