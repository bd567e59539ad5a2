"""When a periodic trigger is due, by UTC."""

from __future__ import annotations

from engine.automation.parts import DAYS, PeriodicTrigger

NS = 1_000_000_000
_MINUTE_NS = 60 * NS
_DAY_NS = 86_400 * NS
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday."""


def next_due(trigger: PeriodicTrigger, now_ns: int) -> int:
    """The first time after ``now_ns``, ns UTC."""
    if trigger.every_s is not None:
        period = trigger.every_s * NS
        return (now_ns // period + 1) * period
    hours, minutes = trigger.at.split(":")
    into_day = (int(hours) * 60 + int(minutes)) * _MINUTE_NS
    today = now_ns // _DAY_NS
    # A week ahead is the same day again: what was due today may be over.
    for day in range(today, today + 8):
        due = day * _DAY_NS + into_day
        if due > now_ns and (not trigger.days or DAYS[(day + _EPOCH_WEEKDAY) % 7] in trigger.days):
            return due
    raise AssertionError("a week has every day")
