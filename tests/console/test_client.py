"""One request to an engine that does not answer as it should: one line that says which."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli.client import ask
from engine.api.address import prepare, socket_path
from engine.api.protocol import Health
from engine.errors import LinkError

CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"


@pytest.fixture
def answers() -> list[bytes]:
    """What the engine says before it is gone."""
    return []


@pytest.fixture
def state_dir(tmp_path: Path, answers: list[bytes]) -> Iterator[Path]:
    loop, where = asyncio.new_event_loop(), tmp_path / "state"
    prepare(where)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"".join(answers))
        writer.close()

    server = loop.run_until_complete(asyncio.start_unix_server(hang_up, str(socket_path(where))))
    socket_path(where).chmod(0o600)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield where
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    server.close()
    loop.close()


@pytest.mark.parametrize(
    ("said", "told"),
    [(b"", "hung up before it answered"), (CUT, "hung up before it answered"), (b"?\r\n", "not understood")],
    ids=["nothing", "half", "rubbish"],
)
def test_an_engine_that_ends_is_no_other_version(
    state_dir: Path, answers: list[bytes], said: bytes, told: str
) -> None:
    answers.append(said)
    with pytest.raises(LinkError, match=told):
        ask(state_dir, "GET", "/v1/health", Health)


def test_an_engine_that_is_killed_before_it_reads_hung_up(tmp_path: Path) -> None:
    where = tmp_path / "state"
    prepare(where)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(socket_path(where)))
        socket_path(where).chmod(0o600)
        server.listen()

        def killed() -> None:
            line, _ = server.accept()
            select.select([line], [], [], 10)
            line.close()

        thread = threading.Thread(target=killed)
        thread.start()
        with pytest.raises(LinkError, match="hung up before it answered"):
            ask(where, "POST", "/v1/flatten", Health)
        thread.join(10)
