"""How many ticks are on the bus that not all have acknowledged, and whether more may be sent.

Live, nothing waits for who is behind: what they have not read fills the server's memory, and a full one
takes no ticks, of nobody's. So while execution reads nothing, the market worker sends no more from a bound
on: what it cannot keep meanwhile is a gap that is told. Where execution reads, stops are watched, and nothing
is held back for anybody else's sake.
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


class Unread:
    """Counts what was sent until it is acknowledged."""

    def __init__(self) -> None:
        self._rounds: deque[tuple[int, int, int]] = deque()
        """(last number, ticks, rounds), those that are not acknowledged."""
        self.ticks = 0
        self.rounds = 0

    @property
    def entries(self) -> int:
        """A round without a tick takes memory, too."""
        return self.ticks + self.rounds

    def sent(self, number: int, ticks: int, rounds: int = 1) -> None:
        """``number``: of the last of these rounds."""
        self.ticks += ticks
        self.rounds += rounds
        if self._rounds and self._rounds[-1][1] + self._rounds[-1][2] < TOGETHER:
            _, more_ticks, more_rounds = self._rounds.pop()
            ticks, rounds = ticks + more_ticks, rounds + more_rounds
        self._rounds.append((number, ticks, rounds))

    def acknowledged(self, least: Sequence[int | None]) -> None:
        """``least``: up to where each stream that has more is acknowledged; None: by nobody so far."""
        if None in least:
            return
        until = min((one for one in least if one is not None), default=None)
        while self._rounds and (until is None or self._rounds[0][0] <= until):
            _, ticks, rounds = self._rounds.popleft()
            self.ticks -= ticks
            self.rounds -= rounds


class Behind:
    """What all readers, and what execution has not acknowledged yet.

    ``most``: more are told in the log (``bus.most_behind``).
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.by_all = Unread()
        self.by_execution = Unread()
        self.held = False
        """Execution has read so little that nothing more must be sent."""
        self._warned = False

    @property
    def ticks(self) -> int:
        return self.by_all.ticks

    def sent(self, number: int, ticks: int) -> None:
        self.by_all.sent(number, ticks)
        self.by_execution.sent(number, ticks)

    def acknowledged(self, least: Sequence[int | None], execution: Sequence[int | None]) -> None:
        """``least``: up to where each stream that has more is acknowledged by all who read it; ``execution``:
        the same of those that execution alone reads. None: by nobody so far."""
        self.by_all.acknowledged(least)
        self.by_execution.acknowledged(execution)

    @property
    def kept(self) -> str:
        """For the next owner."""
        counts = (self.by_all, self.by_execution)
        return " ".join(f"{one.ticks} {one.rounds}" for one in counts)

    def take_up(self, kept: bytes | None, number: int) -> None:
        """What an earlier owner ``kept``, whose last round was ``number``. Anything else is nothing."""
        told = (kept or b"").split()
        if len(told) == 4 and all(map(bytes.isdigit, told)):
            ticks, rounds, execution_ticks, execution_rounds = map(int, told)
            self.by_all.sent(number, ticks, rounds)
            self.by_execution.sent(number, execution_ticks, execution_rounds)

    def look(self) -> None:
        """Decide whether more may be sent, and tell a change of it."""
        waiting = self.by_execution.entries
        behind, held = waiting > self.most, waiting > HELD * self.most
        warn = behind or self.by_all.entries > self.most
        if warn and not self._warned:
            log.warning(
                "%d ticks are not acknowledged: do a features and an execution worker run?", self.ticks
            )
        if held and not self.held:
            log.error(
                "execution has not read %d ticks: no more are sent until it has", self.by_execution.ticks
            )
        elif self.held and not behind:
            log.info("execution has caught up: ticks are sent again")
        self._warned = warn
        self.held = held or (behind and self.held)
