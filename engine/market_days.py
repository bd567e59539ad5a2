"""Days on which markets are closed, as far as a rule tells: of US shares, and of currencies and metals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from engine.spelling.name import never_closes, parsed

Closed = Callable[[date], bool]
_MON, _THU, _SAT, _SUN = 0, 3, 5, 6
_ONCE = frozenset(
    date.fromisoformat(day)
    for day in (
        *("2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14", "2004-06-11", "2007-01-02", "2012-10-29"),
        *("2012-10-30", "2018-12-05", "2025-01-09"),
    )
)
"""Days of mourning and of storms."""
_DAY = timedelta(1)


def closed_days(canonical_name: str) -> Closed | None:
    """Which days a market is closed although it is no weekend; None: it never closes. What is no canonical
    name, or of an exchange whose days no rule tells, is closed on none."""
    name = parsed(canonical_name)
    if name is not None and never_closes(name):
        return None
    if name is None or (not name.quote and "." in name.text and len(name.text.partition(".")[2]) > 1):
        return lambda day: False
    return _closed_for_all if name.quote else closed_in_new_york


def closed_in_new_york(day: date) -> bool:
    """Whether the stock exchange there is closed the whole day, of a weekday since 1998."""
    if day in _ONCE or day == _easter(day.year) - 2 * _DAY:
        return True
    if day.weekday() == _MON:
        nth = (day.day + 6) // 7
        monday = (day.month, nth) in ((1, 3), (2, 3), (9, 1)) or (day.month == 5 and day.day > 24)
        if monday or (_fixed(day - _DAY) or (day.month, day.day) == (1, 2)):
            return True
    if day.weekday() == _SAT - 1 and _fixed(day + _DAY):
        return True
    if day.weekday() == _THU and day.month == 11 and 22 <= day.day <= 28:
        return True
    return _fixed(day) or (day.month, day.day) == (1, 1)


def _closed_for_all(day: date) -> bool:
    return (day.month, day.day) in ((1, 1), (12, 25))


def _fixed(day: date) -> bool:
    """What moves to Friday from a Saturday, and to Monday from a Sunday."""
    return (day.month, day.day) in ((7, 4), (12, 25)) or (
        (day.month, day.day) == (6, 19) and day.year >= 2022
    )


def _easter(year: int) -> date:
    """Sunday, by the rule of the Gregorian calendar."""
    century, golden = year // 100, year % 19
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    left = (32 + 2 * (century % 4) + 2 * (year % 100 // 4) - moon - year % 4) % 7
    late = (golden + 11 * moon + 22 * left) // 451
    month, day = divmod(moon + left - 7 * late + 114, 31)
    return date(year, month, day + 1)
