"""Rounds put together again: their ticks in the very order of arrival, once their strategies were heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.bus.messages import AtBar, AtRise, Heard, Round, ShardTicks
from engine.errors import BusError
from engine.ticks import TICK
from engine.wiring.intake import Ticks


class Failed(NamedTuple):
    strategy: str
    trace: str
    ns: int
    """Of the trigger at which it failed; 0: at none."""
    instrument: int
    """Its index there; -1: it was a bar boundary, of all."""


class Ready(NamedTuple):
    """A round that can be played."""

    number: int
    round: Round
    ticks: Ticks
    """In order; they are the taker's own."""
    said: Sequence[AtBar | AtRise]
    """That is new, of all shards."""
    waited_for: tuple[int, ...]
    """Shards that were not heard: it goes on without them."""
    failed: Sequence[Failed] = ()
    """Strategies, that is new, of all shards."""


class Join:
    """Takes what is read from the streams, each in its order, and gives rounds in theirs.

    A round waits for the ticks of all of its shards, without end: without them it is not known what
    happened. It waits for what their strategies say until ``pop`` is told not to.
    """

    def __init__(self, shards: int) -> None:
        self._rounds: deque[tuple[int, Round]] = deque()
        self._ticks: list[deque[tuple[int, ShardTicks]]] = [deque() for _ in range(shards)]
        self._heard = [0] * shards
        self._said: list[AtBar | AtRise] = []
        self._failed: list[Failed] = []

    def __len__(self) -> int:
        """Rounds that wait."""
        return len(self._rounds)

    def heard(self, shard: int) -> int:
        """The last round that this shard's strategies have seen, as far as is known."""
        return self._heard[shard]

    def put_round(self, number: int, round_: Round) -> None:
        self._rounds.append((number, round_))

    def put_ticks(self, shard: int, number: int, ticks: ShardTicks) -> None:
        self._ticks[shard].append((number, ticks))

    def put_heard(self, shard: int, number: int, heard: Heard) -> None:
        self._heard[shard] = max(self._heard[shard], number)
        self._said.extend(heard.said)
        for at, (strategy, trace) in enumerate(heard.faults):
            ns, index = heard.failed_at[at] if at < len(heard.failed_at) else (0, -1)
            self._failed.append(Failed(strategy, trace, ns, index))

    def waits_for(self) -> tuple[int, ...]:
        """Shards whose strategies the next round waits for; none when its ticks are not there either."""
        if not self._complete():
            return ()
        number, round_ = self._rounds[0]
        return tuple(shard for shard in round_.shards if self._heard[shard] < number)

    def pop(self, *, unheard: bool = False) -> Ready | None:
        """The next round; None while it is incomplete. ``unheard``: it does not wait for strategies.

        Raises BusError when what was read contradicts itself.
        """
        if not self._complete():
            return None
        missing = self.waits_for()
        if missing and not unheard:
            return None
        number, round_ = self._rounds.popleft()
        ticks = self._put_together(number, round_)
        said, self._said = self._said, []
        failed, self._failed = self._failed, []
        return Ready(number, round_, ticks, said, missing, failed)

    def _complete(self) -> bool:
        if not self._rounds:
            return False
        number, round_ = self._rounds[0]
        return all(self._reached(shard, number) for shard in round_.shards)

    def _reached(self, shard: int, number: int) -> bool:
        waiting = self._ticks[shard]
        while waiting and waiting[0][0] < number:
            waiting.popleft()  # of a round before the one that reading began with
        return bool(waiting)

    def _put_together(self, number: int, round_: Round) -> Ticks:
        ticks = np.empty(round_.ticks, TICK)
        found = 0
        for shard in round_.shards:
            at, part = self._ticks[shard].popleft()
            places = np.frombuffer(part.places, "<u4")
            rows = np.frombuffer(part.ticks, TICK)
            if at != number or len(places) != len(rows) or places.max(initial=0) >= max(round_.ticks, 1):
                raise BusError(f"round {number} and shard {shard} contradict each other: stop all workers")
            ticks[places] = rows
            found += len(rows)
        if found != round_.ticks:
            raise BusError(f"round {number} has {found} of {round_.ticks} ticks: stop all workers")
        return ticks
