"""The desk's loop and the processor that it has for itself, from its start to its end.

What is not ours knows nothing of it. Where that crowds the processor, the loop may run anywhere for a while.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from engine import processor

log = logging.getLogger("engine")

LOOK_S = 1.0
"""So long a new thread may stay where the loop is."""
CROWDED, LOOKS = 0.05, 3
"""The share of the time that the loop waits for its processor, and how often in a row, before it shares."""
AGAIN_S, MOST_AGAIN_S = 60.0, 960.0
"""After so long it is tried again, doubling while it is crowded each time."""


class Crowding:
    """Whether others crowd the processor."""

    def __init__(self, waited_ns: int, now_ns: int) -> None:
        self._waited_ns, self._at_ns = waited_ns, now_ns
        self._since_ns, self._until_ns = now_ns, 0
        self._again_s = AGAIN_S
        self._times = 0

    def look(self, waited_ns: int, now_ns: int) -> bool:
        """``waited_ns``: for it so far. Whether the loop is to share until the next look."""
        share = (waited_ns - self._waited_ns) / max(now_ns - self._at_ns, 1)
        self._waited_ns, self._at_ns = waited_ns, now_ns
        if self._until_ns:
            if now_ns < self._until_ns:
                return True
            self._since_ns, self._until_ns = now_ns, 0
            return False
        self._times = self._times + 1 if share > CROWDED else 0
        if self._times < LOOKS:
            return False
        sound = now_ns - self._since_ns > self._again_s * 1e9
        self._again_s = AGAIN_S if sound else min(2 * self._again_s, MOST_AGAIN_S)
        self._times, self._until_ns = 0, now_ns + round(self._again_s * 1e9)
        return True


class OwnProcessor:
    """Called where the loop begins, and on its thread."""

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._spawn = spawn
        self._own: processor.Own | None = None

    def __call__(self) -> None:
        try:
            self._own = own = processor.take()
        except OSError as error:
            log.info("the desk shares its processor: the system refuses one of its own (%s)", error.strerror)
            return
        if own is None:
            log.info("the desk shares its processor: there is none to spare")
            return
        others = ", ".join(map(str, sorted(own.others)))
        log.info("the desk has processor %d for itself; all else of it runs on %s", own.number, others)
        self._spawn(self._keep(own))

    def end(self) -> None:
        if self._own is not None:
            self._own.give_back()

    async def _keep(self, own: processor.Own) -> None:
        crowding = Crowding(own.waited_ns(), time.monotonic_ns())
        while True:
            own.spread()
            await asyncio.sleep(LOOK_S)
            shares = crowding.look(own.waited_ns(), time.monotonic_ns())
            if shares == own.shares:
                continue
            try:
                own.share(shares)
            except OSError as error:
                log.info("the desk's processors stay as they are: %s", error.strerror)
                return
            now = "others crowd it: the desk runs anywhere" if shares else "the desk has it for itself again"
            log.info("processor %d: %s", own.number, now)
