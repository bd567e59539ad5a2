"""When the next batch is due: at once when idle, else in batches that grow with what they cost."""

from __future__ import annotations


class Pace:
    """Times are of one monotonic clock, ns.

    Nothing at work and nothing lately: a batch is due at once. After a batch there is a pause as long as the
    batch took, at least ``least_ns`` (many signals share one write) and at most ``most_ns`` (under load,
    half of the time is left to the desk).
    """

    def __init__(self, least_ns: int, most_ns: int) -> None:
        self._least_ns = least_ns
        self._most_ns = most_ns
        self._free_ns = 0

    def due_ns(self) -> int:
        """From when on the next batch may begin; in the past when idle."""
        return self._free_ns

    def done(self, began_ns: int, ended_ns: int) -> None:
        """A batch was at work from ``began_ns`` to ``ended_ns``."""
        pause = min(max(ended_ns - began_ns, self._least_ns), self._most_ns)
        self._free_ns = ended_ns + pause
