"""Why nothing is entered for a moment: a desk that rests on a bus does not always know what is true."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from engine.events import NS
from engine.wiring.desk import Desk

log = logging.getLogger("engine.execution")

BLOCK_NS = NS // 2
"""So long a reason stands, where it is not told again."""
TELL_S = 60.0
"""A reason of one kind is an alert once in so long."""


class Forbidding:
    """Entries are denied, exits go on."""

    def __init__(self, desk: Desk, clock: Callable[[], int]) -> None:
        """``clock``: ns UTC; the desk's own may be behind it."""
        self._desk = desk
        self._clock = clock
        self._told: dict[str, float] = {}

    def forbid(self, why: str, *, kind: str = "", told: bool = True, from_ns: int = 0) -> None:
        """``told``: an alert, once a minute of each kind. ``from_ns``: where the desk's clock will be."""
        self._desk.trading.forbid(why, max(self._desk.now_ns, self._clock(), from_ns) + BLOCK_NS)
        if self.is_news(kind or why):
            if told:
                self._desk.alert("warning", "bus", f"{why}: no entries meanwhile")
            else:
                log.info("%s: no entries meanwhile", why)

    def is_news(self, kind: str) -> bool:
        """Whether it was not told within the last minute."""
        now_s = time.monotonic()
        if now_s - self._told.get(kind, -TELL_S) < TELL_S:
            return False
        self._told = {key: at for key, at in self._told.items() if now_s - at < TELL_S} | {kind: now_s}
        return True
