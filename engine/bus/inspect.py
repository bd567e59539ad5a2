"""What is on the bus now: streams, groups, consumers, leases, workers, the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from engine.bus.address import Address
from engine.bus.keys import Keys
from engine.bus.messages import heard_of, round_of, shard_ticks_of
from engine.bus.registry import Registry, WorkerRow
from engine.bus.server import Server, reaching, server
from engine.text import clean

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

MOST_SHARDS = 1_024
AT_ONCE = 32
"""Streams, or leases, in one question: who looks has other things to do between two answers."""


class ConsumerRow(msgspec.Struct, frozen=True):
    name: str
    pending: int
    idle_s: float
    """Since it was heard of last."""


class GroupRow(msgspec.Struct, frozen=True):
    name: str
    position: int
    """The last number that was delivered."""
    pending: int
    """Delivered and not acknowledged."""
    lag: int | None
    """Entries that were not delivered yet; None: the server cannot tell."""
    oldest: int | None
    """The lowest number that is not acknowledged; None: all are."""
    oldest_age_s: float | None
    """How long ago it was sent, by this machine's clock; None: it does not tell, or all are."""
    consumers: tuple[ConsumerRow, ...]


class StreamRow(msgspec.Struct, frozen=True):
    name: str
    """Without the prefix."""
    length: int
    first: int
    last: int
    """Numbers; 0: none."""
    added: int
    """Entries, ever."""
    bytes: int
    groups: tuple[GroupRow, ...]


class LeaseRow(msgspec.Struct, frozen=True):
    stage: str
    shard: int | None
    owner: str
    """"": nobody."""
    epoch: int
    """Of the last owner."""
    left_s: float
    """Until it is free; 0: it is."""


class Inspection(msgspec.Struct, frozen=True):
    prefix: str
    at_ns: int
    """ns UTC."""
    server: Server
    topology: dict[str, str]
    streams: tuple[StreamRow, ...]
    leases: tuple[LeaseRow, ...]
    workers: tuple[WorkerRow, ...]
    gone: dict[str, float]
    """Workers that were there and did not say goodbye: seconds since they spoke last."""

    @property
    def lag(self) -> int:
        """Of the group that is furthest behind, in entries."""
        return max((group.lag or 0 for row in self.streams for group in row.groups), default=0)


async def inspect(redis: Redis, address: Address, keys: Keys, shards: int) -> Inspection:
    """Look at everything of a topology; ``shards``: where none is written down yet. Raises BusError."""
    found = await server(redis, address)
    with reaching(address):
        topology = {
            clean(key.decode(errors="replace"), 40): clean(value.decode(errors="replace"), 100)
            for key, value in (await _topology(redis, keys)).items()
        }
        told = topology.get("shards", "")
        if told.isdecimal() and 1 <= int(told[:5]) <= MOST_SHARDS:
            shards = int(told)
        now_ns = time.time_ns()
        registry = Registry(redis, keys)
        return Inspection(
            prefix=keys.prefix,
            at_ns=now_ns,
            server=found,
            topology=topology,
            streams=await _streams(redis, keys, shards, now_ns),
            leases=await _leases(redis, keys, shards),
            workers=tuple(await registry.rows()),
            gone=await registry.gone(),
        )


async def _topology(redis: Redis, keys: Keys) -> dict[bytes, bytes]:
    found = redis.hgetall(keys.topology)
    assert not isinstance(found, dict)  # it is the client of asyncio
    return await found


def streams_of(keys: Keys, shards: int) -> dict[str, Callable[[bytes], int] | None]:
    """Every stream of a topology, and what tells when an entry was sent (ns UTC)."""
    found: dict[str, Callable[[bytes], int] | None] = {keys.rounds: lambda payload: round_of(payload).sent_ns}
    for shard in range(shards):
        found[keys.ticks(shard)] = lambda payload: shard_ticks_of(payload).sent_ns
    for shard in range(shards):
        found[keys.signals(shard)] = lambda payload: heard_of(payload).sent_ns
    for name in (keys.opportunities, keys.orders, keys.fills, keys.settings):
        found[name] = None
    return found


# A stream by one command: a worker that looks every second is to be held up by it as little as can be.
_LOOK = """
local function named(row)
    local found = {}
    for i = 1, #row, 2 do found[row[i]] = row[i + 1] end
    return found
end
local about = redis.pcall('XINFO', 'STREAM', KEYS[1])
if about.err then return false end
about = named(about)
local groups = {}
for place, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local group = named(row)
    local oldest, entry = '', ''
    if group['pending'] > 0 then
        oldest = redis.call('XPENDING', KEYS[1], group['name'])[2]
    else
        local ahead = redis.call('XRANGE', KEYS[1], '(' .. group['last-delivered-id'], '+', 'COUNT', 1)
        if #ahead > 0 then oldest = ahead[1][1] end
    end
    if oldest ~= '' then
        local found = redis.call('XRANGE', KEYS[1], oldest, oldest)
        if #found > 0 then entry = found[1][2][2] end
    end
    local consumers = {}
    for i, told in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group['name'])) do
        told = named(told)
        consumers[i] = {told['name'], told['pending'], told['idle']}
    end
    local lag = group['lag']
    if not lag then lag = -1 end
    groups[place] = {
        group['name'], group['last-delivered-id'], group['pending'], lag, oldest, entry, consumers
    }
end
local first = about['recorded-first-entry-id'] or '0-0'
local size = redis.call('MEMORY', 'USAGE', KEYS[1]) or 0
return {about['length'], first, about['last-generated-id'], about['entries-added'] or 0, size, groups}
"""


async def _streams(redis: Redis, keys: Keys, shards: int, now_ns: int) -> tuple[StreamRow, ...]:
    look = redis.register_script(_LOOK)
    rows = []
    for part in _parts(list(streams_of(keys, shards).items())):
        pipeline = redis.pipeline(transaction=False)
        for name, _ in part:
            await look(keys=(name,), client=pipeline)
        for (name, sent_ns), told in zip(part, await pipeline.execute(), strict=True):
            if told is not None:  # else it is not there yet
                rows.append(_stream(name.removeprefix(f"{keys.prefix}:"), told, sent_ns, now_ns))
    return tuple(rows)


def _parts(all_: list[T]) -> Iterator[list[T]]:
    return (all_[at : at + AT_ONCE] for at in range(0, len(all_), AT_ONCE))


def _stream(name: str, told: list[Any], sent_ns: Callable[[bytes], int] | None, now_ns: int) -> StreamRow:
    length, first, last, added, size, groups = told
    return StreamRow(
        name=name,
        length=length,
        first=_number(first),
        last=_number(last),
        added=added,
        bytes=size,
        groups=tuple([_group(group, sent_ns, now_ns) for group in groups]),
    )


def _group(told: list[Any], sent_ns: Callable[[bytes], int] | None, now_ns: int) -> GroupRow:
    name, position, pending, lag, oldest, entry, consumers = told
    return GroupRow(
        name=_text(name),
        position=_number(position),
        pending=pending,
        lag=None if lag < 0 else lag,
        oldest=_number(oldest) if oldest else None,
        oldest_age_s=_age_s(entry, sent_ns, now_ns) if entry and sent_ns else None,
        consumers=tuple(
            [
                ConsumerRow(name=_text(one), pending=open_, idle_s=idle_ms / 1000)
                for one, open_, idle_ms in consumers
            ]
        ),
    )


async def _leases(redis: Redis, keys: Keys, shards: int) -> tuple[LeaseRow, ...]:
    wanted: list[tuple[str, int | None]] = [("market", None), ("execution", None)]
    wanted += [("features", shard) for shard in range(shards)]
    told: list[Any] = []
    for part in _parts(wanted):
        pipeline = redis.pipeline(transaction=False)
        for stage, shard in part:
            pipeline.get(keys.lease(stage, shard))
            pipeline.pttl(keys.lease(stage, shard))
            pipeline.get(keys.epoch(stage, shard))
        told += await pipeline.execute()
    rows = []
    for place, (stage, shard) in enumerate(wanted):
        token, left_ms, epoch = told[3 * place : 3 * place + 3]
        owner = clean((token or b"").decode(errors="replace").rpartition(":")[0], 60)
        rows.append(LeaseRow(stage, shard, owner, int(epoch or 0), max(left_ms, 0) / 1000))
    return tuple(rows)


def _text(name: bytes) -> str:
    return clean(name.decode(errors="replace"), 60)


def _number(ident: bytes) -> int:
    return int(ident.partition(b"-")[0])


def _age_s(entry: bytes, sent_ns: Callable[[bytes], int], now_ns: int) -> float | None:
    try:
        at_ns = sent_ns(entry)
    except ValueError:
        return None  # no entry of ours
    return max(now_ns - at_ns, 0) / 1e9 if at_ns else None
