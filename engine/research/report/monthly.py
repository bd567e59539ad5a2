"""Returns by month and year."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.events import NS
from engine.research.result import Backtest

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def monthly(backtest: Backtest) -> list[tuple[int, list[float | None], float | None]]:
    """(year, return of each of its months, of the year), percent; None where there is no data.

    A point of the curve at midnight ends the month before. The first month begins with the starting cash.
    """
    ends: dict[tuple[int, int], float] = {}
    for ns, equity in zip(backtest.ns, backtest.equity, strict=True):
        day = datetime.fromtimestamp((ns - 1) // NS, UTC)
        if equity == equity:
            ends[day.year, day.month] = equity
    found: dict[int, list[float | None]] = {}
    years: dict[int, float | None] = {}
    before = begun = float(backtest.starting_cash)
    year = 0
    for (of_year, month), equity in ends.items():
        if of_year != year:
            year, begun = of_year, before
        found.setdefault(year, [None] * 12)[month - 1] = _pct(equity, before)
        years[year] = _pct(equity, begun)
        before = equity
    return [(year, months, years[year]) for year, months in found.items()]


def _pct(now: float, then: float) -> float | None:
    return (now / then - 1.0) * 100.0 if then > 0 else None
