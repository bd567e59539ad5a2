"""Adjusted prices: the published formula, Yahoo's own figures, and what must never change."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS
from engine.store.adjust import adjusted, factors
from engine.store.bar import StoredAction
from engine.store.bars_read import CLOSE, VOLUME, Bars

DAY = 86_400 * NS
NOW = 20_000 * DAY


def series(closes: list[float], *, split_adjusted: bool = False, told_ns: int = NOW, step: int = DAY) -> Bars:
    count = len(closes)
    values = np.array([[close, close, close, close, 100.0, np.nan] for close in closes]).reshape(-1, 6)
    return Bars(
        symbol="AAPL",
        interval_s=step // NS,
        open_ns=np.arange(count, dtype=np.int64) * step + 10_000 * DAY,
        values=values,
        trades=np.full(count, -1, np.int64),
        provenance=np.full(count, 2, np.int8),
        told_ns=np.full(count, told_ns, np.int64),
        source=np.zeros(count, np.int64),
        sources=("test",),
        split_adjusted=(split_adjusted,),
    )


def split(day: float, ratio: float) -> StoredAction:
    return StoredAction(round((10_000 + day) * DAY), "split", ratio, "test", False, NOW)


def dividend(day: float, amount: float, *, split_adjusted: bool = False, told_ns: int = NOW) -> StoredAction:
    return StoredAction(round((10_000 + day) * DAY), "dividend", amount, "test", split_adjusted, told_ns)


def closes(bars: Bars) -> list[float]:
    return bars.values[:, CLOSE].tolist()


def test_the_published_example() -> None:
    """https://help.yahoo.com/kb/SLN28256.html: 0.08 at 24.96 is a factor of 0.9968."""
    found = adjusted(series([25.0, 24.96, 24.9]), [dividend(2, 0.08)])
    factor = 1 - 0.08 / 24.96
    assert round(factor, 4) == 0.9968
    assert closes(found) == pytest.approx([25.0 * factor, 24.96 * factor, 24.9], rel=1e-15)
    assert found.values[:, VOLUME].tolist() == [100.0] * 3


def test_a_split_is_in_prices_and_volumes() -> None:
    found = adjusted(series([400.0, 404.0, 101.0]), [split(2, 4.0)])
    assert closes(found) == [100.0, 101.0, 101.0]
    assert found.values[:, VOLUME].tolist() == [400.0, 400.0, 100.0]
    # Ten old shares for a new one.
    assert closes(adjusted(series([1.0, 10.0]), [split(1, 0.1)])) == [10.0, 10.0]


def test_a_dividend_before_a_split_is_of_old_shares() -> None:
    """Together they are what each is of the other's outcome."""
    actions = [split(3, 4.0), dividend(1, 2.0)]
    prices, shares = factors(series([400.0, 398.0, 400.0, 100.0]), actions)
    assert shares.tolist() == [4.0, 4.0, 4.0, 1.0]
    assert prices.tolist() == pytest.approx([(1 - 2.0 / 400.0) / 4, 0.25, 0.25, 1.0])
    # Told in today's shares the same dividend is a quarter.
    told = [split(3, 4.0), dividend(1, 0.5, split_adjusted=True)]
    assert factors(series([400.0, 398.0, 400.0, 100.0]), told)[0].tolist() == pytest.approx(prices.tolist())


def test_a_source_that_adjusts_for_splits_has_done_so_when_it_spoke() -> None:
    bars = series([100.0, 100.0, 101.0], split_adjusted=True)
    assert closes(adjusted(bars, [split(2, 4.0)])) == [100.0, 100.0, 101.0]
    early = series([400.0, 404.0, 101.0], split_adjusted=True, told_ns=10_000 * DAY)
    assert closes(adjusted(early, [split(2, 4.0)])) == [100.0, 101.0, 101.0]


def test_an_ex_date_is_a_day_for_days_and_begins_with_early_trading_for_minutes() -> None:
    opening = dividend(1 + 13.5 / 24, 1.0)
    assert closes(adjusted(series([100.0] * 3), [opening])) == [99.0, 100.0, 100.0]
    hours = series([100.0] * 48, step=3600 * NS)
    assert closes(adjusted(hours, [opening])).count(99.0) == 24 + 8  # from 7:30 on it trades without
    assert closes(adjusted(hours, [dividend(1, 1.0)])).count(99.0) == 24


@pytest.mark.parametrize(
    "action",
    [split(1, 0.0), split(1, float("inf")), split(1, float("nan")), dividend(1, 100.0), dividend(1, -1.0),
     dividend(1, float("nan")), dividend(0, 1.0), split(0, 2.0)],
)  # fmt: skip
def test_what_cannot_be_adjusts_nothing(action: StoredAction) -> None:
    bars = series([100.0, 100.0])
    assert closes(adjusted(bars, [action])) == [100.0, 100.0]


def test_nothing_to_adjust() -> None:
    bars = series([])
    assert adjusted(bars, [split(1, 2.0)]) is bars
    bars = series([1.0])
    assert adjusted(bars, []) is bars


actions = st.lists(
    st.one_of(
        st.builds(split, st.integers(0, 12), st.floats(0.1, 20.0)),
        st.builds(dividend, st.integers(0, 12), st.floats(0.001, 5.0)),
    ),
    max_size=6,
)


@given(st.lists(st.floats(50.0, 500.0), min_size=2, max_size=10), actions)
def test_the_newest_stands_and_order_does_not_matter(prices: list[float], told: list[StoredAction]) -> None:
    bars = series(prices)
    later = [action for action in told if action.ex_ns <= bars.open_ns[-1]]
    found = adjusted(bars, later)
    assert closes(found)[-1] == prices[-1]
    turned = adjusted(bars, later[::-1])
    assert closes(turned) == pytest.approx(closes(found), rel=1e-12)
    assert (found.values[:, CLOSE] > 0).all()


def _charts(data_dir: Path) -> list[dict[str, Any]]:
    path = data_dir / "feeds" / "rest" / "yahoo_chart.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        replies = [json.loads(line) for line in file]
    return [json.loads(reply["raw"])["chart"]["result"][0] for reply in replies]


@pytest.mark.data
def test_yahoos_adjusted_closes(data_dir: Path) -> None:
    """AAPL from August to November 2020: a split on the first day, a dividend on the last."""
    (chart,) = [one for one in _charts(data_dir) if "splits" in one.get("events", {})]
    told = [
        StoredAction(one["date"] * NS, "dividend", one["amount"], "yahoo", True, NOW)
        for one in chart["events"]["dividends"].values()
    ] + [
        StoredAction(one["date"] * NS, "split", one["numerator"] / one["denominator"], "yahoo", True, NOW)
        for one in chart["events"]["splits"].values()
    ]
    assert {action.kind for action in told} == {"dividend", "split"}
    (quote,) = chart["indicators"]["quote"]
    raw = np.array(quote["close"])
    own = np.array(chart["indicators"]["adjclose"][0]["adjclose"])
    bars = series(raw.tolist(), split_adjusted=True)
    bars.open_ns[:] = np.array(chart["timestamp"], np.int64) * NS
    found = adjusted(bars, told).values[:, CLOSE]
    # Yahoo's are adjusted for the dividends since as well: the same factor in all of them. It rounds them
    # to six digits.
    since = own[-1] / raw[-1]
    assert np.abs(found * since / own - 1.0).max() < 5e-7
    assert found[-1] == raw[-1] and (found[:-1] < raw[:-1]).all()
