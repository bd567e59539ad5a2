"""A real redis-server that keeps an append-only file, and can be killed and started again."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.bus.address import Address, address_of

redis = pytest.importorskip("redis")

START_S = 20.0


class Server:
    """On a free port and on a socket in its folder; ``fsync`` as of ``appendfsync``."""

    def __init__(self, folder: Path, fsync: str = "everysec") -> None:
        found = shutil.which("redis-server")
        if found is None:
            pytest.skip("redis-server is not installed")
        self._command = found
        self._folder = folder
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.socket = folder / "redis.sock"
        self.url = f"redis://127.0.0.1:{self.port}/0"

    @property
    def address(self) -> Address:
        return address_of(self.url)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *options: str) -> None:
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                *(self._command, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                *("--unixsocket", str(self.socket), "--dir", str(self._folder), "--daemonize", "no"),
                *("--appendonly", "yes", "--appendfsync", self._fsync, *options),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.wait()

    def wait(self) -> None:
        """Until it answers."""
        assert self._process is not None
        deadline = time.monotonic() + START_S
        with contextlib.closing(self.client()) as client:
            while True:
                try:
                    client.ping()
                    return
                except (redis.RedisError, OSError) as error:
                    assert time.monotonic() < deadline and self._process.poll() is None, error
                time.sleep(0.01)

    def kill(self) -> None:
        """As a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def forget(self, kept_bytes: int) -> None:
        """The machine died, too: but the first ``kept_bytes`` of what was appended never reached the disk."""
        (grown,) = self._folder.glob("appendonlydir/*.incr.aof")
        with grown.open("r+b") as file:
            file.truncate(kept_bytes)

    @property
    def appended(self) -> int:
        """Bytes in the append-only file."""
        (grown,) = self._folder.glob("appendonlydir/*.incr.aof")
        return grown.stat().st_size

    def client(self):  # type: ignore[no-untyped-def]
        return redis.Redis(port=self.port)


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
    if _server._process is None:
        _server.start()


@pytest.fixture
def server_of(tmp_path: Path) -> Iterator[Server]:
    """One of the test's own, which is not started yet."""
    server = Server(tmp_path)
    yield server
    server.kill()
