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
        self._place: processor.Shared | None = None
        self._told = False

    def __call__(self) -> None:
        why = "there is none to spare"
        try:
            self._place = own = processor.take()
            if own is not None:
                others = ", ".join(map(str, sorted(own.others)))
                said = "the desk has processor %d for itself; all else of it runs on %s"
                log.info(said, own.number, others)
                self._spawn(self._keep(own))
                return
        except OSError as error:
            self.end()
            why = f"the system refuses one of its own ({error.strerror})"
        log.info("the desk shares its processor: %s", why)
        self._share()

    def end(self) -> None:
        if self._place is not None:
            self._place.give_back()
            self._place = None

    async def _keep(self, own: processor.Own) -> None:
        crowding = Crowding(own.waited_ns(), time.monotonic_ns())
        while True:
            self._look(own)
            await asyncio.sleep(LOOK_S)
            shares = crowding.look(own.waited_ns(), time.monotonic_ns())
            if shares == own.shares:
                continue
            try:
                own.share(shares)
            except OSError as error:
                self.end()
                log.info("processor %d is given back: the system refuses (%s)", own.number, error.strerror)
                self._share()
                return
            now = "others crowd it: the desk runs anywhere" if shares else "the desk has it for itself again"
            log.info("processor %d: %s", own.number, now)

    def _share(self) -> None:
        """And keep off what other desks have for themselves."""
        self._place = place = processor.share()
        if place is not None:
            self._look(place)
            self._spawn(self._keep_off(place))

    async def _keep_off(self, place: processor.Shared) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._look(place)

    def _look(self, place: processor.Shared) -> None:
        try:
            place.spread()
        except OSError as error:  # no file descriptors: the next look may have one
            if not self._told:
                self._told = True
                log.warning("the desk's threads stay on their processors: %s", error.strerror)
