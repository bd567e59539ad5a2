"""How far a sweep is: a line that is drawn again on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.wiring.sweep_course import Progress

_REDRAW_S = 0.1
_LINE_S = 60.0
_WIDTH = 24


class SweepBar:
    """Writes to standard error. A context: the line is ended where it is left."""

    def __init__(self, *, ascii_only: bool) -> None:
        self._terminal = sys.stderr.isatty()
        self._full, self._empty = ("#", "-") if ascii_only else ("█", "░")
        self._shown = 0.0 if self._terminal else time.monotonic()
        self._first: tuple[float, int] | None = None
        """When the first run of this start ended, and how many had by then: before it processes start."""
        self._drawn = False

    def __enter__(self) -> SweepBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._first is None and progress.done > progress.taken_up:
            self._first = now, progress.done
        if now - self._shown < (_REDRAW_S if self._terminal else _LINE_S):
            return
        self._shown = now
        began, counted = self._first or (now, 0)
        text = line(progress, progress.done - counted, now - began)
        if not self._terminal:
            print(f"tickdesk: {text}", file=sys.stderr)
            return
        filled = _WIDTH * progress.done // max(1, progress.total)
        bar = self._full * filled + self._empty * (_WIDTH - filled)
        columns = shutil.get_terminal_size((80, 24)).columns
        print(f"\r\x1b[K{f'{bar} {text}'[: columns - 1]}", end="", file=sys.stderr, flush=True)
        self._drawn = True

    def say(self, text: str) -> None:
        """A line of its own."""
        self._clear()
        print(f"tickdesk: {text}", file=sys.stderr)

    def _clear(self) -> None:
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._drawn = False


def line(progress: Progress, made: int, seconds: float) -> str:
    """``120/500  24 %  4.1/s  1 min 33 s left``; ``made`` runs in ``seconds``."""
    text = f"{progress.done:,}/{progress.total:,}  {progress.done * 100 // max(1, progress.total)} %"
    if made and seconds > 0:
        rate = made / seconds
        text += f"  {rate:.3g}/s  {span((progress.total - progress.done) / rate)} left"
    if progress.failed:
        text += f"  {progress.failed:,} failed"
    return text


def span(seconds: float) -> str:
    whole = round(seconds)
    for unit, size, smaller, part in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {smaller}"
    return f"{whole} s"
