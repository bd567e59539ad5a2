"""The clocks that the wiring passes in. Stages never read one."""

from __future__ import annotations

import time
from typing import Protocol

from engine.events import NS


class Clock(Protocol):
    """Callable giving nanoseconds since the epoch, UTC."""

    def __call__(self) -> int: ...


class LiveClock:
    """Wall-clock time that never goes back: set once from the system clock, then driven by the monotonic one.

    A step of the system clock (NTP, suspend) must not reorder events; it is adopted when forward and
    larger than ``max_drift_s``.
    """

    def __init__(self, max_drift_s: float = 2.0) -> None:
        self._offset = time.time_ns() - time.monotonic_ns()
        self._max_drift = int(max_drift_s * NS)

    def __call__(self) -> int:
        return time.monotonic_ns() + self._offset

    def resync(self) -> int:
        """Adopt a large forward step of the system clock; return the drift seen, in ns."""
        drift = time.time_ns() - self()
        if drift > self._max_drift:
            self._offset += drift
        return drift
