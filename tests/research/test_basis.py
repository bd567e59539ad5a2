from __future__ import annotations

import numpy as np
import pytest

from engine.events import NS
from engine.research.basis import MOST, basis
from tests.research.made import DAY, START, weekdays

HOUR, MINUTE = 3600 * NS, 60 * NS


def values(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.linspace(100.0, 200.0, count)


def test_days_of_a_market_that_closes() -> None:
    ns = np.array(weekdays(60)) + DAY
    found = basis(ns, values(60), DAY)
    assert found.per_year == 252
    assert len(found.values) == 60
    assert "5 of 7 days" in found.told


def test_days_of_a_market_that_never_closes() -> None:
    found = basis(START + DAY * np.arange(60), values(60), DAY)
    assert found.per_year == 365
    assert found.step_ns == DAY


def test_hours_become_days_where_there_are_enough() -> None:
    ns = START + HOUR * np.arange(1, 24 * 30 + 1)
    found = basis(ns, values(24 * 30), HOUR)
    assert found.per_year == 365
    assert found.values.tolist() == [values(720)[0], *values(720)[23::24]]


def test_few_days_are_looked_at_by_their_steps() -> None:
    ns = START + HOUR * np.arange(1, 24 * 10 + 1)
    found = basis(ns, values(240), HOUR)
    assert found.per_year == 365 * 24
    assert len(found.values) == 240
    assert found.told.startswith("returns of 1 hour, 8,760 a year")


def test_minutes_of_a_session_are_counted_by_the_day() -> None:
    session = MINUTE * np.arange(1, 391)
    ns = np.concatenate([day + 14 * HOUR + session for day in weekdays(5)])
    found = basis(ns, values(len(ns)), MINUTE)
    assert found.per_year == 252 * 390
    assert "6.5 of 24 hours" in found.told


def test_an_hour_of_seconds_is_taken_for_a_market_that_never_closes() -> None:
    found = basis(START + NS * np.arange(3600), values(3600), NS)
    assert found.per_year == 365 * 86_400
    assert "less than a week" in found.told


@pytest.mark.parametrize(("hours", "session"), [(1, 6.5), (7, 7.0)])
def test_a_day_of_a_share_is_a_session(hours: int, session: float) -> None:
    ns = START + 14 * HOUR + MINUTE * np.arange(1, 60 * hours + 1)
    found = basis(ns, values(len(ns)), MINUTE, shares=True)
    assert found.per_year == 252 * session * 60
    assert f"a share: sessions of {session} hours" in found.told
    assert basis(ns, values(len(ns)), MINUTE).per_year == 365 * 24 * 60


def test_three_days_of_a_share_that_never_rests_tell_that_it_does_not() -> None:
    ns = START + HOUR * np.arange(1, 24 * 4 + 1)
    assert basis(ns, values(96), HOUR, shares=True).per_year == 365 * 24


def test_too_many_steps_are_joined_and_the_last_one_stays() -> None:
    ns = START + NS * np.arange(50_000)
    found = basis(ns, values(50_000), NS)
    assert len(found.values) <= MOST
    assert found.values[-1] == 200.0
    assert found.per_year == pytest.approx(365 * 86_400 / 5)


def test_weeks() -> None:
    found = basis(START + 7 * DAY * np.arange(60), values(60), 7 * DAY)
    assert found.per_year == pytest.approx(365 / 7)


def test_currencies_have_six_days_a_week() -> None:
    ns = np.array([day for day in (START + DAY * np.arange(1, 70)).tolist() if (day // DAY + 3) % 7 != 5])
    assert basis(ns, values(len(ns)), DAY).per_year == 313
