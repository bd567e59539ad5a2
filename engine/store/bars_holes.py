"""Which of a series' missing bars its market had: it is open at the times of the week at which it was open in
the weeks before and after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from engine.events import NS
from engine.market_days import Closed

_DAY_S, _WEEK_S = 86_400, 604_800
_MONDAY_S = 3 * _DAY_S
"""The epoch was a Thursday."""
_SATURDAY = 5
_MOST_SLOTS = 1 << 26

Hole = tuple[int, int]


def open_holes(
    opens_s: npt.NDArray[np.int64], interval_s: int, holes: Sequence[Hole], closed: Closed
) -> list[tuple[Hole, int]]:
    """Those of ``holes`` (from, to; ns) in which bars are missing while the market was open, each with how
    many. ``opens_s``: when the bars begin, rising; ``closed``: days that are no weekend, and closed all the
    same. A series with Saturdays as full as other days is of a market that never closes, and has them all;
    so has one too long to look at."""
    if not holes:
        return []
    # Bars of a day begin at an hour that changes with the season: their day is what counts.
    slot_s = min(interval_s, _DAY_S)
    first_week, last_week = ((int(opens_s[at]) + _MONDAY_S) // _WEEK_S for at in (0, -1))
    shape = last_week - first_week + 1, -(-_WEEK_S // slot_s)
    always = interval_s > _DAY_S or shape[0] * shape[1] > _MOST_SLOTS or _open_on_saturdays(opens_s)
    if always:
        return [((start, end), -(-(end - start) // (interval_s * NS))) for start, end in holes]
    since_s = first_week * _WEEK_S - _MONDAY_S
    there = np.zeros(shape, np.bool_)
    there.reshape(-1)[_slots(opens_s - since_s, slot_s, shape[1])] = True
    expected = (_open(there, slot_s) & ~there).reshape(-1)
    found = []
    for start, end in holes:
        times_s = np.arange(start // NS, -(-end // NS), slot_s, dtype=np.int64)
        times_s = times_s[expected[_slots(times_s - since_s, slot_s, shape[1])]]
        days, counts = np.unique(times_s // _DAY_S, return_counts=True)
        missing = sum(
            int(count)
            for day, count in zip(days.tolist(), counts.tolist(), strict=True)
            if not closed(datetime.fromtimestamp(day * _DAY_S, UTC).date())
        )
        if missing:
            found.append(((start, end), missing))
    return found


def _open_on_saturdays(opens_s: npt.NDArray[np.int64]) -> bool:
    counts = np.bincount((opens_s + _MONDAY_S) // _DAY_S % 7, minlength=7)
    return bool(2 * counts[_SATURDAY] >= counts.max())


def _slots(times_s: npt.NDArray[np.int64], slot_s: int, a_week: int) -> npt.NDArray[np.int64]:
    return times_s // _WEEK_S * a_week + times_s % _WEEK_S // slot_s


def _open(there: npt.NDArray[np.bool_], slot_s: int) -> npt.NDArray[np.bool_]:
    """By week and slot: the same time of that weekday had a bar when it was traded last before, and next
    after; of one that has no neighbour on a side, the other decides."""
    weeks, slots = there.shape
    day_of = np.arange(slots) * slot_s // _DAY_S
    found = np.zeros_like(there)
    for day in range(7):
        columns = np.flatnonzero(day_of == day)
        of = there[:, columns]
        traded = of.any(axis=1)
        at = np.arange(weeks)
        before = np.maximum.accumulate(np.where(traded, at, -1))
        before = np.append(-1, before[:-1])
        after = np.minimum.accumulate(np.where(traded, at, weeks)[::-1])[::-1]
        after = np.append(after[1:], weeks)
        earlier = np.where((before >= 0)[:, None], of[before], True)
        later = np.where((after < weeks)[:, None], of[np.minimum(after, weeks - 1)], True)
        found[:, columns] = earlier & later & ((before >= 0) | (after < weeks))[:, None]
    return found
