"""What the market stage writes at once."""

from __future__ import annotations

from typing import NamedTuple

from engine.bus.messages import Round, ShardTicks


class Cut(NamedTuple):
    """A round and its ticks by shard, to be written together."""

    number: int
    round: Round
    shards: dict[int, ShardTicks]
