"""The times below a chart: round ones, in UTC, as many as stand apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from engine.api.market_protocol import CandleRow
from engine.events import NS
from widgets import figures

_APART = 3
"""Columns between two of them at least."""
_STEPS_S = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 7 * 86400, 28 * 86400)
_LAST_NS = 253_402_300_799 * NS
"""The year 9999 ends: no calendar goes further."""
_DAY_S = 86400


def time_line(bars: Sequence[CandleRow], columns: Sequence[int], interval_s: int, width: int) -> str:
    """One line of exactly ``width``; each time begins below its bar. A new day is told by its date."""
    across = (columns[-1] - columns[0]) / (len(columns) - 1) if len(columns) > 1 else 1.0
    per_column_s = max(interval_s, 1) / max(across, 1.0)
    step_s = next((step for step in _STEPS_S if step / per_column_s >= 8 + _APART), _STEPS_S[-1])
    out = [" "] * max(width, 0)
    free, before, day = 0, -1, -1
    for bar, x in zip(bars, columns, strict=True):
        if not 0 < bar.open_ns < _LAST_NS:
            continue
        seconds = bar.open_ns // NS
        mark, before_mark, before = seconds // step_s, before, seconds // step_s
        if mark == before_mark or x < free:
            continue
        text = _text(seconds, step_s, is_new_day=seconds // _DAY_S != day)
        if x + len(text) <= width:
            out[x : x + len(text)] = text
            free, day = x + len(text) + _APART, seconds // _DAY_S
    return "".join(out)


def _text(seconds: int, step_s: int, *, is_new_day: bool) -> str:
    when = datetime.fromtimestamp(seconds, UTC)
    if step_s >= _DAY_S or is_new_day:
        return when.strftime("%m-%d")
    return when.strftime("%H:%M" if step_s >= 60 else "%H:%M:%S")


def clock_text(ns: int) -> str:
    """``12:00:07``; unknown, as wide, for what no calendar holds."""
    return f"{figures.clock(ns) if ns < _LAST_NS else figures.UNKNOWN:<8}"


def clock_ms_text(ns: int) -> str:
    """``12:00:07.250``, as wide when it is unknown."""
    return clock_text(ns) + (f".{ns % NS // 1_000_000:03d}" if 0 < ns < _LAST_NS else "    ")
