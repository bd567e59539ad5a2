"""What makes a symbol stale: nothing accepted from its venue for longer than a limit."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class LastSeen(Protocol):
    """Knows when each symbol's last live tick was received (ns; 0: never): the screen, or the feature engine.

    The screen looks at a whole batch at once, so in the middle of a batch it knows of ticks that are still to
    be consumed; the feature engine knows what was consumed up to its clock, whatever the batches.
    """

    def last_recv_ns(self, index: int) -> int: ...

    def recv_times(self) -> npt.NDArray[Any]: ...


class Freshness:
    """Ages of the symbols' data. A symbol that never ticked has no age and is stale."""

    def __init__(self, seen: LastSeen) -> None:
        self._seen = seen

    def age_ns(self, index: int, now_ns: int) -> int | None:
        """Nanoseconds since the last tick, at least 0; None before the first."""
        seen_ns = self._seen.last_recv_ns(index)
        if not seen_ns:
            return None
        age_ns = now_ns - seen_ns
        return age_ns if age_ns > 0 else 0

    def stale_count(self, now_ns: int, limit_ns: int) -> int:
        """How many symbols had no tick for longer than ``limit_ns`` (exactly the limit is fresh)."""
        seen = self._seen.recv_times()
        return int(np.count_nonzero((seen == 0) | (now_ns - seen > limit_ns)))
