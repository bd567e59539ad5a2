"""How often somebody may ask: token buckets, a bounded number of them. Time is given, in seconds."""

from __future__ import annotations

from collections import OrderedDict

MOST_BUCKETS = 10_000
BURST_S = 2.0
"""What a bucket holds at most, in seconds of its rate; one at least."""


class Buckets:
    """One bucket for each name, all with the same rate. The one that was asked longest ago goes first where
    there are too many: its name begins with a full one again."""

    def __init__(self, per_s: float, *, most: int = MOST_BUCKETS, burst_s: float = BURST_S) -> None:
        self._per_s = per_s
        self._burst = max(1.0, per_s * burst_s)
        self._most = most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By name: what was left, and when."""

    def __len__(self) -> int:
        return len(self._left)

    def take(self, name: str, now_s: float) -> float:
        """0 where there is one to take; else in how many seconds there will be, and none is taken."""
        left = self._now(name, now_s)
        if left < 1.0:
            self._keep(name, left, now_s)
            return (1.0 - left) / self._per_s
        self._keep(name, left - 1.0, now_s)
        return 0.0

    def give_back(self, name: str, now_s: float) -> None:
        """What was taken."""
        self._keep(name, min(self._burst, self._now(name, now_s) + 1.0), now_s)

    def _now(self, name: str, now_s: float) -> float:
        kept = self._left.get(name)
        if kept is None:
            return self._burst
        return min(self._burst, kept[0] + max(0.0, now_s - kept[1]) * self._per_s)

    def _keep(self, name: str, left: float, now_s: float) -> None:
        self._left[name] = left, now_s
        self._left.move_to_end(name)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
