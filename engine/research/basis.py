"""Which returns the ratios of a curve rest on, and how many of them make a year."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.events import NS
from engine.portfolio.curve import DAY_NS, LEAST_DAYS
from engine.portfolio.performance import YEAR_NS, Series, Times

TRADING_DAYS = 252
MOST = 10_000
"""Returns; finer steps are joined."""
_SESSION_NS = 23_400 * NS
"""An exchange's: six and a half hours."""
_CLOSED = 0.75
"""A market whose usual day has less than this part of all steps closes over night."""


class Basis(NamedTuple):
    values: Series
    """The curve at the ends of its steps, the start of it first."""
    per_year: float
    """Steps."""
    told: str
    """One line for the reader."""

    @property
    def step_ns(self) -> int:
        """What ``engine.portfolio.performance`` annualises by, so that a year has ``per_year`` of them."""
        return max(1, round(YEAR_NS / self.per_year))


def basis(ns: Times, values: Series, step_ns: int, *, shares: bool = False) -> Basis:
    """``values`` at ``ns``, about ``step_ns`` apart where there is data. ``shares``: by their names they are
    no pairs of currencies; it matters where less data than three days does not tell when a market closes.

    Daily returns when there are at least ``LEAST_DAYS`` days, as in the console; else those of the steps.
    """
    days = (ns - 1) // DAY_NS  # a point at midnight ends the day before
    last_of_day = np.flatnonzero(np.append(days[1:] != days[:-1], True)) if len(ns) else np.zeros(0, np.int64)
    per_day, days_a_year, how = _year(ns, days, step_ns, shares=shares)
    if step_ns > DAY_NS:
        return Basis(values, YEAR_NS / step_ns, f"returns of {_length(step_ns)}")
    if step_ns == DAY_NS or len(last_of_day) > LEAST_DAYS:
        ends = last_of_day if step_ns < DAY_NS else np.arange(len(ns))
        if len(ends) and ends[0] != 0:
            ends = np.append(0, ends)
        return Basis(values[ends], float(days_a_year), f"daily returns, {days_a_year} a year ({how})")
    joined = -(-len(values) // MOST)
    if joined > 1:
        values = values[::-1][::joined][::-1]
    per_year = days_a_year * per_day / joined
    told = f"returns of {_length(step_ns * joined)}, {per_year:,.0f} a year ({days_a_year} days; {how})"
    return Basis(values, per_year, told)


def open_always(ns: Times, step_ns: int) -> bool:
    """Whether data with points at ``ns`` is, as far as it tells, of a market that never closes."""
    days = (ns - 1) // DAY_NS
    return len(ns) > 0 and int(days[-1] - days[0]) >= 7 and _year(ns, days, step_ns)[1] == 365


def _year(ns: Times, days: Times, step_ns: int, *, shares: bool = False) -> tuple[float, int, str]:
    """(steps in a day of trading, such days in a year, how that was told)."""
    full = DAY_NS / step_ns
    if not len(ns):
        return full, 365, "no data"
    found, counts = np.unique(days, return_counts=True)
    week = len(np.unique(found % 7))
    usual = min(full, float(np.median(counts[1:-1]))) if len(counts) > 2 else full
    if int(days[-1] - days[0]) >= 7 and week < 7:
        # Six: currencies, which open on Sunday evening.
        a_year = TRADING_DAYS if week <= 5 else round(365 * week / 7)
        return usual, a_year, f"the data has {week} of 7 days of the week"
    if step_ns < DAY_NS and usual < _CLOSED * full:
        return usual, TRADING_DAYS, f"a day of the data has {usual / full * 24:.1f} of 24 hours"
    if int(days[-1] - days[0]) < 7:
        if shares and len(counts) <= 2:
            usual = min(full, max(float(counts.max()), _SESSION_NS / step_ns))
            return usual, TRADING_DAYS, f"a share: sessions of {usual / full * 24:.1f} hours"
        return full, 365, "less than a week of data: taken for a market that never closes"
    return full, 365, "the data has all days of the week"


def _length(step_ns: int) -> str:
    seconds = step_ns / NS
    for unit, size in (("day", 86_400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:g} s"
