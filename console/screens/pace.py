"""When what is marked on a screen is drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PERIOD_S = 1 / 240
"""Least time between frames; a busy line, and what the app draws in a second, are bounded elsewhere."""
FIRST_S = 0.0015
"""Before the first frame of a screen: its widgets learn their sizes from the layout, and fill themselves."""


class Pace:
    """In place of the timer that Textual draws a screen by: that waits a whole period before the first frame
    of every dialog, and up to one between the two of a key."""

    def __init__(self, draw: Callable[[], None]) -> None:
        self._draw = draw
        self._drawn_at = 0.0
        self._due: asyncio.TimerHandle | None = None

    def resume(self) -> None:
        """Something is to be drawn: as soon as it may."""
        if self._due is None:
            loop = asyncio.get_running_loop()
            first = FIRST_S if not self._drawn_at else 0.0
            self._due = loop.call_at(max(loop.time() + first, self._drawn_at + PERIOD_S), self._now)

    def draw(self) -> None:
        """What is marked, now; where a frame was drawn only just, or none yet, as soon as it may be."""
        if self._drawn_at and asyncio.get_running_loop().time() >= self._drawn_at + PERIOD_S:
            self.pause()
            self._now()
        else:
            self.resume()

    def pause(self) -> None:
        """It is drawn."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _now(self) -> None:
        self._due = None
        self._drawn_at = asyncio.get_running_loop().time()
        self._draw()
