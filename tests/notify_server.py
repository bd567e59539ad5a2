"""A service manager's end of the notify socket: a real datagram socket, by path or by abstract name."""

from __future__ import annotations

import secrets
import select
import socket
import time
from pathlib import Path
from types import TracebackType


class NotifyServer:
    """``address`` is for NOTIFY_SOCKET. Without a folder its name is abstract."""

    def __init__(self, folder: Path | None = None) -> None:
        self.address = f"@tickdesk-{secrets.token_hex(8)}" if folder is None else str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:] if folder is None else self.address)
        self.said: list[list[str]] = []
        """The lines of each datagram."""

    def read(self, wait_s: float = 0.0) -> None:
        """Take what has come, and wait so long for the first of it."""
        while select.select([self._socket], [], [], wait_s)[0]:
            self.said.append(self._socket.recv(4096).decode().split("\n"))
            wait_s = 0.0

    def count(self, line: str) -> int:
        self.read()
        return sum(line in lines for lines in self.said)

    def wait_for(self, line: str, more: int = 1, within_s: float = 30.0) -> None:
        """Until ``line`` came ``more`` times more."""
        wanted, deadline = self.count(line) + more, time.monotonic() + within_s
        while self.count(line) < wanted:
            left = deadline - time.monotonic()
            assert left > 0, f"{line} never came: {self.said}"
            self.read(left)

    def __enter__(self) -> NotifyServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
