"""The ways of tapes and batches: without asyncio, through the same losses."""

from __future__ import annotations

import threading

import pytest

from engine.bus.blocking_reader import BlockingReader
from engine.bus.cursor import Lost
from engine.bus.wire import AwayError, BlockingWire
from engine.errors import BusError
from tests.bus.conftest import Server
from tests.bus.test_transport import Note, _encode, sources

STREAMS = ("a", "b")


def put(server: Server, first: int, last: int) -> None:
    client = server.client()
    for number in range(first, last + 1):
        for name in STREAMS:
            client.xadd(name, {"d": _encode(Note(number - 1, ""))}, id=f"{number}-0")


def read(reader: BlockingReader, had: dict[str, list[int]], count: int) -> None:
    while min(len(numbers) for numbers in had.values()) < count:
        for stream, batch in reader.read(0.2):
            had[stream] += [number for number, _ in batch]


def test_a_tape_goes_through_a_server_that_forgets(server_of: Server) -> None:
    server_of.start()
    lost: list[Lost] = []
    had: dict[str, list[int]] = {name: [] for name in STREAMS}
    reader = BlockingReader(server_of.address, "group", "me", sources(STREAMS), lost.append)
    put(server_of, 1, 50)
    read(reader, had, 50)
    reader.ack("a", 30)
    kept = server_of.appended
    put(server_of, 51, 100)
    read(reader, had, 100)
    server_of.kill()
    server_of.forget(kept)
    again = threading.Thread(target=server_of.start)
    again.start()
    again.join()
    put(server_of, 51, 110)  # as its publisher does: what the server forgot, and what is new
    read(reader, had, 110)
    assert had == {name: list(range(1, 111)) for name in STREAMS} and not lost
    reader.ack("a", 110)
    client = server_of.client()
    assert client.xlen("b") == 110
    (group,) = client.xinfo_groups("a")
    assert (group["pending"], group["lag"]) == (0, 0)
    reader.close()


def test_patience_ends(server_of: Server) -> None:
    server_of.start()
    reader = BlockingReader(server_of.address, "g", "me", sources(STREAMS), print, patience_s=0.3)
    server_of.kill()
    with pytest.raises(AwayError, match="cannot be reached"):
        reader.read(0.1)
    with pytest.raises(AwayError, match="cannot be reached"):
        BlockingWire(server_of.address)


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
