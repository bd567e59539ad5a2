"""The loop's own pulse: how late it comes to its timer, and that it comes at all."""

from __future__ import annotations

import asyncio
import time

from engine.histogram import Histogram

BEAT_S = 0.05
_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Heartbeat:
    def __init__(self) -> None:
        self.beats = 0
        self.lag = Histogram(_BOUNDS_S)
        """How much later than asked for the loop came to its timer."""
        self._longest_s = 0.0

    async def run(self) -> None:
        """Beat, until canceled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            late_s = max(0.0, time.perf_counter() - began - BEAT_S)
            self.beats += 1
            self.lag.add(round(late_s * 1e9))
            self._longest_s = max(self._longest_s, late_s)

    def longest_s(self) -> float:
        """The longest lag since this was asked last."""
        longest, self._longest_s = self._longest_s, 0.0
        return longest
