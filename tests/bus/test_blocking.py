"""The ways of tapes and batches: without asyncio, through the same losses."""

from __future__ import annotations

import threading

import pytest

from engine.bus.blocking_publisher import BlockingPublisher
from engine.bus.blocking_reader import BlockingReader
from engine.bus.cursor import Lost
from engine.bus.wire import AwayError, BlockingWire
from engine.errors import BusError, FencedError
from tests.bus.conftest import Server
from tests.bus.test_transport import Note, _encode, sources

STREAMS = ("a", "b")


def put(publisher: BlockingPublisher, count: int) -> None:
    for _ in range(count):
        publisher.put(
            [
                (name, publisher.numbers[name] + 1, _encode(Note(publisher.numbers[name], "")))
                for name in STREAMS
            ]
        )


def read(reader: BlockingReader, had: dict[str, list[int]], count: int) -> None:
    while min(len(numbers) for numbers in had.values()) < count:
        for stream, batch in reader.read(0.2):
            had[stream] += [number for number, _ in batch]


def test_a_tape_goes_through_a_server_that_forgets(server_of: Server) -> None:
    server_of.start()
    lost: list[Lost] = []
    had: dict[str, list[int]] = {name: [] for name in STREAMS}
    publisher = BlockingPublisher(server_of.address, STREAMS)
    reader = BlockingReader(server_of.address, "group", "me", sources(STREAMS), lost.append)
    put(publisher, 50)
    publisher.flush()
    read(reader, had, 50)
    reader.ack("a", 30)
    kept = server_of.appended
    put(publisher, 50)
    publisher.flush()
    read(reader, had, 100)
    server_of.kill()
    server_of.forget(kept)
    again = threading.Thread(target=server_of.start)
    again.start()
    put(publisher, 10)
    publisher.flush()
    read(reader, had, 110)
    again.join()
    assert had == {name: list(range(1, 111)) for name in STREAMS} and not lost
    assert publisher.again >= 100
    reader.ack("a", 110)
    client = server_of.client()
    assert client.xlen("b") == 110
    (group,) = client.xinfo_groups("a")
    assert (group["pending"], group["lag"]) == (0, 0)
    client.xadd("a", {"d": b"another's"}, id="1000-0")
    with pytest.raises(FencedError, match="entry 1000 of another"):
        put(publisher, 5)
    reader.close()
    publisher.close()


def test_patience_ends(server_of: Server) -> None:
    server_of.start()
    publisher = BlockingPublisher(server_of.address, STREAMS, patience_s=0.3)
    reader = BlockingReader(server_of.address, "g", "me", sources(STREAMS), print, patience_s=0.3)
    server_of.kill()
    with pytest.raises(AwayError, match="cannot be reached"):
        put(publisher, 3)
    with pytest.raises(AwayError, match="cannot be reached"):
        reader.read(0.1)
    with pytest.raises(AwayError, match="cannot be reached"):
        BlockingWire(server_of.address)


def test_what_the_server_refuses_for_long_is_told(server: Server) -> None:
    server.client().set("a", "no stream")
    with pytest.raises(BusError, match="WRONGTYPE"):
        BlockingPublisher(server.address, STREAMS, patience_s=0.2)


def test_a_full_disk_or_memory_is_waited_out(server: Server) -> None:
    client = server.client()
    publisher = BlockingPublisher(server.address, STREAMS)
    put(publisher, 2)
    publisher.flush()
    client.config_set("maxmemory", 1)
    relief = threading.Timer(0.3, lambda: client.config_set("maxmemory", 0))
    relief.start()
    put(publisher, 2)
    publisher.flush()
    relief.join()
    assert client.xlen("a") == 4
    publisher.close()


def test_passwords_and_databases_of_the_url_are_used(server: Server) -> None:
    from engine.bus.address import address_of

    client = server.client()
    client.execute_command("ACL", "SETUSER", "me", "on", ">word", "~*", "&*", "+@all")
    try:
        wire = BlockingWire(address_of(f"redis://me:word@127.0.0.1:{server.port}/2"))
        (who,) = wire.ask(("ACL", "WHOAMI"))
        wire.ask(("SET", "here", "1"))
        wire.close()
        assert who == b"me" and not client.exists("here")
        with pytest.raises(BusError, match=r"does not let us in.*correct bus.url") as caught:
            BlockingWire(address_of(f"redis://me:wrong@127.0.0.1:{server.port}/2"))
        assert "wrong" not in str(caught.value).replace("username-password", "")
        unix = BlockingWire(address_of(f"unix://{server.socket}"))
        assert unix.ask(("PING",)) == [b"PONG"]
        unix.close()
    finally:
        client.execute_command("ACL", "DELUSER", "me")
