"""One owner at a time, in an epoch of its own, by clocks that may stand still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.bus.address import client
from engine.bus.fence import Fence
from engine.bus.keys import Keys
from engine.bus.lease import Lease
from engine.bus.publisher import Publisher
from engine.errors import FencedError
from tests.bus.conftest import Server

LEASE_S = 30.0


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[object]:
    found = client(server.address)
    yield found
    await found.aclose()


def lease(redis, worker: str, clock: Clock, shard: int | None = None, lease_s: float = LEASE_S) -> Lease:  # type: ignore[no-untyped-def]
    return Lease(redis, Keys("dfp"), "market", worker, lease_s, shard, clock)


async def test_one_has_it_until_it_lets_go(redis) -> None:  # type: ignore[no-untyped-def]
    clock = Clock()
    one, two = lease(redis, "one", clock), lease(redis, "two", clock)
    assert await one.acquire() and one.is_held
    assert not await two.acquire() and not two.is_held and two.holder == f"one:{one.epoch}"
    await one.release()
    assert not one.is_held and not await one.renew()
    assert await two.acquire() and two.epoch > one.epoch
    # Shards are leases of their own.
    assert await lease(redis, "one", clock, shard=0).acquire()


async def test_an_owner_whose_renewal_is_late_acts_no_more_until_it_holds_it_anew(redis) -> None:  # type: ignore[no-untyped-def]
    clock = Clock()
    one = lease(redis, "one", clock)
    assert await one.acquire()
    epoch = one.epoch
    clock.now_s += LEASE_S  # stopped, and continued
    assert not one.is_held
    assert await one.renew() and one.is_held and one.epoch == epoch  # nobody came meanwhile
    clock.now_s += LEASE_S
    await redis.delete("dfp:lease:market")  # it ran out in the server, too
    two = lease(redis, "two", clock)
    assert await two.acquire() and two.epoch > epoch
    assert not await one.renew() and not one.is_held and one.holder == f"two:{two.epoch}"


async def test_it_expires_in_the_server_later_than_its_owner_believes_in_it(redis) -> None:  # type: ignore[no-untyped-def]
    one = Lease(redis, Keys("dfp"), "market", "one", 0.5)
    assert await one.acquire()
    two = Lease(redis, Keys("dfp"), "market", "two", 0.5)
    while one.is_held:
        assert not await two.acquire()
        await asyncio.sleep(0.02)
    async with asyncio.timeout(5):
        while not await two.acquire():
            await asyncio.sleep(0.02)


async def test_it_is_handed_over_to_one_and_to_no_other(redis) -> None:  # type: ignore[no-untyped-def]
    clock = Clock()
    one, two, three = (lease(redis, name, clock) for name in ("one", "two", "three"))
    assert await one.acquire()
    await one.release(to="two")
    assert not one.is_held
    assert not await three.acquire() and not await one.acquire()
    assert await two.acquire() and two.epoch > one.epoch


async def test_what_a_dead_one_had_is_free_for_who_knows_that_it_is_dead(redis) -> None:  # type: ignore[no-untyped-def]
    clock = Clock()
    one, heir, other, alike = (
        Lease(redis, Keys("dfp"), "market", name, LEASE_S, clock=clock, former=former)
        for name, former in (("one", ""), ("heir", "one"), ("other", "two"), ("alike", "on"))
    )
    assert await one.acquire()
    assert not await other.acquire() and not await alike.acquire()
    assert await heir.acquire() and heir.epoch > one.epoch
    assert not await one.renew()  # it was not dead after all: it acts no more
    await heir.release(to="one")
    assert await heir.acquire()  # what was handed to it, too


async def test_it_is_taken_held_and_let_go_where_the_memory_is_full(server: Server, redis) -> None:  # type: ignore[no-untyped-def]
    """Whose lease ran out then would read no more, and nothing would free it."""
    clock = Clock()
    one, two = lease(redis, "one", clock), lease(redis, "two", clock)
    server.client().config_set("maxmemory", 1)
    try:
        assert await one.acquire() and await one.renew() and one.is_held
        await one.release(to="two")
        assert await two.acquire() and two.epoch > one.epoch
    finally:
        server.client().config_set("maxmemory", 0)


async def test_epochs_rise_although_the_server_forgot_them(redis) -> None:  # type: ignore[no-untyped-def]
    clock = Clock()
    one = lease(redis, "one", clock)
    assert await one.acquire()
    await redis.flushall()
    await asyncio.sleep(0.1)
    two = lease(redis, "two", clock)
    assert await two.acquire() and two.epoch > one.epoch


async def test_the_server_refuses_the_writes_of_a_former_owner(server: Server, redis) -> None:  # type: ignore[no-untyped-def]
    clock = Clock()
    one, two = lease(redis, "one", clock), lease(redis, "two", clock)
    assert await one.acquire()

    async def attempt(fence: Fence, number: int) -> None:
        publisher = Publisher(server.address, ("a",), fence)
        task = asyncio.create_task(publisher.run())
        await publisher.opened()
        publisher.put([("a", number, b"x")])
        try:
            await publisher.drained()
        finally:
            publisher.close()
            await asyncio.gather(task, return_exceptions=True)

    await attempt(one.fence, 1)
    stale = one.fence
    await one.release(to="two")
    with pytest.raises(FencedError, match="owned by another worker"):
        await attempt(stale, 2)
    assert await two.acquire()
    await attempt(two.fence, 2)
    with pytest.raises(FencedError, match="owned by another worker"):
        await attempt(stale, 3)
    # Its lease runs out, and no other comes: the former one is refused all the same.
    await redis.delete("dfp:lease:market")
    with pytest.raises(FencedError, match="epoch"):
        await attempt(stale, 3)
    # The server forgot the last epoch: the owner tells it.
    await redis.set("dfp:epoch:market", one.epoch)
    await attempt(two.fence, 3)
    assert int(await redis.get("dfp:epoch:market")) == two.epoch
    assert await redis.xlen("a") == 3
