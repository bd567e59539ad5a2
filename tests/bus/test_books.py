"""Registry, topology, trimming, the server's settings, and what `tickdesk bus inspect` tells of all."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from console.cli.bus import lines
from engine.bus.address import Address, address_of, client
from engine.bus.inspect import inspect
from engine.bus.keys import Keys
from engine.bus.lease import Lease
from engine.bus.messages import Round, encode
from engine.bus.registry import Registry, WorkerRow
from engine.bus.server import Server as About
from engine.bus.server import check
from engine.bus.server import server as ask
from engine.bus.topology import agree, agreed, agreed_protocol
from engine.bus.trim import Trimmer
from engine.config import BusConfig, Config
from engine.errors import BusError, ConfigError
from tests.bus.conftest import Server

KEYS = Keys("dfp")


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[object]:
    found = client(server.address)
    yield found
    await found.aclose()


def row(name: str, **more) -> WorkerRow:  # type: ignore[no-untyped-def]
    return WorkerRow(id=name, host="here", pid=1, stages=("features",), at_ns=time.time_ns(), **more)


async def test_the_registry_tells_who_is_there_and_who_is_gone(redis) -> None:  # type: ignore[no-untyped-def]
    registry = Registry(redis, KEYS, ttl_s=60)
    await registry.beat(row("b", shards=(1, 2)))
    await registry.beat(row("a"))
    await registry.beat(row("c"))
    assert [found.id for found in await registry.rows()] == ["a", "b", "c"]
    await redis.delete(KEYS.worker("b"))  # it expired
    await registry.leave("c")
    assert [found.id for found in await registry.rows()] == ["a"]
    gone = await registry.gone()
    assert list(gone) == ["b"] and 0 <= gone["b"] < 20
    for said in (b"not what a worker says", msgspec.json.encode(row("a")).replace(b"here", b"h\xe9re")):
        await redis.set(KEYS.worker("a"), said)
        assert await registry.rows() == []


async def test_another_version_is_one_topology_with_earlier_workers_and_not_with_later_ones(redis) -> None:  # type: ignore[no-untyped-def]
    """Redis remembers what the last ones went by: an upgrade must not be refused for it."""
    mine = agreed(Config())
    earlier, later = ({**mine, "protocol": str(int(mine["protocol"]) + step)} for step in (-1, 1))
    await agree(redis, KEYS, earlier, alive=0)
    await agree(redis, KEYS, mine, alive=1, earlier=1)
    await agree(redis, KEYS, earlier, alive=1)  # one that is started again meanwhile
    assert await agreed_protocol(redis, KEYS) == int(earlier["protocol"])
    await agree(redis, KEYS, mine, alive=1)  # the last of them was replaced, one after the other
    assert await agreed_protocol(redis, KEYS) == int(mine["protocol"])
    for alive in (0, 1):
        with pytest.raises(BusError, match=r"protocol is .* a later tickdesk wrote there"):
            await agree(redis, KEYS, earlier, alive)
    await agree(redis, KEYS, later, alive=0)
    with pytest.raises(BusError, match="run that version here, too"):
        await agree(redis, KEYS, mine, alive=1)


async def test_workers_of_another_configuration_are_refused(redis) -> None:  # type: ignore[no-untyped-def]
    mine = agreed(Config(), kind="tape")
    await agree(redis, KEYS, mine, alive=0)
    await agree(redis, KEYS, mine, alive=1)
    other = agreed(Config(strategies={"rapid_rise": {"enabled": False}}), kind="tape")
    with pytest.raises(BusError, match=r"strategies is .* here and .* there; start all workers with one"):
        await agree(redis, KEYS, other, alive=1)
    with pytest.raises(BusError, match="shards is 4 here and 8 there; configure it as there"):
        await agree(redis, KEYS, agreed(Config(bus=BusConfig(shards=4))), alive=0)
    await agree(redis, KEYS, other, alive=0)
    with pytest.raises(BusError, match="strategies"):
        await agree(redis, KEYS, mine, alive=1)


async def test_nothing_is_trimmed_that_not_all_have_acknowledged(redis) -> None:  # type: ignore[no-untyped-def]
    await redis.config_set("stream-node-max-entries", 10)
    big = 700_000_000 * 1_000_000_000  # above what Lua counts without a loss
    pipeline = redis.pipeline(transaction=False)
    for number in range(1000):
        pipeline.xadd("a", {"d": b"x"}, id=f"{big + number}-0")
        if number < 500:
            pipeline.xadd("b", {"d": b"x"}, id=f"{number + 1}-0")
    await pipeline.execute()
    trimmer = Trimmer(redis, {"a": ("one", "two"), "none": ("one",)}, {"b": 100})
    await redis.xgroup_create("a", "one", "0")
    found = await trimmer.trim()
    assert found["a"].least is None and found["none"].least is None  # a group is missing
    assert 100 <= await redis.xlen("b") < 120
    await redis.xgroup_create("a", "two", "0")
    read = await redis.xreadgroup("one", "me", {"a": ">"}, count=800)
    ids = [ident for ident, _ in read[0][1]]
    await redis.xack("a", "one", *ids[:600], *ids[700:])
    assert (await trimmer.trim())["a"].removed == 0  # the other has had nothing yet
    read = await redis.xreadgroup("two", "me", {"a": ">"}, count=650)
    await redis.xack("a", "two", *[ident for ident, _ in read[0][1]])
    found = await trimmer.trim()
    first = int((await redis.xrange("a", count=1))[0][0].split(b"-")[0])
    assert found["a"].least == big + 600 and big + 580 <= first <= big + 600
    assert found["a"].removed == 1000 - await redis.xlen("a")


def about(**changes) -> About:  # type: ignore[no-untyped-def]
    sound = About("here", "7.0.15", "master", False, True, True, "everysec", 1, 1, 0, "noeviction", 1, 1, 1)
    return msgspec.structs.replace(sound, **changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": "6.2.7"}, "is version 6.2.7: the bus needs 7.0 or newer"),
        ({"cluster": True}, "is a cluster"),
        ({"role": "slave"}, "give the address of its master"),
        ({"aof": False}, "start it with --appendonly yes"),
        ({"fsync": "no"}, "set appendfsync everysec"),
        ({"aof_ok": False}, "see to its disk"),
        ({"most_bytes": 1 << 30, "policy": "allkeys-lru"}, "set maxmemory-policy noeviction"),
    ],
)
def test_a_server_that_may_forget_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(BusError, match=told):
        check(about(**changes), BusConfig())


async def test_the_servers_own_words(server: Server, redis) -> None:  # type: ignore[no-untyped-def]
    found = await ask(redis, server.address)
    check(found, BusConfig())
    check(about(aof=False), BusConfig(need_aof=False))
    assert found.aof and found.fsync == "everysec" and found.role == "master"
    nobody = address_of("redis://user:secret@127.0.0.1:1/0")
    away = client(nobody)
    with pytest.raises(BusError, match=r"127\.0\.0\.1:1 does not answer.*start it") as caught:
        await ask(away, nobody)
    assert "secret" not in str(caught.value) and "secret" not in repr(nobody)
    await away.aclose()


@pytest.mark.parametrize("url", ["", "http://a", "redis://a:x", "redis://a/0?db=x", "localhost:6379"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"bus"):
        address_of(url)


def test_addresses_are_taken_apart() -> None:
    found: Address = address_of("rediss://me:word@[::1]:7000/3?ssl_check_hostname=false")
    assert (found.host, found.port, found.username, found.password) == ("::1", 7000, "me", "word")
    context = found.context()
    assert found.database == 3 and context is not None and not context.check_hostname
    assert found.shown == "[::1]:7000"
    plain = address_of("unix:///run/redis.sock?db=2")
    assert (plain.path, plain.database, plain.context()) == ("/run/redis.sock", 2, None)


async def test_inspect_tells_what_the_server_knows(server: Server, redis) -> None:  # type: ignore[no-untyped-def]
    await agree(redis, KEYS, agreed(Config(bus=BusConfig(shards=2))), alive=0)
    sent_ns = time.time_ns() - 3_000_000_000
    for number in range(1, 11):
        payload = encode(Round(previous=number - 1, ticks=1, shards=(), sent_ns=sent_ns))
        await redis.xadd(KEYS.rounds, {"d": payload}, id=f"{number}-0")
    await redis.xgroup_create(KEYS.rounds, "execution", "0", entries_read=0)
    await redis.xreadgroup("execution", "me", {KEYS.rounds: ">"}, count=6)
    await redis.xack(KEYS.rounds, "execution", "1-0", "2-0")
    await redis.xadd(KEYS.orders, {"d": b"anything"}, id="1-0")
    lease = Lease(redis, KEYS, "market", "m:1", 30)
    await lease.acquire()
    await Registry(redis, KEYS).beat(row("m:1", shards=(0, 1, 3), detail="well"))
    found = await inspect(redis, server.address, KEYS, 8)
    rounds, orders = found.streams
    (group,) = rounds.groups
    assert (group.name, group.position, group.pending, group.lag, group.oldest) == ("execution", 6, 4, 4, 3)
    assert group.oldest_age_s is not None and 3 <= group.oldest_age_s < 20
    assert (rounds.name, rounds.length, rounds.last, orders.groups) == ("clean_ticks:rounds", 10, 10, ())
    assert [consumer.pending for consumer in group.consumers] == [4] and found.lag == 4
    owners = {(lease.stage, lease.shard): lease.owner for lease in found.leases}
    assert owners == {
        ("market", None): "m:1",
        ("execution", None): "",
        ("features", 0): "",
        ("features", 1): "",
    }
    text = "\n".join(lines(found))
    assert "m:1: well" in text and "0-1,3" in text and "features 1  nobody" in text
    await redis.xack(KEYS.rounds, "execution", "3-0", "4-0", "5-0", "6-0")
    (group,) = (await inspect(redis, server.address, KEYS, 8)).streams[0].groups
    assert (group.pending, group.oldest) == (0, 7)
