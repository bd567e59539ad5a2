"""How fast requests may be sent: a token bucket with a reserve that only cancels may touch."""

from __future__ import annotations

_MINUTE_NS = 60_000_000_000


class RateLimit:
    """At most ``per_min`` requests in any minute on average, half of them in a burst.

    A tenth of the burst is kept back for cancels (``spare=True``), so that they never wait behind orders.
    """

    def __init__(self, per_min: int) -> None:
        self._step_ns = _MINUTE_NS // per_min
        self._burst = max(per_min // 2, 1)
        self._reserve = self._burst // 10
        self._tokens = float(self._burst)
        self._at_ns = 0
        self._closed_until_ns = 0

    def take(self, now_ns: int, *, spare: bool = False) -> bool:
        """Whether a request may leave now; it counts at once."""
        if not self.free(now_ns, spare=spare):
            return False
        self._tokens -= 1
        return True

    def free(self, now_ns: int, *, spare: bool = False) -> bool:
        self._fill(now_ns)
        return now_ns >= self._closed_until_ns and self._tokens >= 1 + (0 if spare else self._reserve)

    def next_ns(self, now_ns: int, *, spare: bool = False) -> int:
        """When ``take`` can succeed; ``now_ns`` when it can already."""
        self._fill(now_ns)
        lacking = 1 + (0 if spare else self._reserve) - self._tokens
        at = now_ns + int(max(lacking, 0.0) * self._step_ns)
        return max(at, self._closed_until_ns)

    def close(self, until_ns: int) -> None:
        """The venue asks to wait (429): nothing leaves before."""
        self._closed_until_ns = max(self._closed_until_ns, until_ns)

    def _fill(self, now_ns: int) -> None:
        if now_ns > self._at_ns:
            if self._at_ns:
                self._tokens = min(self._burst, self._tokens + (now_ns - self._at_ns) / self._step_ns)
            self._at_ns = now_ns
