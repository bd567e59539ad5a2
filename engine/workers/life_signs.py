"""Whether a child lives, as it says itself: what is stopped, or hangs, does not end, and keeps what it owns.

The child is told what a service manager would tell it, and says what it would say to one
(``engine.ops.notify_socket``).
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from engine.ops.notify_socket import ALIVE, OF_PID, PERIOD, READY, SOCKET, STOPPING

LOOK_S = 1.0
"""How often it is listened."""
_MOST_BYTES = 4096
_MOST_SAID = 1000
"""Datagrams that are taken at a look: nobody holds up who listens."""


class LifeSigns:
    """Of one child after another, all in one place."""

    def __init__(self, path: Path, silent_s: float) -> None:
        """Listens at ``path``, in a directory that is the user's alone. ``silent_s``: so long a child that
        was ready may say nothing. Raises OSError."""
        self._path, self._most = path, max(round(silent_s / LOOK_S), 1)
        self.silent_s = silent_s
        self._waits = self._ends = False
        self._looks = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.chmod(0o700)
            path.unlink(missing_ok=True)
            self._socket.bind(str(path))
            path.chmod(0o600)
        except OSError:
            self._socket.close()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """For the child."""
        return {SOCKET: str(self._path), PERIOD: str(round(self.silent_s * 1e6))}

    def begin(self) -> None:
        """Another child: nothing is waited for until it is ready."""
        self._said()
        self._waits = self._ends = False
        self._looks = 0

    def look(self) -> bool:
        """To be called each ``LOOK_S``; whether the child has said nothing for too long. Looks are counted,
        not time: who slept, or was stopped, has not listened."""
        for line in self._said():
            if line in (READY, ALIVE):
                self._waits, self._looks = True, 0
            elif line == STOPPING:
                self._ends = True  # it has a deadline of its own
        if self._ends or not self._waits:
            return False
        self._looks += 1
        return self._looks > self._most

    def close(self) -> None:
        self._socket.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _said(self) -> list[str]:
        lines: list[str] = []
        with contextlib.suppress(BlockingIOError):
            for _ in range(_MOST_SAID):
                lines += self._socket.recv(_MOST_BYTES).decode(errors="replace").split("\n")
        return lines


def without_manager(environ: dict[str, str]) -> dict[str, str]:
    """``environ`` for a child whose life is not our own manager's matter."""
    return {name: value for name, value in environ.items() if name not in (SOCKET, PERIOD, OF_PID)}
