"""Shards are dealt evenly, by all alike, and few move when a worker goes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bus.shards import dealt
from engine.workers.place import place_of

_workers = st.sets(st.text("abcdef0123456789-", min_size=1, max_size=12), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 64), _workers)
def test_nobody_has_two_more_than_another(shards: int, workers: set[str]) -> None:
    found = dealt(shards, workers)
    parts = Counter(found.values())
    assert set(found) == set(range(shards)) and set(parts) <= workers
    sizes = [parts[name] for name in workers]
    assert max(sizes) - min(sizes) <= 1
    assert found == dealt(shards, sorted(workers, reverse=True))


def test_few_shards_move_when_one_of_eight_goes() -> None:
    shards, workers = 256, [f"worker-{number}" for number in range(8)]
    before = dealt(shards, workers)
    for gone in workers:
        after = dealt(shards, set(workers) - {gone})
        moved = sum(before[shard] != after[shard] for shard in range(shards))
        assert shards // 8 <= moved <= 2 * shards // 8
    assert dealt(4, ()) == {}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 64), st.sets(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=6))
def test_who_comes_in_the_place_of_another_is_dealt_what_that_one_had(shards: int, places: set[str]) -> None:
    before = dealt(shards, {f"{one}-1-a" for one in places}, place_of)
    after = dealt(shards, {f"{one}-2-b" for one in places}, place_of)
    assert {shard: place_of(name) for shard, name in before.items()} == {
        shard: place_of(name) for shard, name in after.items()
    }
