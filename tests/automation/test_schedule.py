"""Times of periodic triggers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.automation.parts import DAYS, PeriodicTrigger
from engine.automation.schedule import next_due
from engine.events import NS


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


@pytest.mark.parametrize(
    ("trigger", "now", "due"),
    [
        ({"every_s": 3600}, "2026-03-02 10:00:00", "2026-03-02 11:00:00"),
        ({"every_s": 3600}, "2026-03-02 10:59:59", "2026-03-02 11:00:00"),
        ({"every_s": 1}, "2026-03-02 10:59:59", "2026-03-02 11:00:00"),
        ({"at": "07:30"}, "2026-03-02 07:29:59", "2026-03-02 07:30:00"),
        ({"at": "07:30"}, "2026-03-02 07:30:00", "2026-03-03 07:30:00"),
        ({"at": "00:00", "days": ("mon",)}, "2026-03-02 00:00:00", "2026-03-09 00:00:00"),
        ({"at": "23:59", "days": ("sat", "sun")}, "2026-03-02 12:00:00", "2026-03-07 23:59:00"),
        ({"at": "12:00", "days": ("thu",)}, "1970-01-01 00:00:00", "1970-01-01 12:00:00"),
        ({"at": "12:00"}, "2028-02-28 12:00:00", "2028-02-29 12:00:00"),
    ],
)
def test_next(trigger: dict[str, Any], now: str, due: str) -> None:
    assert next_due(PeriodicTrigger(**trigger), ns(now)) == ns(due)


@given(st.integers(0, 4_000_000_000), st.sets(st.sampled_from(DAYS)), st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_is_the_calendars(now_s: int, days: set[Any], hour: int, minute: int) -> None:
    trigger = PeriodicTrigger(at=f"{hour:02}:{minute:02}", days=tuple(sorted(days)))
    due_ns = next_due(trigger, now_s * NS)
    due = datetime.fromtimestamp(due_ns // NS, UTC)
    assert (due.hour, due.minute, due.second) == (hour, minute, 0)
    assert not days or DAYS[due.weekday()] in days
    assert now_s * NS < due_ns <= (now_s + 8 * 86_400) * NS
