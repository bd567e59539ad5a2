"""What a person types of a playback: where to seek, how far to step, how fast to go."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta

from engine.api.playback_protocol import MOST_STEPS, PlaybackPatch
from engine.api.rows import PlaybackRow
from engine.events import NS
from engine.feeds.playback import LEAST_SPEED, MOST_SPEED
from engine.plain_number import plain_number
from engine.text import clean

WHERE = "12:30:05 · +30s · -2m · 50% · start · end"
"""What ``where`` takes, as examples."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_CLOCK = re.compile(r"(?:(\d{4}-\d\d-\d\d)[T ])?(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d{1,9})?))?Z?")


def where(text: str, row: PlaybackRow) -> PlaybackPatch:
    """A time of the tape (UTC, on the day where it is unless a day is given), a distance, a share. Raises
    ValueError, one line."""
    typed = text.strip()
    if typed in ("start", "begin"):
        return PlaybackPatch(to_share=0.0) if row.last_ns else PlaybackPatch(to_ns=row.first_ns)
    if typed == "end":
        return PlaybackPatch(to_share=1.0)
    if typed.endswith("%"):
        share = _number(typed[:-1]) / 100
        if not 0 <= share <= 1:
            raise ValueError("a share is from 0% to 100%")
        return PlaybackPatch(to_share=share)
    if typed.startswith(("+", "-", "−")):
        sign = 1 if typed[0] == "+" else -1
        return PlaybackPatch(by_s=sign * seconds(typed[1:]))
    found = _CLOCK.fullmatch(typed)
    if found is None:
        raise ValueError(f"{clean(typed, 30)!r} is no place on a tape: {WHERE}")
    return PlaybackPatch(to_ns=_moment(found, row))


def _moment(found: re.Match[str], row: PlaybackRow) -> int:
    day, hours, minutes, rest = found.groups()
    whole, _, fraction = (rest or "0").partition(".")
    try:
        at = time(int(hours), int(minutes), int(whole))
        given = date.fromisoformat(day) if day else None
    except ValueError:
        raise ValueError(f"{clean(found[0], 30)} is no time of a day") from None
    beyond = int(fraction.ljust(9, "0") or 0)

    def ns(on: date) -> int:
        return int(datetime.combine(on, at, UTC).timestamp()) * NS + beyond

    if given is not None:
        return max(ns(given), 0)
    here = _day(row.at_ns)
    if row.first_ns <= ns(here) <= (row.last_ns or math.inf):
        return ns(here)
    first, last = _day(row.first_ns), _day(row.last_ns or row.at_ns)
    days = [first + timedelta(n) for n in range(min((last - first).days, 366) + 1)]
    return next((ns(one) for one in days if row.first_ns <= ns(one) <= row.last_ns), max(ns(here), 0))


def _day(ns: int) -> date:
    return datetime.fromtimestamp(ns // NS, UTC).date()


def seconds(text: str) -> float:
    """Of ``30``, ``30s``, ``2m``, ``1h`` or ``1d``. Raises ValueError."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    value = _number(number) * _UNITS[unit]
    if not 0 <= value <= 1e9:
        raise ValueError(f"{clean(text, 20)!r} is no distance: write 30s, 2m, 1h or 1d")
    return value


def step(text: str) -> PlaybackPatch:
    """Of nothing or ``frame``, a number of events, ``bar``, or a distance such as ``10s``. Raises
    ValueError."""
    typed = text.strip()
    if typed in ("", "frame"):
        return PlaybackPatch(step="frame")
    if typed == "bar":
        return PlaybackPatch(step="bar")
    if typed.isascii() and typed.isdecimal():
        if not 1 <= int(typed[:9]) <= MOST_STEPS:
            raise ValueError(f"1 to {MOST_STEPS:,} events")
        return PlaybackPatch(step="event", count=int(typed[:9]))
    if typed[-1:] in _UNITS:
        return PlaybackPatch(state="paused", by_s=seconds(typed))
    raise ValueError(f"{clean(typed, 20)!r} is no step: frame, bar, a number of events, or 10s")


def speed(text: str) -> float:
    """Times real time; 0 for ``max``. Raises ValueError."""
    typed = text.strip()
    if typed in ("max", "full"):
        return 0.0
    value = _number(typed.rstrip("x×"))
    if not LEAST_SPEED <= value <= MOST_SPEED:
        raise ValueError(f"a speed is from {LEAST_SPEED:g} to {MOST_SPEED:g}, or max")
    return value


def _number(text: str) -> float:
    try:
        return plain_number(text)
    except ValueError:
        raise ValueError(f"{clean(text, 20)!r} is no number") from None
