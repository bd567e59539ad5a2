"""A real redis-server on a socket in a folder, which can go away and come back."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest

START_S = 20.0


class RedisProcess:
    """Use as a context manager. It keeps nothing on disk: when it comes back it is empty."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("redis-server")
        if found is None:
            pytest.skip("redis-server is not installed")
        self._command = found
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                *(self._command, "--port", "0", "--unixsocket", str(self.socket), "--save", ""),
                *("--appendonly", "no", "--dir", str(self._folder), "--daemonize", "no"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = self.client()
        deadline = time.monotonic() + START_S
        while True:
            try:
                client.ping()
                break
            except OSError:
                assert time.monotonic() < deadline and self._process.poll() is None
            except Exception as error:  # the library's own, while it is not there
                assert time.monotonic() < deadline, error
            time.sleep(0.01)
        client.close()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def client(self):  # type: ignore[no-untyped-def]
        return pytest.importorskip("redis").Redis(unix_socket_path=str(self.socket))

    def __enter__(self) -> RedisProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
