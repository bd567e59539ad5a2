"""Publishers that share a connection share no fate."""

from __future__ import annotations

import asyncio

import pytest

from engine.bus.address import client
from engine.bus.keys import Keys
from engine.bus.lease import Lease
from engine.bus.line import Line
from engine.bus.publisher import Publisher
from engine.errors import FencedError
from tests.bus.conftest import Server
from tests.bus.test_transport import until, written


async def test_one_that_is_fenced_ends_and_the_others_go_on(server: Server) -> None:
    redis, keys, line = client(server.address), Keys("dfp"), Line(server.address)
    leases = [Lease(redis, keys, "features", "me", 30, shard) for shard in range(3)]
    assert all([await lease.acquire() for lease in leases])
    publishers = [
        Publisher(server.address, (name,), lease.fence, line=line)
        for name, lease in zip("abc", leases, strict=True)
    ]
    tasks = [asyncio.create_task(publisher.run()) for publisher in publishers]
    for publisher in publishers:
        await publisher.opened()
    raw = server.client()
    assert sum(one["name"] == "tickdesk" for one in raw.client_list()) == 2  # the line, and the client
    for name, publisher in zip("abc", publishers, strict=True):
        written(publisher, (name,), 20)
    for publisher in publishers:
        await publisher.drained()
    await redis.set(keys.lease("features", 1), "another:1")
    for name, publisher in zip("abc", publishers, strict=True):
        written(publisher, (name,), 20)
    with pytest.raises(FencedError, match="another:1"):
        await tasks[1]
    await publishers[0].drained()
    await publishers[2].drained()
    assert [raw.xlen(name) for name in "abc"] == [40, 20, 40]
    assert publishers[0].reconnects == publishers[2].reconnects == 0
    # Told to stop and run once more, as where a last word is to be said.
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    tasks[0] = asyncio.create_task(publishers[0].run())
    written(publishers[0], ("a",), 5)
    await publishers[0].drained()
    assert raw.xlen("a") == 45
    for publisher in publishers:
        publisher.close()
    await asyncio.gather(tasks[0], tasks[2])
    await until(lambda: sum(one["name"] == "tickdesk" for one in raw.client_list()) == 1)
    await redis.aclose()


async def test_all_come_back_with_the_server(server_of: Server) -> None:
    server_of.start()
    line = Line(server_of.address)
    publishers = [Publisher(server_of.address, (name,), line=line) for name in "abc"]
    tasks = [asyncio.create_task(publisher.run()) for publisher in publishers]
    for publisher in publishers:
        await publisher.opened()
    kept = server_of.appended
    for name, publisher in zip("abc", publishers, strict=True):
        written(publisher, (name,), 10)
        await publisher.drained()
    server_of.kill()
    server_of.forget(kept)
    server_of.start()
    for publisher in publishers:
        await until(lambda publisher=publisher: publisher.reconnects == 1)
        await publisher.drained()
    assert [server_of.client().xlen(name) for name in "abc"] == [10, 10, 10]
    for publisher in publishers:
        publisher.close()
    await asyncio.gather(*tasks)
