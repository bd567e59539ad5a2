"""How far our clock and a venue's are apart, estimated from what arrives."""

from __future__ import annotations

from collections import deque

SAMPLES = 256


class ClockOffset:
    """Per venue the least of the newest ``recv_ns - event_ns``: the offset plus the shortest way here.

    Delay only ever adds, so the minimum is the best one-way estimate (as in NTP's clock filter). Far below
    zero, the venue's clock is ahead of ours; far above, ours is ahead or everything is late.
    """

    def __init__(self) -> None:
        self._samples: dict[str, deque[int]] = {}

    def note(self, venue: str, event_ns: int, recv_ns: int) -> None:
        """One datum that carries the venue's own time."""
        samples = self._samples.get(venue)
        if samples is None:
            samples = self._samples[venue] = deque(maxlen=SAMPLES)
        samples.append(recv_ns - event_ns)

    def skew_ns(self, venue: str) -> int:
        """The estimate; 0 while nothing is known (staleness is judged on its own)."""
        samples = self._samples.get(venue)
        return min(samples) if samples else 0
