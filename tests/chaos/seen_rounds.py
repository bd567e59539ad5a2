"""Rounds and ticks of shards, as somebody saw them who saw all: what they count, and where one is missing."""

from __future__ import annotations

import threading

from engine.bus.messages import Round, round_of, shard_ticks_of
from engine.ticks import TICK

LATEST = 20
"""Rounds of which a shard's ticks may still come: on an older server the first stream that has something is
read without the others."""


class SeenRounds:
    """One thread takes what comes, others ask. (Without the lock a look at some ten thousand rounds now and
    then met a dictionary that grew meanwhile.)"""

    def __init__(self) -> None:
        self._rounds: dict[int, Round] = {}
        self._dealt: dict[int, int] = {}
        """Ticks of shards, by round."""
        self._holes: list[tuple[int, int]] = []
        self._last = 0
        self._lock = threading.Lock()

    def take_ticks(self, number: int, body: bytes) -> None:
        """Of one shard."""
        count = len(shard_ticks_of(body).ticks) // TICK.itemsize
        with self._lock:
            self._dealt[number] = self._dealt.get(number, 0) + count

    def take_round(self, number: int, body: bytes) -> None:
        told = round_of(body)
        with self._lock:
            if told.previous != self._last:
                self._holes.append((told.previous, number))
            self._last = number
            self._rounds[number] = told

    @property
    def last(self) -> int:
        """The round that came last; 0: none did."""
        return self._last

    def rounds(self) -> dict[int, Round]:
        """All so far, by number, as they came."""
        with self._lock:
            return dict(self._rounds)

    def holes(self) -> list[tuple[int, int]]:
        """(what the round says came before it, the round) where something else did."""
        with self._lock:
            return list(self._holes)

    def sent_ns(self, number: int) -> int:
        """When that round was sent, ns UTC; 0: it was not seen."""
        found = self._rounds.get(number)
        return 0 if found is None else found.sent_ns

    def ticks_of(self, epoch: int, until: int) -> int:
        """Those of an owner's rounds up to ``until``."""
        start = epoch * 1_000_000_000
        return sum(one.ticks for number, one in self.rounds().items() if start < number <= until)

    def torn(self) -> list[tuple[int, int, int]]:
        """(round, ticks of its shards, ticks that it says to have) where they differ."""
        with self._lock:
            told, dealt = list(self._rounds.items())[:-LATEST], dict(self._dealt)
        return [
            (number, dealt.get(number, 0), one.ticks)
            for number, one in told
            if dealt.get(number, 0) != one.ticks
        ]
