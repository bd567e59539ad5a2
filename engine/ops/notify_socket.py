"""The service manager's socket, and what is said over it: READY, STATUS, STOPPING, WATCHDOG.

Protocol: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from engine.text import clean

log = logging.getLogger("engine.service")

SOCKET, PERIOD, OF_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"
_STATUS = 200
"""Characters of a status line."""


class NotifySocket:
    """Datagrams to whoever started the process; never waits, and never raises: nobody may listen any more."""

    def __init__(self, address: str) -> None:
        """``address``: a path, or ``@`` and an abstract name. Raises ValueError for what is neither."""
        if address[:1] not in ("/", "@") or len(address) < 2:
            raise ValueError(f"{SOCKET} {clean(address, 60)!r} is neither a path nor an abstract name")
        self._address = "\0" + address[1:] if address[0] == "@" else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0))
        self._socket.setblocking(False)
        self._failed = False

    def say(self, *lines: str) -> bool:
        """Whether it was taken. A failure is logged once, until one is taken again."""
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._failed:
                log.warning("the service manager takes no notice: %s", error)
            self._failed = True
            return False
        self._failed = False
        return True

    def ready(self, status: str) -> bool:
        return self.say(READY, _line(status), f"MAINPID={os.getpid()}")

    def status(self, text: str) -> bool:
        return self.say(_line(text))

    def alive(self) -> bool:
        return self.say(ALIVE)

    def stopping(self, status: str) -> bool:
        return self.say(STOPPING, _line(status))

    def close(self) -> None:
        self._socket.close()


def _line(status: str) -> str:
    return f"STATUS={clean(status, _STATUS)}"


def open_socket(environ: Mapping[str, str]) -> tuple[NotifySocket | None, float]:
    """The manager's socket, None without one, and the seconds within which it wants to hear of us, 0 when it
    does not."""
    address, period, pid = (environ.get(name, "") for name in (SOCKET, PERIOD, OF_PID))
    if not address:
        return None, 0.0
    try:
        found = NotifySocket(address)
    except ValueError as error:
        log.warning("%s: the service manager is not told", error)
        return None, 0.0
    ours = not pid or pid == str(os.getpid())
    return found, int(period) / 1e6 if ours and period.isascii() and period.isdecimal() else 0.0
