"""Entries through a real server: written once, read once, in order, whatever happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from engine.bus.cursor import Lost, Source
from engine.bus.publisher import Publisher
from engine.bus.reader import Reader
from engine.errors import FencedError
from tests.bus.conftest import Server


class Note(msgspec.Struct, frozen=True, array_like=True):
    previous: int
    text: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Note).decode


async def until(condition: Callable[[], object], limit_s: float = 20.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)


class Heard:
    """What a reader was told."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[int]] = {}
        self.lost: list[Lost] = []

    def entries(self, stream: str, batch: list[tuple[int, Note]]) -> None:
        self.numbers.setdefault(stream, []).extend(number for number, _ in batch)

    def loss(self, lost: Lost) -> None:
        self.lost.append(lost)


def sources(streams: tuple[str, ...], position: int | None = 0) -> list[Source]:
    return [Source(stream, _decode, position) for stream in streams]


@asynccontextmanager
async def running(*parts: Publisher | Reader) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        async with asyncio.timeout(20):
            for part in parts:
                await part.opened()
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for part in parts:
            part.close()
        await asyncio.gather(*tasks, return_exceptions=True)


def written(publisher: Publisher, streams: tuple[str, ...], count: int) -> None:
    for _ in range(count):
        entries = []
        for stream in streams:
            last = publisher.numbers[stream]
            entries.append((stream, last + 1, _encode(Note(last, f"of {stream}"))))
        publisher.put(entries)


async def test_all_arrives_once_and_in_order(server: Server) -> None:
    streams = ("a", "b", "c")
    heard = Heard()
    publisher = Publisher(server.address, streams)
    reader = Reader(server.address, "group", "me", sources(streams), heard.entries, heard.loss)
    async with running(publisher, reader):
        for _ in range(20):
            written(publisher, streams, 10)
            await publisher.drained()
        await until(lambda: [len(heard.numbers.get(stream, ())) for stream in streams] == [200] * 3)
        assert heard.numbers == {stream: list(range(1, 201)) for stream in streams} and not heard.lost
        assert publisher.entries == 600 and publisher.again == 0

        client = server.client()
        (group,) = client.xinfo_groups("a")
        assert (group["pending"], group["lag"], group["entries-read"]) == (200, 0, 200)
        reader.ack("a", 150)
        await until(lambda: client.xinfo_groups("a")[0]["pending"] == 50)
        assert reader.cursors["a"].unacknowledged == 50


async def test_what_a_killed_server_forgot_is_written_again(server_of: Server) -> None:
    server_of.start()
    streams = ("a", "b")
    heard = Heard()
    publisher = Publisher(server_of.address, streams)
    reader = Reader(server_of.address, "group", "me", sources(streams), heard.entries, heard.loss)
    async with running(publisher, reader):
        written(publisher, streams, 100)
        await publisher.drained()
        await until(lambda: len(heard.numbers.get("b", ())) == 100)
        reader.ack("a", 60)
        client = server_of.client()
        await until(lambda: client.xinfo_groups("a")[0]["pending"] == 40)
        kept = server_of.appended
        written(publisher, streams, 50)
        await publisher.drained()
        await until(lambda: len(heard.numbers["b"]) == 150)
        server_of.kill()
        server_of.forget(kept)
        written(publisher, streams, 5)  # while it is away
        server_of.start()
        assert server_of.client().xlen("a") <= 100 or publisher.again
        await until(lambda: len(heard.numbers["b"]) == 155 and len(heard.numbers["a"]) == 155)
        assert heard.numbers["a"] == heard.numbers["b"] == list(range(1, 156)) and not heard.lost
        assert publisher.again >= 100 and publisher.reconnects == 1
        client = server_of.client()
        for stream in streams:
            assert [entry for entry, _ in client.xrange(stream)] == [b"%d-0" % n for n in range(1, 156)]
        # What was told again is pending again, until it is acknowledged; the lag is true.
        (group,) = client.xinfo_groups("a")
        assert (group["pending"], group["lag"], group["entries-read"]) == (95, 0, 155)


async def test_another_owners_entries_end_a_publisher(server: Server) -> None:
    first = Publisher(server.address, ("a",))
    task = asyncio.create_task(first.run())
    await first.opened()
    written(first, ("a",), 3)
    await first.drained()
    server.client().xadd("a", {"d": _encode(Note(3, "another's"))}, id="1000-0")
    written(first, ("a",), 1)
    with pytest.raises(FencedError, match="entry 1000 of another worker"):
        await task
    with pytest.raises(FencedError):
        written(first, ("a",), 1)


async def test_what_the_server_does_not_take_waits_and_is_told(server: Server) -> None:
    client = server.client()
    publisher = Publisher(server.address, ("a",))
    async with running(publisher):
        written(publisher, ("a",), 2)
        await publisher.drained()
        client.config_set("maxmemory", 1)
        written(publisher, ("a",), 2)
        await until(lambda: "OOM" in publisher.trouble)
        assert publisher.down_since_s is not None
        client.config_set("maxmemory", 0)
        await publisher.drained()
        assert client.xlen("a") == 4 and not publisher.trouble


async def test_who_reads_writes_where_the_memory_is_full(server: Server) -> None:
    client = server.client()
    publisher = Publisher(server.address, ("a",), when_full=True)
    async with running(publisher):
        client.config_set("maxmemory", 1)
        try:
            written(publisher, ("a",), 2)
            await asyncio.wait_for(publisher.drained(), 10.0)
        finally:
            client.config_set("maxmemory", 0)
        assert client.xlen("a") == 2 and not publisher.trouble


async def test_what_is_no_stream_is_told(server: Server) -> None:
    server.client().set("a", "no stream")
    publisher = Publisher(server.address, ("a",))
    task = asyncio.create_task(publisher.run())
    await until(lambda: "WRONGTYPE" in publisher.trouble)
    publisher.close()
    await task


async def test_a_reader_that_takes_over_begins_where_the_last_acknowledged(server: Server) -> None:
    heard, next_heard = Heard(), Heard()
    publisher = Publisher(server.address, ("a",))
    dead = Reader(server.address, "group", "dead", sources(("a",)), heard.entries, heard.loss)
    task = asyncio.create_task(dead.run())
    await dead.opened()
    async with running(publisher):
        written(publisher, ("a",), 100)
        await until(lambda: len(heard.numbers.get("a", ())) == 100)
        dead.ack("a", 40)
        client = server.client()
        await until(lambda: client.xinfo_groups("a")[0]["pending"] == 60)
        # It still waits in the server when another takes over, and gets nothing of what comes.
        dead._closing = True  # its process hangs: it will not come back of itself
        heir = Reader(
            server.address, "group", "heir", sources(("a",), 40), next_heard.entries, next_heard.loss
        )
        async with running(heir):
            written(publisher, ("a",), 100)
            await until(lambda: len(next_heard.numbers.get("a", ())) == 160)
            assert next_heard.numbers["a"] == list(range(41, 201)) and not next_heard.lost
            assert heard.numbers["a"] == list(range(1, 101))
            (group,) = client.xinfo_groups("a")
            assert (group["pending"], group["lag"], group["consumers"]) == (160, 0, 1)
    await task


async def test_a_hole_is_told_after_looking_twice(server: Server) -> None:
    heard = Heard()
    publisher = Publisher(server.address, ("a",))
    reader = Reader(server.address, "group", "me", sources(("a",)), heard.entries, heard.loss)
    async with running(publisher, reader):
        written(publisher, ("a",), 3)
        await publisher.drained()
        publisher.put([("a", 10, _encode(Note(9, "six were never written")))])
        written(publisher, ("a",), 2)
        await until(lambda: len(heard.numbers.get("a", ())) == 6)
        assert heard.numbers["a"] == [1, 2, 3, 10, 11, 12]
        assert [(lost.after, lost.previous, lost.number) for lost in heard.lost] == [(3, 9, 10)]
        assert reader.reconnects >= 1
