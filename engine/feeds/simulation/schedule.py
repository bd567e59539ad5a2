"""When a burst happens, and to whom: one seeded schedule for the venue keeps the desk interesting."""

from __future__ import annotations

from collections import deque
from random import Random

import msgspec

from engine.events import NS

FIRST_S = (2.0, 3.5)
"""The first burst after going live starts this long after it, seconds."""
PAUSE_S = (20.0, 40.0)
"""From one burst's start to the next one's, anywhere on the venue, seconds."""
QUIET_S = 20.0
"""No burst this long before going live, seconds: a start is not blurred by a tail of the past."""


class ScheduledBurst(msgspec.Struct, frozen=True):
    start_ns: int
    upward: bool
    """The direction is given: up. Otherwise the symbol draws it."""


class BurstSchedule:
    """Bursts from ``start_ns`` on, for ever, dealt out to ``symbols`` (a count) at random."""

    def __init__(self, symbols: int, *, seed: int, start_ns: int, live_ns: int) -> None:
        self._random = Random(f"bursts:{seed}")
        self._waiting: list[deque[ScheduledBurst]] = [deque() for _ in range(symbols)]
        self._live_ns = live_ns
        self._next_ns = start_ns + self._draw_ns(PAUSE_S)
        self._live = False

    def next_for(self, symbol: int) -> ScheduledBurst:
        """Remove and return the next burst of the symbol with this index."""
        waiting = self._waiting[symbol]
        while not waiting:
            self._deal()
        return waiting.popleft()

    def _deal(self) -> None:
        upward = False
        if not self._live and self._next_ns > self._live_ns - int(QUIET_S * NS):
            self._live = upward = True
            self._next_ns = self._live_ns + self._draw_ns(FIRST_S)
        to = self._random.randrange(len(self._waiting))
        self._waiting[to].append(ScheduledBurst(self._next_ns, upward))
        self._next_ns += self._draw_ns(PAUSE_S)

    def _draw_ns(self, bounds_s: tuple[float, float]) -> int:
        return int(self._random.uniform(*bounds_s) * NS)
