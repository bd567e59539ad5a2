"""How long to wait before the next attempt: doubling, jittered, capped. Reset it only after good *data*."""

from __future__ import annotations

import random


class Backoff:
    """Delays of ``first_s``, twice that, ... up to ``max_s``, each drawn from the upper half of its range."""

    def __init__(self, first_s: float, max_s: float, rng: random.Random) -> None:
        self._first_s = min(first_s, max_s)
        self._max_s = max_s
        self._rng = rng
        self._limit_s = self._first_s

    def next(self, at_least_s: float = 0.0) -> float:
        """Seconds to wait now. ``at_least_s`` is what the venue asked for (Retry-After): it is never
        undercut."""
        delay_s = self._limit_s * self._rng.uniform(0.5, 1.0)
        self._limit_s = min(self._limit_s * 2, self._max_s)
        return max(delay_s, at_least_s)

    def reset(self) -> None:
        self._limit_s = self._first_s
