"""Rounds come together as they were dealt, whatever order the streams are read in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bus.messages import Heard, Round, ShardTicks
from engine.errors import BusError
from engine.ticks import TICK
from engine.workers.join import Join

SHARDS = 3


def _rows(count: int, first: int) -> np.ndarray:
    ticks = np.zeros(count, TICK)
    ticks["recv_ns"] = np.arange(first, first + count)
    return ticks


def _deal(number: int, shards: list[int], first: int) -> tuple[Round, dict[int, ShardTicks], np.ndarray]:
    """A round whose tick ``n`` is of the shard ``shards[n]``."""
    ticks, owner = _rows(len(shards), first), np.array(shards, int)
    parts = {}
    for shard in sorted(set(shards)):
        places = np.flatnonzero(owner == shard).astype("<u4")
        parts[shard] = ShardTicks(0, places.tobytes(), ticks[places].tobytes(), 0)
    return Round(number - 1, len(ticks), tuple(parts), 1), parts, ticks


@settings(max_examples=60)
@given(data=st.data(), rounds=st.lists(st.lists(st.integers(0, SHARDS - 1), max_size=6), max_size=6))
def test_any_order_of_reading_gives_the_order_of_arrival(
    data: st.DataObject, rounds: list[list[int]]
) -> None:
    join, put, expected, first = Join(SHARDS), [], [], 0
    streams: dict[object, list] = {"rounds": []} | {shard: [] for shard in range(SHARDS)}
    heard: dict[int, list] = {shard: [] for shard in range(SHARDS)}
    for number, shards in enumerate(rounds, 1):
        round_, parts, ticks = _deal(number, shards, first)
        first += len(shards)
        expected.append(ticks)
        streams["rounds"].append(lambda n=number, r=round_: join.put_round(n, r))
        for shard, part in parts.items():
            streams[shard].append(lambda s=shard, n=number, p=part: join.put_ticks(s, n, p))
            heard[shard].append(lambda s=shard, n=number: join.put_heard(s, n, Heard(0, (), 0)))
    queues = [*streams.values(), *heard.values()]
    got: list[np.ndarray] = []
    while any(queues):
        queue = data.draw(st.sampled_from([one for one in queues if one]))
        put.append(queue.pop(0))
        put[-1]()
        while (ready := join.pop()) is not None:
            got.append(ready.ticks)
    assert [one.tolist() for one in got] == [one.tolist() for one in expected]
    assert len(join) == 0


def test_a_round_waits_for_its_strategies_until_it_is_told_not_to() -> None:
    join = Join(SHARDS)
    round_, parts, _ = _deal(1, [0, 2, 0], 0)
    join.put_round(1, round_)
    join.put_ticks(0, 1, parts[0])
    assert join.waits_for() == () and join.pop(unheard=True) is None  # its ticks are not there
    join.put_ticks(2, 1, parts[2])
    join.put_heard(0, 5, Heard(0, (), 0))
    assert join.waits_for() == (2,) and join.pop() is None
    ready = join.pop(unheard=True)
    assert ready is not None and ready.waited_for == (2,)


def test_parts_that_contradict_their_round_are_refused() -> None:
    round_, parts, _ = _deal(1, [0, 0], 0)
    join = Join(SHARDS)
    join.put_round(1, Round(0, 3, (0,), 1))
    join.put_ticks(0, 1, parts[0])
    join.put_heard(0, 1, Heard(0, (), 0))
    with pytest.raises(BusError, match="2 of 3 ticks"):
        join.pop()
    other = Join(SHARDS)
    other.put_round(1, round_)
    other.put_ticks(0, 2, parts[0])
    other.put_heard(0, 2, Heard(0, (), 0))
    with pytest.raises(BusError, match="contradict"):
        other.pop()
