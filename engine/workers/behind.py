"""How many ticks are on the bus that not all have acknowledged, and whether more may be sent.

Live, nothing waits for who is behind: what they have not read fills the server's memory, and at a full one
all workers stop. So from a bound on the market worker sends no more, until they have caught up: what it
cannot keep meanwhile is a gap that is told.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

log = logging.getLogger("engine.market")

TOGETHER = 1024
"""Ticks of rounds that are looked at as one: nobody may acknowledge for days."""
HELD = 4
"""Nothing is sent from so many times ``most`` on, until less than ``most`` are left."""


class Behind:
    """Counts ticks from when they are sent until all groups are through with their round.

    ``most``: more are told in the log (``bus.most_behind``).
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._rounds: deque[tuple[int, int, int]] = deque()
        """(last number, ticks, rounds), those that are not acknowledged."""
        self.ticks = 0
        self.rounds = 0
        """A round without a tick takes memory, too."""
        self.held = False
        """So much is not acknowledged that nothing more must be sent."""
        self._warned = False

    def sent(self, number: int, ticks: int) -> None:
        self.ticks += ticks
        self.rounds += 1
        rounds = 1
        if self._rounds and self._rounds[-1][1] + self._rounds[-1][2] < TOGETHER:
            _, more_ticks, more_rounds = self._rounds.pop()
            ticks, rounds = ticks + more_ticks, rounds + more_rounds
        self._rounds.append((number, ticks, rounds))

    @property
    def kept(self) -> str:
        """For the next owner."""
        return f"{self.ticks} {self.rounds}"

    def take_up(self, kept: bytes | None, number: int) -> None:
        """What an earlier owner ``kept``, whose last round was ``number``. Anything else is nothing."""
        told = (kept or b"").split()
        if len(told) == 2 and all(map(bytes.isdigit, told)):
            self.ticks, self.rounds = map(int, told)
            self._rounds.append((number, self.ticks, self.rounds))

    def acknowledged(self, least: Sequence[int | None]) -> None:
        """``least``: up to where each stream that has more is acknowledged; None: by nobody so far."""
        if None in least:
            return
        until = min((one for one in least if one is not None), default=None)
        while self._rounds and (until is None or self._rounds[0][0] <= until):
            _, ticks, rounds = self._rounds.popleft()
            self.ticks -= ticks
            self.rounds -= rounds

    def look(self) -> None:
        """Decide whether more may be sent, and tell a change of it."""
        waiting = self.ticks + self.rounds
        behind, held = waiting > self.most, waiting > HELD * self.most
        if behind and not self._warned:
            log.warning("%d ticks are not acknowledged: do a features and an execution worker run?", waiting)
        if held and not self.held:
            log.error("%d ticks are not acknowledged: no more are sent until they have been read", waiting)
        elif self.held and not behind:
            log.info("the others have caught up: ticks are sent again")
        self._warned = behind
        self.held = held or (behind and self.held)
