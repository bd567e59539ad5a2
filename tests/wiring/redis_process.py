"""A real redis-server in a folder, which can go away and come back."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest

START_S = 30.0


class RedisProcess:
    """On a socket in its folder; a context manager.

    ``fsync``: as of ``appendfsync``; "": it keeps nothing on disk, and when it comes back it is empty.
    ``listens``: on a free port, too.
    """

    def __init__(self, folder: Path, fsync: str = "", *, listens: bool = False) -> None:
        found = shutil.which("redis-server")
        if found is None:
            pytest.skip("redis-server is not installed")
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.port = _free_port() if listens else 0
        self.url = f"redis://127.0.0.1:{self.port}/0" if listens else f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [
            *(found, "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket)),
            *("--dir", str(folder), "--daemonize", "no", "--save", ""),
            *(("--appendonly", "yes", "--appendfsync", fsync) if fsync else ("--appendonly", "no")),
        ]

    @property
    def runs(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *options: str) -> None:
        """Answers when it does."""
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [*self._command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.wait()

    def wait(self) -> None:
        """Until it answers."""
        errors = pytest.importorskip("redis").RedisError
        assert self._process is not None
        deadline = time.monotonic() + START_S
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except (errors, OSError) as error:
                    assert time.monotonic() < deadline and self._process.poll() is None, error
                time.sleep(0.01)

    def kill(self) -> None:
        """As a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def client(self):  # type: ignore[no-untyped-def]
        redis = pytest.importorskip("redis")
        return redis.Redis(port=self.port) if self.port else redis.Redis(unix_socket_path=str(self.socket))

    def __enter__(self) -> RedisProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
