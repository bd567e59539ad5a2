"""Session hours: when in the week entries are wanted, UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)")
_DAY, _WEEK = 24 * 60, 7 * 24 * 60
_MINUTE_NS = 60_000_000_000
_EPOCH = 3 * _DAY
"""Minutes of the week at which time began: 1970 began on a Thursday."""


class Sessions:
    """Open in the hours of any of ``texts``; always open when there is none.

    A text is days and hours, both inclusive of their start and, for hours, exclusive of their end: ``mon-fri
    13:30-20:00``, ``sun 22:00-24:00``, ``fri-mon 00:00-24:00``. Hours that end at or before their start run
    into the next day. Raises ValueError, one line, for a text that is none.
    """

    __slots__ = ("_open",)

    def __init__(self, texts: Sequence[str]) -> None:
        self._open = bytearray(_WEEK) if texts else bytearray(b"\x01" * _WEEK)
        for text in texts:
            first, last, start, end = _parse(text)
            for day in range(first, last + 1):
                for minute in range(start, end):
                    self._open[(day * _DAY + minute) % _WEEK] = 1

    @property
    def minutes(self) -> bytes:
        """1 for each minute of the week that is inside, from Monday on."""
        return bytes(self._open)

    def is_open(self, ns: int) -> bool:
        """Whether ``ns`` (since the epoch, UTC) is inside."""
        return self._open[(ns // _MINUTE_NS + _EPOCH) % _WEEK] == 1


def _parse(text: str) -> tuple[int, int, int, int]:
    """(first day, last day, start, end), days and minutes; the last may be past Sunday, the end past 24 h."""
    found = _FORM.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no session: write it as in 'mon-fri 13:30-20:00' (UTC)")
    first_name, last_name = found[1], found[2] or found[1]
    if first_name not in _DAYS or last_name not in _DAYS:
        raise ValueError(f"{text!r}: days are {', '.join(_DAYS)}")
    start, end = (int(hours) * 60 + int(minutes) for hours, minutes in (found.group(3, 4), found.group(5, 6)))
    if start >= _DAY or end > _DAY or int(found[4]) > 59 or int(found[6]) > 59:
        raise ValueError(f"{text!r}: hours are 00:00 to 24:00")
    first, last = _DAYS.index(first_name), _DAYS.index(last_name)
    return first, last + (7 if last < first else 0), start, end + (_DAY if end <= start else 0)
