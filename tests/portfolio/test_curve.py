"""A curve in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import NS
from engine.portfolio.curve import DAY_NS, LEAST_DAYS, LEAST_STEPS, Curve, Deepest
from engine.portfolio.performance import returns, sharpe, sortino

D0 = 19_000 * DAY_NS
STEP = 30 * NS


def walked(days: int, seed: int = 1, start: float = 1000.0) -> tuple[Curve, np.ndarray]:
    """Two points an hour, the last of a day at its end; and the closes."""
    rng = np.random.default_rng(seed)
    curve = Curve(D0, start)
    value, closes = start, []
    for day in range(days):
        for half in range(48):
            value *= 1.0 + rng.normal(0.0, 0.002)
            curve.add(D0 + day * DAY_NS + (half + 1) * DAY_NS // 48 - 1, value)
        closes.append(value)
    return curve, np.array([start, *closes])


def test_daily_returns_from_twenty_whole_days_on() -> None:
    curve, closes = walked(LEAST_DAYS)
    now = D0 + LEAST_DAYS * DAY_NS
    assert not curve.daily(now - 1) and curve.daily(now)
    assert curve.days(now) == pytest.approx(closes)
    found = curve.ratios(now, STEP)
    assert found.sharpe == sharpe(returns(closes), DAY_NS)
    assert found.sortino == sortino(returns(closes), DAY_NS)
    assert found.return_pct == pytest.approx((closes[-1] / closes[0] - 1) * 100)
    assert curve.ratios(now - 1, STEP).sharpe != found.sharpe, "steps of the last day before"


def test_today_is_no_day_yet_and_days_without_a_value_carry_the_last() -> None:
    curve = Curve(D0 + 5, 100.0)
    curve.add(D0 + 10, 101.0)
    curve.add(D0 + 3 * DAY_NS + 7, 90.0)
    assert curve.days(D0 + 3 * DAY_NS + 9).tolist() == [100.0, 101.0, 101.0, 101.0]
    assert curve.days(D0 + 4 * DAY_NS).tolist() == [100.0, 101.0, 101.0, 101.0, 90.0]


def test_steps_of_the_last_day() -> None:
    curve = Curve(D0, 100.0)
    curve.add(D0 + 2 * STEP + 1, 110.0)
    assert curve.steps(D0 + 4 * STEP, STEP).tolist() == [100.0, 100.0, 100.0, 110.0, 110.0]
    assert curve.ratios(D0 + 4 * STEP, STEP).sharpe is None, "too few"
    rng = np.random.default_rng(2)
    for n in range(3, LEAST_STEPS + 3):
        curve.add(D0 + n * STEP, 110.0 + rng.normal())
    assert curve.ratios(D0 + (LEAST_STEPS + 2) * STEP, STEP).sharpe is not None
    assert len(curve.steps(D0 + 5 * DAY_NS, STEP)) == DAY_NS // STEP + 1


def test_memory_is_bounded_and_nothing_of_the_whole_is_forgotten() -> None:
    curve = Curve(D0, 1000.0)
    curve.add(D0 + 1, 1500.0)
    curve.add(D0 + 2, 1200.0)
    for n in range(10 * 2880):
        curve.add(D0 + n * STEP + 3, 1400.0 + n % 7)
    assert len(curve._recent) <= 2880 + 2
    assert len(curve._closes) == 10
    assert curve.deepest == Deepest(1500.0, pytest.approx(20.0))
    for _ in range(5000):
        curve.add(curve.last[0] + STEP, 1406.0)
    assert len(curve._recent) <= 2880 + 2, "what does not change takes no room"


def test_a_clock_that_steps_back() -> None:
    curve = Curve(D0 + 100, 10.0)
    curve.add(D0 + 200, 12.0)
    curve.add(D0 + 150, 11.0)
    assert curve.last == (D0 + 200, 11.0)
    assert curve.steps(D0 + 250, 50).tolist() == [10.0, 10.0, 11.0, 11.0]


def test_drawn_at_even_times() -> None:
    curve, closes = walked(30)
    now = D0 + 30 * DAY_NS - 1
    times, values, below = curve.drawn(now, 31)
    assert len(times) == 31 and times[0] == D0 and times[-1] == now
    assert values[0] == 1000.0 and values[-1] == closes[-1]
    assert values[10] in closes, "older than a day: a close a day"
    assert below.min() == 0.0 and (below >= 0).all()
    assert [len(part) for part in Curve(D0, 5.0).drawn(D0, 240)] == [1, 1, 1]


def test_an_account_that_began_with_nothing_has_no_ratios() -> None:
    found = Curve(D0, 0.0).ratios(D0 + DAY_NS, STEP)
    assert (found.return_pct, found.sharpe, found.max_drawdown_pct) == (None, None, None)
