"""The workers' last words: who runs what, where, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from engine.bus.keys import Keys
from engine.bus.server import WHEN_FULL

if TYPE_CHECKING:
    from redis.asyncio import Redis

BEAT_S = 0.5
"""How often a worker should speak."""
GONE_S = 3_600.0
"""So long is remembered that a worker was there."""
MOST_WORKERS = 1_000

_BEAT = """
local now = redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], at, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', at - tonumber(ARGV[4]))
return at
"""


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's last word."""

    id: str
    host: str
    pid: int
    stages: tuple[str, ...]
    shards: tuple[int, ...] = ()
    """Of the features stage: those it owns now."""
    epochs: dict[str, int] = {}
    """Of each stage that it owns alone."""
    state: str = "starting"
    """starting, waiting (for a lease), catching up, running, halted, stopping."""
    detail: str = ""
    since_ns: int = 0
    """When it started, ns UTC."""
    at_ns: int = 0
    """When it said this, ns UTC."""
    position: int = 0
    """The last round that it sent, or is through with."""
    ticks: int = 0
    """Since it started."""
    ticks_per_s: float = 0.0
    entries_per_s: float = 0.0
    lag: int = 0
    """Entries that are there for it to read."""
    lag_ms: float = 0.0
    """From when the last round was sent until this worker was through with it."""
    lost: int = 0
    """Holes it has seen."""
    rss_bytes: int = 0
    cpu_pct: float = 0.0
    version: str = ""
    protocol: int = 1
    """Of ``engine.bus.topology``; the first was not told."""
    config: str = ""
    """Digest of what all must agree upon."""
    feeds: tuple[dict[str, Any], ...] = ()
    """Of the market stage: each feed's ``venue``, and its counters by their names."""
    recording: str = ""
    """Of the market stage: "on" while tapes are written, "failed" when they ended; "" without."""
    taped: tuple[int, int, int] | None = None
    """Of the market stage: bytes for its tapes that are not written yet, bytes that are, and how many ticks
    and frames are on none; None without tapes."""
    socket: str = ""
    """Of the execution worker: where its engine listens, on its own machine."""


class Registry:
    """Of one topology. Its methods raise what the client does when the server is away."""

    def __init__(self, redis: Redis, keys: Keys, ttl_s: float = 3.0) -> None:
        """``ttl_s``: a worker that was not heard of for so long is not there any more."""
        self._redis = redis
        self._keys = keys
        self._ttl_ms = round(ttl_s * 1000)
        self._beat = redis.register_script(WHEN_FULL + _BEAT)

    async def beat(self, row: WorkerRow) -> None:
        """This is the worker's last word from now on."""
        key = self._keys.worker(row.id)
        said = msgspec.json.encode(row)
        await self._beat(
            keys=(key, self._keys.workers), args=(row.id, said, self._ttl_ms, round(GONE_S * 1000))
        )

    async def leave(self, worker: str) -> None:
        """It ended as it should: forget it."""
        await self._redis.delete(self._keys.worker(worker))
        await self._redis.zrem(self._keys.workers, worker)

    async def rows(self) -> list[WorkerRow]:
        """Those that are there, by id; what is no row of ours is left out."""
        names = await self._redis.zrevrange(self._keys.workers, 0, MOST_WORKERS - 1)
        if not names:
            return []
        found = await self._redis.mget([self._keys.worker(name.decode(errors="replace")) for name in names])
        return sorted(rows_of(found), key=lambda row: row.id)

    async def gone(self) -> dict[str, float]:
        """Workers that were there within the last hour and did not leave: seconds since they spoke last."""
        names = await self._redis.zrevrange(self._keys.workers, 0, MOST_WORKERS - 1, withscores=True)
        if not names:
            return {}
        seconds, micros = await self._redis.time()
        now_s = seconds + micros / 1e6
        spoken = {name.decode(errors="replace"): at_ms / 1000 for name, at_ms in names}
        there = await self._redis.mget([self._keys.worker(name) for name in spoken])
        return {
            name: now_s - at_s
            for (name, at_s), word in zip(spoken.items(), there, strict=True)
            if word is None
        }


def rows_of(words: Sequence[bytes | None]) -> list[WorkerRow]:
    rows = []
    for word in words:
        if word is None:
            continue
        try:
            rows.append(_decode(word))
        except ValueError:  # msgspec's own, and text that is no UTF-8, are such
            continue  # of a version that says other things: its topology is another's, too
    return rows


_decode = msgspec.json.Decoder(WorkerRow).decode
