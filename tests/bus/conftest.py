"""A real redis-server that keeps an append-only file, and can be killed and started again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.bus.address import Address, address_of
from tests.wiring.redis_process import RedisProcess

pytest.importorskip("redis")


class Server(RedisProcess):
    def __init__(self, folder: Path, fsync: str = "everysec") -> None:
        super().__init__(folder, fsync, listens=True)

    @property
    def address(self) -> Address:
        return address_of(self.url)

    def forget(self, kept_bytes: int) -> None:
        """The machine died, too: but the first ``kept_bytes`` of what was appended never reached the disk."""
        with self._appended().open("r+b") as file:
            file.truncate(kept_bytes)

    @property
    def appended(self) -> int:
        """Bytes in the append-only file, once all is there that was answered: while the disk is slow, writing
        waits for it for a while."""
        client, deadline = self.client(), time.monotonic() + 10.0
        try:
            while (told := client.info("persistence"))["aof_buffer_length"] or told["aof_pending_bio_fsync"]:
                assert time.monotonic() < deadline, told
                time.sleep(0.01)
        finally:
            client.close()
        return self._appended().stat().st_size

    def _appended(self) -> Path:
        (grown,) = self.folder.glob("appendonlydir/*.incr.aof")
        return grown


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(_server: Server) -> Iterator[Server]:
    """One for all tests, empty, and running after the test as before."""
    with contextlib.closing(_server.client()) as client:
        client.flushall()
    yield _server
    if not _server.runs:
        _server.start()


@pytest.fixture
def server_of(tmp_path: Path) -> Iterator[Server]:
    """One of the test's own, which is not started yet."""
    server = Server(tmp_path)
    yield server
    server.kill()
