"""Where a replay is on its tape, how it is played, and what the desk behind it does."""

from __future__ import annotations

from typing import NamedTuple

from engine.api.rows import PlaybackRow
from widgets import figures
from widgets.cells import Cell, fit, width_of
from widgets.lines import FixedLines, Line, join_items

MARKS = {"playing": "▶", "paused": "❚❚", "seeking": "»", "ended": "■"}
SPEEDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 0.0)
"""What slower and faster go through; 0: as fast as it goes."""
_LEAST_BAR, _MOST_BAR = 10, 60
_NARROW, _WIDE = 60, 110
"""Cells: below, no room is kept for the bar; from there on the year is shown."""
_NAME = 40


class PlaybackView(NamedTuple):
    """What the line is drawn from."""

    row: PlaybackRow | None
    name: str = ""
    """Of the tape."""
    behind: Line = ()
    """What the live desk does meanwhile; nothing where there is none."""
    hint: str = ""
    """The keys."""


class PlaybackBar(FixedLines):
    """One line; the share played and the desk behind never fall."""

    DEFAULT_CSS = "PlaybackBar { height: 1; display: none; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = PlaybackView(None)

    def show(self, view: PlaybackView) -> int:
        if view == self._view:
            return 0
        self._view = view
        self.display = view.row is not None
        return self.update_lines()

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        return (playback_line(self._view, width),)


def badge(row: PlaybackRow) -> str:
    """``▶ 4×``, ``❚❚``: how it is played, without a word."""
    mark = MARKS.get(row.state, "?")
    return f"{mark} {speed_text(row.speed)}" if row.state == "playing" else mark


def speed_text(speed: float) -> str:
    return f"{speed:g}×" if speed else "max"


def next_speed(speed: float, step: int) -> float:
    """The speed after (``step`` 1) or before (-1) this one; the ends stay."""
    at = _rank(speed)
    if step > 0:
        return next((one for one in SPEEDS if _rank(one) > at), SPEEDS[-1])
    return next((one for one in reversed(SPEEDS) if _rank(one) < at), SPEEDS[0])


def _rank(speed: float) -> float:
    return speed or float("inf")


def share(row: PlaybackRow) -> float | None:
    """How much of the tape was played, 0 to 1; None: its end is not known."""
    span = row.last_ns - row.first_ns
    if not row.first_ns or span <= 0:
        return 1.0 if row.state == "ended" else None
    return min(max((row.at_ns - row.first_ns) / span, 0.0), 1.0)


def playback_line(view: PlaybackView, width: int) -> Line:
    row = view.row
    if row is None:
        return ()
    played = share(row)
    doing = row.state
    if row.goal_ns:
        doing = f"seeking to {figures.clock(row.goal_ns)}"
    elif row.cut:
        doing = "ended, cut off here"
    elif row.state == "playing":
        doing = f"playing {speed_text(row.speed)}"
    state: Line = ((f" {MARKS.get(row.state, '?')} ", "accent"), (doing, "bold"))
    at: Line = ((_when(row, whole=width >= _WIDE), "text"),)
    end: Line = ((figures.clock(row.last_ns), "muted"),) if row.last_ns else (("end not known yet", "muted"),)
    percent: Line = ((f"{played:.0%}", "bold"),) if played is not None else ()
    name: Line = ((fit(view.name, min(width_of([(view.name, "muted")]), _NAME)), "muted"),)
    items = [(0, state), (0, at), (1, percent), (4, end), (2, view.behind), (3, name)]
    items.append((5, ((view.hint, "muted"),) if view.hint else ()))
    room = width - 2 if played is None or width < _NARROW else width - 3 - _LEAST_BAR
    line = join_items(items, max(room, 1))
    bar = min(width - 3 - width_of(line), _MOST_BAR)
    if played is None or bar < _LEAST_BAR:
        return line
    return (*_bar(played, bar), *line)


def _bar(played: float, width: int) -> tuple[Cell, ...]:
    done = round(played * (width - 1))
    rest = width - 1 - done
    return ((" ", "text"), ("━" * done, "accent"), ("●", "bold"), ("┄" * rest, "muted"))


def _when(row: PlaybackRow, *, whole: bool) -> str:
    """The time reached, with its day; to the millisecond while it stands."""
    if not row.at_ns:
        return "nothing read yet"
    clock = figures.clock if row.state in ("playing", "seeking") else figures.clock_ms
    day = figures.moment(row.at_ns)[:10]
    return f"{day if whole else day[5:]} {clock(row.at_ns)}"
