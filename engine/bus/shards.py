"""Which worker a shard is dealt to: evenly, and with few moves when a worker comes or goes.

Rendezvous hashing with a bound: each pair of shard and worker has a weight, the heaviest pairs are taken
first, and no worker takes more than its part. All who know the same workers deal the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b


def dealt(shards: int, workers: Iterable[str], place_of: Callable[[str], str] = str) -> dict[int, str]:
    """The worker of each shard; nothing without workers. Nobody has two more than another.

    ``place_of`` a worker: what weighs. Who comes in another's place is dealt what that one had.
    """
    names = sorted(set(workers))
    if not names:
        return {}
    part, more = divmod(shards, len(names))
    room = dict.fromkeys(names, part)
    pairs = sorted(
        ((_weight(shard, place_of(name)), shard, name) for shard in range(shards) for name in names),
        reverse=True,
    )
    found: dict[int, str] = {}
    for _, shard, name in pairs:
        if shard in found:
            continue
        if room[name] == 0 and more:
            room[name], more = -1, more - 1
        elif room[name] > 0:
            room[name] -= 1
        else:
            continue
        found[shard] = name
    return found


def _weight(shard: int, place: str) -> bytes:
    return blake2b(f"{shard}/{place}".encode(), digest_size=8).digest()
