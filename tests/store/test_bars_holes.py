"""Holes of markets that close: only what is missing of their open times is one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np

from engine.events import NS
from engine.market_days import closed_in_new_york
from engine.store.bars_holes import open_holes

MONDAY = datetime(2024, 10, 14, tzinfo=UTC)
DAY_S = 86_400


def at(day: int, hour: int = 0, minute: int = 0) -> int:
    return int((MONDAY + timedelta(day, hours=hour, minutes=minute)).timestamp())


def holes_of(opens: list[int], interval_s: int) -> list[tuple[datetime, int]]:
    """When each begins, and how many bars it lacks."""
    edges = pairwise(opens)
    gaps = [((one + interval_s) * NS, two * NS) for one, two in edges if two - one > 1.5 * interval_s]
    found = open_holes(np.array(opens, np.int64), interval_s, gaps, closed_in_new_york)
    return [(datetime.fromtimestamp(start / NS, UTC), missing) for (start, _), missing in found]


def days(weeks: int, *without: int) -> list[int]:
    return [at(day) for day in range(7 * weeks) if day % 7 < 5 and day not in without]


def test_weekends_and_holidays_are_no_holes_of_daily_bars() -> None:
    thanksgiving = (date(2024, 11, 28) - MONDAY.date()).days
    assert holes_of(days(9, thanksgiving), DAY_S) == []


def test_a_weekday_that_is_missing_is_one() -> None:
    assert holes_of(days(9, 16), DAY_S) == [(MONDAY + timedelta(16), 1)]
    assert holes_of(days(9, *range(14, 33)), DAY_S) == [(MONDAY + timedelta(12), 15)], "three weeks"


def test_a_market_that_was_open_on_weekends_is_missed_on_one() -> None:
    opens = [at(day) for day in range(28) if day not in (12, 16)]
    assert holes_of(opens, DAY_S) == [(MONDAY + timedelta(12), 1), (MONDAY + timedelta(16), 1)]


def session(day: int, *, opens: int = 13, lasts: int = 13) -> list[int]:
    """Bars of half an hour from half past ``opens`` on, UTC."""
    return [at(day, opens, 30 + 30 * n) for n in range(lasts)]


def test_nights_are_no_holes_nor_is_the_hour_by_which_summer_time_ends() -> None:
    opens = [one for day in range(42) if day % 7 < 5 for one in session(day, opens=13 if day < 21 else 14)]
    assert holes_of(opens, 1800) == []
    lost = at(15, 16)
    assert holes_of([one for one in opens if one != lost], 1800) == [(datetime.fromtimestamp(lost, UTC), 1)]
    whole = [one for one in opens if not at(30) <= one < at(31)]
    assert [missing for _, missing in holes_of(whole, 1800)] == [13]


def test_what_is_too_short_to_compare_has_no_holes_and_what_is_longer_than_a_day_has_them_all() -> None:
    assert holes_of([at(0, 10), at(0, 15)], 1800) == []
    weeks = [at(0), at(7), at(28)]
    assert holes_of(weeks, 7 * DAY_S) == [(MONDAY + timedelta(14), 2)]


def test_a_market_that_is_open_on_saturdays_never_closes_however_little_is_known_of_it() -> None:
    friday = [at(4, 0, 30 * n) for n in range(3 * 48)]
    assert holes_of(friday, 1800) == []
    lost = [one for one in friday if one not in (at(4, 3), at(5, 7), at(5, 7, 30))]
    assert [missing for _, missing in holes_of(lost, 1800)] == [1, 2]
