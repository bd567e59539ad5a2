"""Curves out of fills and marks."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import NS
from engine.research.bar_ticks import Series
from engine.research.curves import CHART_POINTS, CURVE_POINTS, Flow, candles, chart, curves, times_and_marks

DAY = 86_400


def closing(days: list[int], closes: list[float]) -> Series:
    prices = np.array(closes)
    rows = np.stack((prices, prices + 1, prices - 1, prices, np.ones(len(prices))), axis=1)
    return Series(np.array(days) * DAY * NS, rows)


def test_a_close_is_carried_on_until_the_next() -> None:
    ns, marks = times_and_marks([closing([0, 1, 2], [1, 2, 3]), closing([1, 3], [10, 20])], DAY)
    assert (ns // (DAY * NS)).tolist() == [1, 2, 3, 4]
    assert marks[:, 0].tolist() == [1, 2, 3, 3]
    assert np.isnan(marks[0, 1]) and marks[1:, 1].tolist() == [10, 10, 20]


def test_what_fills_before_a_close_is_in_it_and_at_it_in_the_next() -> None:
    ns, marks = times_and_marks([closing([0, 1, 2], [10, 20, 30])], DAY)
    flows = [Flow(DAY * NS, 0, 2.0, -20.0), Flow(2 * DAY * NS + 1, 0, -2.0, 50.0)]
    found = curves(ns, marks, flows, 100.0, np.array([10.0]), [""], {}, DAY * NS)
    assert found.equity.tolist() == [100.0, 120.0, 130.0]
    assert found.exposure.tolist() == pytest.approx([0.0, 40 / 120 * 100, 0.0])
    assert found.benchmark.tolist() == [100.0, 200.0, 300.0]


def test_payments_and_other_currencies() -> None:
    ns, marks = times_and_marks([closing([0, 1], [10, 10])], DAY)
    flows = [Flow(1, 0, 1.0, -10.0, "EUR"), Flow(DAY * NS, -1, 0.0, -1.0)]
    rates = {"EUR": np.array([2.0, 3.0])}
    found = curves(ns, marks, flows, 100.0, np.array([10.0]), ["EUR"], rates, DAY * NS)
    assert found.equity.tolist() == [99.0, 99.0]
    assert found.exposure[1] == pytest.approx(30 / 99 * 100)


def test_a_chart_has_candles_of_several_bars_where_there_are_too_many() -> None:
    count = CHART_POINTS * 2 + 1
    found = chart("A", closing(list(range(count)), [float(at + 2) for at in range(count)]), DAY)
    assert len(found.ns) <= CHART_POINTS and found.step_s == 3 * DAY
    assert (found.open[0], found.high[0], found.low[0], found.close[0]) == (2.0, 5.0, 1.0, 4.0)
    assert found.close[-1] == count + 1


def test_candles_between_prices() -> None:
    made = candles(np.array([0, 1, 2]), np.array([1.0, 3.0, 2.0]))
    assert made.values[:, :4].tolist() == [[1, 3, 1, 3], [3, 3, 2, 2]]


def test_mean_exposure_is_by_time_and_has_what_no_close_saw() -> None:
    ns, marks = times_and_marks([closing([0, 1, 2, 3], [10, 10, 10, 20])], DAY)
    quarter = DAY * NS // 4
    within = [Flow(quarter, 0, 2.0, -20.0, price=10.0), Flow(2 * quarter, 0, -2.0, 20.0, price=10.0)]
    found = curves(ns, marks, within, 100.0, np.array([10.0]), [""], {}, DAY * NS)
    assert found.exposure.tolist() == [0.0] * 4
    assert found.mean_exposure == pytest.approx(20.0 / 16)
    overnight = [Flow(quarter, 0, -2.0, 24.0, price=12.0), Flow(6 * quarter, 0, 2.0, -20.0, price=10.0)]
    found = curves(ns, marks, overnight, 100.0, np.array([10.0]), [""], {}, DAY * NS)
    assert found.mean_exposure == pytest.approx((24.0 * 3 + 20 / 104 * 100 * 2) / 16)


def test_mean_exposure_in_another_currency_and_of_nothing() -> None:
    ns, marks = times_and_marks([closing([0, 1], [10, 10])], DAY)
    flows = [Flow(0, 0, 1.0, -10.0, "EUR", 10.0)]
    rates = {"EUR": np.array([2.0, 2.0])}
    found = curves(ns, marks, flows, 100.0, np.array([10.0]), ["EUR"], rates, DAY * NS)
    assert found.mean_exposure == pytest.approx(20.0)
    assert curves(ns, marks, [], 100.0, np.array([10.0]), [""], {}, DAY * NS).mean_exposure == 0.0


def test_holding_another_currency_s_symbol_gains_with_the_currency() -> None:
    ns, marks = times_and_marks([closing([0, 1, 2], [10, 20, 20]), closing([1, 2], [5, 5])], DAY)
    rates = {"EUR": np.array([2.0, 2.0, 3.0])}
    firsts = np.array([10.0, 5.0])
    found = curves(ns, marks, [], 100.0, firsts, ["EUR", ""], rates, DAY * NS)
    assert found.benchmark.tolist() == [100.0, 150.0, 200.0]
    assert found.equity.tolist() == [100.0] * 3


def test_what_is_not_held_needs_no_rate() -> None:
    ns, marks = times_and_marks([closing([0, 1, 2], [10, 10, 10])], DAY)
    rates = {"EUR": np.array([np.nan, 2.0, 2.0])}
    flows = [Flow(DAY * NS, 0, 1.0, -10.0, "EUR", 10.0)]
    found = curves(ns, marks, flows, 100.0, np.array([10.0]), ["EUR"], rates, DAY * NS)
    assert found.equity.tolist() == [100.0] * 3


def test_a_thinned_curve_keeps_its_deepest_falls() -> None:
    count = 3 * CURVE_POINTS
    closes = np.full(count, 100.0)
    closes[count // 2 + 1] = 40.0
    series = closing(list(range(count)), closes.tolist())
    ns, marks = times_and_marks([series], DAY)
    flows = [Flow(1, 0, 1.0, -100.0, "", 100.0)]
    found = curves(ns, marks, flows, 200.0, np.array([100.0]), [""], {}, DAY * NS)
    assert len(found.ns) <= CURVE_POINTS + 6 and found.step_ns == 3 * DAY * NS
    assert found.equity.min() == 140.0 and found.benchmark.min() == 80.0
    assert found.ns[found.equity.argmin()] == ns[count // 2 + 1]
    assert (np.diff(found.ns) > 0).all() and found.ns[-1] == ns[-1]
