"""The clocks that the wiring passes in. Stages never read one."""

from __future__ import annotations

import time
from typing import Protocol

from engine.events import NS

SLOWER = 10
"""Of so many nanoseconds one is left out while the system clock is behind: for a minute back that is ten."""


class Clock(Protocol):
    """Callable giving nanoseconds since the epoch, UTC."""

    def __call__(self) -> int: ...


class LiveClock:
    """Wall-clock time that never goes back: set once from the system clock, then driven by the monotonic one.

    A step of the system clock (NTP, suspend, a hand) must not reorder events: ``resync`` adopts one forward;
    after one back this clock runs slower until the two agree. What is smaller than ``max_drift_s`` stays.
    """

    def __init__(self, max_drift_s: float = 0.25) -> None:
        self._line: tuple[int, int] = (time.time_ns() - time.monotonic_ns(), 0)
        """What is added to the monotonic clock, and since when (by that) it runs slower; 0: it does not."""
        self._max_drift = int(max_drift_s * NS)

    def __call__(self) -> int:
        offset, slow_since = self._line
        now = time.monotonic_ns()
        return now + offset - ((now - slow_since) // SLOWER if slow_since else 0)

    def resync(self) -> int:
        """Go after the system clock; to be called a few times a second. Return the drift seen, in ns."""
        offset, slow_since = self._line
        # In this order: what holds us up in between must not look like a step forward.
        system, now = time.time_ns(), time.monotonic_ns()
        if slow_since:
            offset -= (now - slow_since) // SLOWER
        drift = system - (now + offset)
        if drift > self._max_drift:
            self._line = (offset + drift, 0)
        elif drift < -self._max_drift:
            self._line = (offset, now)
        elif slow_since:
            self._line = (offset, now if drift < 0 else 0)
        return drift
