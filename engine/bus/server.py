"""The server as it says it is, and whether the bus can be trusted to it.

https://redis.io/docs/latest/commands/info/
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from engine.bus.address import Address
from engine.config import BusConfig
from engine.errors import BusError
from engine.text import clean

if TYPE_CHECKING:
    from redis.asyncio import Redis

OLDEST = (7, 0)
"""Groups tell a true lag only since then."""
NEARLY_FULL = 0.9
"""Of its memory. When that is full it takes no ticks, and the whole topology stands."""
WHEN_FULL = "#!lua flags=allow-oom\n"
"""Begins a script that is run where the memory is full, too: the few bytes of those who own and read, and so
free it. https://redis.io/docs/latest/develop/programmability/lua-api/#script_flags (Redis 7.0)"""
_MIB = 2**20


class LoadingError(BusError):
    """The server reads back what it kept. It takes nothing until then, and tells of no append-only file."""


class Server(msgspec.Struct, frozen=True):
    """What INFO tells."""

    where: str
    version: str
    role: str
    cluster: bool
    aof: bool
    aof_ok: bool
    """The last write of the append-only file, and its last rewrite, went well."""
    fsync: str
    """``appendfsync``; "": it does not tell."""
    memory_bytes: int
    bounded_bytes: int
    """Of these, what ``maxmemory`` counts: buffers of the append-only file are not in it."""
    most_bytes: int
    """``maxmemory``; 0: none."""
    policy: str
    """``maxmemory-policy``."""
    clients: int
    commands_per_s: int
    up_s: int

    @property
    def used(self) -> float | None:
        """Of the memory that it may take, from 0 to 1 and a little above; None: it may take all."""
        return self.bounded_bytes / self.most_bytes if self.most_bytes else None


@contextmanager
def reaching(address: Address) -> Iterator[None]:
    """Raises BusError for what the library raises inside."""
    import redis

    try:
        yield
    except redis.AuthenticationError as error:
        raise BusError(
            f"Redis at {address.shown} does not let us in: {clean(error, 100)}; correct bus.url"
        ) from None
    except redis.BusyLoadingError:
        raise LoadingError(
            f"Redis at {address.shown} does not answer yet: it reads what it kept from its disk; wait"
        ) from None
    except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
        raise BusError(
            f"Redis at {address.shown} does not answer: {clean(error, 100)}; start it, or correct bus.url"
        ) from None
    except redis.RedisError as error:
        raise BusError(f"Redis at {address.shown} refuses: {clean(error, 150)}") from None


async def server(redis: Redis, address: Address) -> Server:
    """Ask it. Raises BusError, and LoadingError while there is nothing to be asked yet."""
    from redis import BusyLoadingError, ResponseError

    with reaching(address):
        told: dict[str, Any] = await redis.info()
        if told.get("loading"):
            raise BusyLoadingError
        try:
            fsync = clean((await redis.config_get("appendfsync")).get("appendfsync", ""), 20)
        except ResponseError:
            fsync = ""  # a hosted one that does not show its settings
    memory_bytes = int(told.get("used_memory", 0))
    return Server(
        where=address.shown,
        version=clean(told.get("redis_version", "?"), 20),
        role=clean(told.get("role", "?"), 20),
        cluster=bool(told.get("cluster_enabled")),
        aof=bool(told.get("aof_enabled")),
        aof_ok=told.get("aof_last_write_status", "ok") == "ok"
        and told.get("aof_last_bgrewrite_status", "ok") == "ok",
        fsync=fsync,
        memory_bytes=memory_bytes,
        bounded_bytes=max(memory_bytes - int(told.get("mem_not_counted_for_evict", 0)), 0),
        most_bytes=int(told.get("maxmemory", 0)),
        policy=clean(told.get("maxmemory_policy", "?"), 20),
        clients=int(told.get("connected_clients", 0)),
        commands_per_s=int(told.get("instantaneous_ops_per_sec", 0)),
        up_s=int(told.get("uptime_in_seconds", 0)),
    )


def check(found: Server, config: BusConfig) -> None:
    """Raises BusError, with what to do, for a server that may lose what it is given."""
    fault = _fault(found, config.need_aof)
    if fault:
        raise BusError(f"Redis at {found.where} {fault}")


def unwell(found: Server, config: BusConfig) -> str:
    """Why the bus cannot be trusted to it any more, now that it is at work; "": it can."""
    fault = _fault(found, config.need_aof)
    if not fault and found.used is not None and found.used >= 1.0:
        most, has = found.most_bytes / _MIB, found.bounded_bytes / _MIB
        fault = f"takes no ticks, its memory is full ({has:.0f} of {most:.0f} MiB): raise its maxmemory"
    return f"Redis at {found.where} {fault}" if fault else ""


def _fault(found: Server, need_aof: bool) -> str:
    numbers = tuple(int(part) for part in found.version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        return f"is version {found.version}: the bus needs {'.'.join(map(str, OLDEST))} or newer"
    if found.cluster:
        return "is a cluster: the bus needs one server"
    if found.role != "master":
        return f"is a {found.role}: give the address of its master"
    if need_aof and not found.aof:
        return (
            "keeps no append-only file, so a restart loses the bus: start it with --appendonly yes, or set "
            "bus.need_aof = false"
        )
    if need_aof and found.fsync == "no":
        return "leaves it to the system when it writes to disk: set appendfsync everysec"
    if found.aof and not found.aof_ok:
        return "could not write its append-only file: see to its disk"
    if found.most_bytes and found.policy != "noeviction":
        return f"drops keys when its memory is full ({found.policy}): set maxmemory-policy noeviction"
    return ""
