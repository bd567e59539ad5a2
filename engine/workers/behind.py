"""How many ticks are on the bus that not all have acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

TOGETHER = 1024
"""Ticks of rounds that are looked at as one: nobody may acknowledge for days."""


class Behind:
    """Counts ticks from when they are sent until all groups are through with their round."""

    def __init__(self) -> None:
        self._rounds: deque[tuple[int, int]] = deque()
        """(last number, ticks) of rounds, those that are not acknowledged."""
        self.ticks = 0

    def sent(self, number: int, ticks: int) -> None:
        if not ticks:
            return
        self.ticks += ticks
        if self._rounds and self._rounds[-1][1] < TOGETHER:
            ticks += self._rounds.pop()[1]
        self._rounds.append((number, ticks))

    def acknowledged(self, least: Sequence[int | None]) -> None:
        """``least``: up to where each stream that has more is acknowledged; None: by nobody so far."""
        if None in least:
            return
        until = min((one for one in least if one is not None), default=None)
        while self._rounds and (until is None or self._rounds[0][0] <= until):
            self.ticks -= self._rounds.popleft()[1]
