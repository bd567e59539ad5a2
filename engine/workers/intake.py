"""Where the streams of all shards meet: what is read is put together, and played once it is whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.bus.cursor import Batch, Source
from engine.bus.keys import Keys
from engine.bus.messages import heard_of, round_of, shard_ticks_of
from engine.workers.join import Join, Ready


class BusIntake:
    """``play`` gets each round that is complete, in order."""

    def __init__(self, keys: Keys, shards: int, play: Callable[[Ready], None]) -> None:
        self.join = Join(shards)
        self._play = play
        self._rounds = keys.rounds
        self._ticks = {keys.ticks(shard): shard for shard in range(shards)}
        self._signals = {keys.signals(shard): shard for shard in range(shards)}

    def sources(self, position: int | None) -> list[Source]:
        """All streams, to be read behind ``position``; None: where the group stands."""
        return [
            *(Source(stream, heard_of, position) for stream in self._signals),
            *(Source(stream, shard_ticks_of, position) for stream in self._ticks),
            Source(self._rounds, round_of, position),
        ]

    def put(self, stream: str, batch: Batch) -> None:
        """What was read of one stream."""
        join = self.join
        shard = self._ticks.get(stream)
        if shard is not None:
            for number, ticks in batch:
                join.put_ticks(shard, number, ticks)
        elif stream == self._rounds:
            for number, round_ in batch:
                join.put_round(number, round_)
        else:
            shard = self._signals[stream]
            for number, heard in batch:
                join.put_heard(shard, number, heard)

    def drain(self, *, unheard: bool = False) -> int:
        """Play what is complete; ``unheard``: the first of it without the strategies that it waits for.
        Returns how many rounds that were."""
        played = 0
        while (ready := self.join.pop(unheard=unheard)) is not None:
            self._play(ready)
            unheard = False
            played += 1
        return played

    def streams(self) -> Mapping[str, int | None]:
        """Every stream, and its shard; None: the rounds'."""
        return {**self._ticks, **self._signals, self._rounds: None}
