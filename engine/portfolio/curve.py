"""A curve over time, in bounded memory: the last day in full, the closes of days for ever."""

from __future__ import annotations

from collections import deque

import msgspec
import numpy as np

from engine.events import NS
from engine.portfolio.performance import (
    Ratios,
    Series,
    Times,
    drawdowns_pct,
    returns,
    sharpe,
    sortino,
)

DAY_NS = 86_400 * NS
LEAST_DAYS = 20
"""From so many whole days on, ratios are of daily returns."""
LEAST_STEPS = 120
"""So many steps of the last day it takes to tell ratios from them."""


class Deepest(msgspec.Struct, frozen=True):
    """What closes of days alone do not tell."""

    peak: float
    drawdown_pct: float


class Curve:
    """Values as they were told, in order of time; what is equal to the last one takes no room."""

    def __init__(self, ns: int, value: float) -> None:
        """It begins with ``value`` at ``ns``."""
        self.since_ns = ns
        self._first = value
        self._recent: deque[tuple[int, float]] = deque(((ns, value),))
        """Of the last day, and the one that was valid as it began."""
        self._closes = {ns // DAY_NS: value}
        """By UTC day; those of days without a value are left out."""
        self._peak, self._deepest = value, 0.0

    # --- in

    def add(self, ns: int, value: float) -> None:
        """``value`` from ``ns`` on. A time before the last counts as the last."""
        last_ns, last = self._recent[-1]
        ns = max(ns, last_ns)
        self._closes[ns // DAY_NS] = value
        if value > self._peak:
            self._peak = value
        elif self._peak > 0:
            self._deepest = max(self._deepest, (self._peak - value) / self._peak * 100.0)
        if value == last:
            return
        if ns == last_ns:
            self._recent.pop()
        self._recent.append((ns, value))
        while len(self._recent) > 1 and self._recent[1][0] <= ns - DAY_NS:
            self._recent.popleft()

    def deepen(self, known: Deepest) -> None:
        """Take up what ``deepest`` said in an earlier run."""
        self._peak = max(self._peak, known.peak)
        self._deepest = max(self._deepest, known.drawdown_pct)

    # --- out

    @property
    def last(self) -> tuple[int, float]:
        """The newest value, and since when it is."""
        return self._recent[-1]

    @property
    def deepest(self) -> Deepest:
        return Deepest(self._peak, self._deepest)

    def mean(self) -> float:
        """Of the days' closes."""
        return sum(self._closes.values()) / len(self._closes)

    def daily(self, now_ns: int) -> bool:
        """Whether there are whole days enough for ratios of daily returns."""
        return now_ns // DAY_NS - self.since_ns // DAY_NS >= LEAST_DAYS

    def days(self, now_ns: int) -> Series:
        """Where it began, then the close of each whole day until ``now_ns``, the last one carried."""
        first = self.since_ns // DAY_NS
        times = np.fromiter(self._closes, np.int64, len(self._closes))
        values = np.fromiter(self._closes.values(), np.float64, len(self._closes))
        grid = np.arange(first, now_ns // DAY_NS)
        return np.concatenate(([self._first], values[np.searchsorted(times, grid, side="right") - 1]))

    def steps(self, now_ns: int, step_ns: int) -> Series:
        """The last day on an even grid that ends at ``now_ns``."""
        times, values = self._arrays()
        begin = max(times[0], now_ns - DAY_NS)
        grid = now_ns - np.arange(max(0, now_ns - begin) // step_ns, -1, -1) * step_ns
        return np.asarray(values[np.searchsorted(times, grid, side="right") - 1], np.float64)

    def ratios(self, now_ns: int, step_ns: int) -> Ratios:
        """Return and drawdown over all its time; Sharpe and Sortino of daily returns where there are enough,
        else of the last day in steps of ``step_ns``."""
        if not self._first > 0:
            return Ratios(None, None, None, None)
        daily = self.daily(now_ns)
        per_step = returns(self.days(now_ns) if daily else self.steps(now_ns, step_ns))
        enough = daily or len(per_step) >= LEAST_STEPS
        unit_ns = DAY_NS if daily else step_ns
        return Ratios(
            return_pct=(self.last[1] / self._first - 1.0) * 100.0,
            sharpe=sharpe(per_step, unit_ns) if enough else None,
            sortino=sortino(per_step, unit_ns) if enough else None,
            max_drawdown_pct=self._deepest,
        )

    def drawn(self, now_ns: int, points: int) -> tuple[Times, Series, Series]:
        """(times, values, percent below the highest before) at ``points`` even steps over all its time.

        Before the last day it is as exact as a close a day.
        """
        times, values = self._arrays()
        old = [(day, close) for day, close in self._closes.items() if (day + 1) * DAY_NS <= times[0]]
        ends = np.array([self.since_ns, *((day + 1) * DAY_NS - 1 for day, _ in old)], np.int64)
        closes = np.array([self._first, *(close for _, close in old)])
        times, values = np.concatenate((ends, times)), np.concatenate((closes, values))
        now_ns = max(now_ns, int(times[-1]))
        span_ns = now_ns - self.since_ns
        grid = np.unique([self.since_ns + span_ns * n // (points - 1) for n in range(points)])
        even = np.asarray(values[np.searchsorted(times, grid, side="right") - 1], np.float64)
        return grid, even, drawdowns_pct(even)

    def _arrays(self) -> tuple[Times, Series]:
        times = np.fromiter((ns for ns, _ in self._recent), np.int64, len(self._recent))
        values = np.fromiter((value for _, value in self._recent), np.float64, len(self._recent))
        return times, values
