"""Frame → risk-approved order latencies of the newest orders."""

from __future__ import annotations

from collections import deque


class LatencyWindow:
    """The newest ``capacity`` latencies, in ns."""

    def __init__(self, capacity: int = 1024) -> None:
        self._values: deque[int] = deque(maxlen=capacity)

    def add(self, ns: int) -> None:
        self._values.append(ns)

    def percentile_us(self, share: float) -> float | None:
        """The value below which ``share`` (0 to 1) of the latencies lie, in µs; None when there are none."""
        if not self._values:
            return None
        ordered = sorted(self._values)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1_000
