"""When a user's model that broke is started again: later each time, and not for ever."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class Restarts(NamedTuple):
    """How often a process is started again."""

    most: int = 5
    """Within ``within_s``; once more and it stays down."""
    within_s: float = 3600.0
    first_s: float = 0.5
    """Pause before the first; doubled for each further one."""
    longest_s: float = 30.0


RESTARTS = Restarts()


class Breaks:
    """Counts how often one process broke. Times in seconds, from any one beginning."""

    def __init__(self, limits: Restarts) -> None:
        self._limits = limits
        self._at: deque[float] = deque(maxlen=limits.most + 1)

    def pause_s(self, now_s: float) -> float | None:
        """Note a break; how long to wait with the next start, None: there is none."""
        limits = self._limits
        self._at.append(now_s)
        recent = sum(now_s - at <= limits.within_s for at in self._at)
        if recent > limits.most:
            return None
        return float(min(limits.first_s * 2 ** (recent - 1), limits.longest_s))

    @property
    def told(self) -> str:
        """Why it stays down."""
        limits = self._limits
        return f"it broke {limits.most + 1} times within {limits.within_s / 3600.0:g} h and stays off"
