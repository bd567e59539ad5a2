"""What is on the bus now: streams, groups, consumers, leases, workers, the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from engine.bus.address import Address
from engine.bus.keys import Keys
from engine.bus.messages import heard_of, round_of, shard_ticks_of
from engine.bus.registry import Registry, WorkerRow
from engine.bus.server import Server, reaching, server
from engine.text import clean

if TYPE_CHECKING:
    from redis.asyncio import Redis

MOST_SHARDS = 1_024
Told = dict[bytes, Any]


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


async def _streams(redis: Redis, keys: Keys, shards: int, now_ns: int) -> tuple[StreamRow, ...]:
    sent = streams_of(keys, shards)
    pipeline = redis.pipeline(transaction=False)
    for name in sent:
        for words in (("XINFO", "STREAM", name), ("XINFO", "GROUPS", name), ("MEMORY", "USAGE", name)):
            pipeline.execute_command(*words, NEVER_DECODE=True)
    told = await pipeline.execute(raise_on_error=False)
    rows = []
    for place, (name, sent_ns) in enumerate(sent.items()):
        about, groups, size = told[3 * place : 3 * place + 3]
        if isinstance(about, Exception) or isinstance(groups, Exception):
            continue  # it is not there yet
        about = _named(about)
        rows.append(
            StreamRow(
                name=name.removeprefix(f"{keys.prefix}:"),
                length=int(about[b"length"]),
                first=_number(about.get(b"recorded-first-entry-id", b"0-0")),
                last=_number(about[b"last-generated-id"]),
                added=int(about.get(b"entries-added", 0)),
                bytes=size if isinstance(size, int) else 0,
                groups=tuple([await _group(redis, name, _named(group), sent_ns, now_ns) for group in groups]),
            )
        )
    return tuple(rows)


async def _group(
    redis: Redis, stream: str, told: Told, sent_ns: Callable[[bytes], int] | None, now_ns: int
) -> GroupRow:
    name, pending, position = told[b"name"], int(told[b"pending"]), told[b"last-delivered-id"]
    pipeline = redis.pipeline(transaction=False)
    pipeline.execute_command("XINFO", "CONSUMERS", stream, name)
    pipeline.xpending(stream, name)
    pipeline.xrange(stream, b"(" + position, count=1)
    consumers, open_ids, ahead = await pipeline.execute(raise_on_error=False)
    oldest: bytes | None = None
    if isinstance(open_ids, dict) and open_ids["pending"]:
        oldest = open_ids["min"]
    elif isinstance(ahead, list) and ahead:
        oldest = ahead[0][0]
    age_s = None
    if oldest is not None and sent_ns is not None:
        age_s = _age_s(await redis.xrange(stream, oldest, oldest), sent_ns, now_ns)
    return GroupRow(
        name=clean(name.decode(errors="replace"), 60),
        position=_number(position),
        pending=pending,
        lag=told.get(b"lag"),
        oldest=None if oldest is None else _number(oldest),
        oldest_age_s=age_s,
        consumers=tuple(
            ConsumerRow(
                name=clean(row[b"name"].decode(errors="replace"), 60),
                pending=int(row[b"pending"]),
                idle_s=int(row[b"idle"]) / 1000,
            )
            for row in map(_named, consumers if isinstance(consumers, list) else ())
        ),
    )


async def _leases(redis: Redis, keys: Keys, shards: int) -> tuple[LeaseRow, ...]:
    wanted: list[tuple[str, int | None]] = [("market", None), ("execution", None)]
    wanted += [("features", shard) for shard in range(shards)]
    pipeline = redis.pipeline(transaction=False)
    for stage, shard in wanted:
        pipeline.get(keys.lease(stage, shard))
        pipeline.pttl(keys.lease(stage, shard))
        pipeline.get(keys.epoch(stage, shard))
    told = await pipeline.execute()
    rows = []
    for place, (stage, shard) in enumerate(wanted):
        token, left_ms, epoch = told[3 * place : 3 * place + 3]
        owner = clean((token or b"").decode(errors="replace").rpartition(":")[0], 60)
        rows.append(LeaseRow(stage, shard, owner, int(epoch or 0), max(left_ms, 0) / 1000))
    return tuple(rows)


def _named(row: list[Any]) -> Told:
    return dict(zip(row[::2], row[1::2], strict=True))


def _number(ident: bytes) -> int:
    return int(ident.partition(b"-")[0])


def _age_s(found: Any, sent_ns: Callable[[bytes], int], now_ns: int) -> float | None:
    try:
        at_ns = sent_ns(found[0][1][b"d"])
    except (IndexError, KeyError, msgspec.MsgspecError):
        return None  # trimmed meanwhile, or no entry of ours
    return max(now_ns - at_ns, 0) / 1e9 if at_ns else None
