"""A process as a service: what its manager (systemd, or `tickdesk up`) is told, and when nothing any more.

A loop that is held up does not come to tell; a writer that hangs is noticed here. In both cases the manager
hears nothing, ends the process and starts another, which takes up what is durable.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping

from engine.ops.notify_socket import open_socket
from engine.ops.watchdog import Watchdog

log = logging.getLogger("engine.service")

SHARE = 4
"""So many times within the manager's period it is told that the process lives."""
_MOST_S = 2.0


class ServiceManager:
    """Silent where no manager listens."""

    def __init__(
        self,
        *,
        beats: Mapping[str, Callable[[], int]],
        status: Callable[[], str],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """``beats``: by what must get on, a counter of its progress. ``status()``: one line."""
        self._beats = dict(beats)
        self._status = status
        self._said = ""
        self._socket, self._period_s = open_socket(environ)
        self._watchdog = Watchdog(**{name: beats() for name, beats in self._beats.items()})
        self._warned = False

    def ready(self) -> None:
        """It is there to work; from now on the manager waits for ``run`` to tell that it lives."""
        if self._socket is not None:
            self._said = self._status()
            self._socket.ready(self._said)

    def stopping(self) -> None:
        if self._socket is not None:
            self._socket.stopping("stopping")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    async def run(self) -> None:
        """Tell, until canceled."""
        while self._socket is not None:
            await asyncio.sleep(min(self._period_s / SHARE, _MOST_S) if self._period_s else _MOST_S)
            self.look()

    def look(self) -> None:
        """Tell what there is to be told now."""
        if self._socket is None:
            return
        status = self._status()
        if status != self._said and self._socket.status(status):
            self._said = status
        if not self._period_s:
            return
        if self._watchdog.moved({name: beats() for name, beats in self._beats.items()}):
            self._socket.alive()
            self._warned = False
        elif not self._warned:
            self._warned = True
            log.warning("no progress of the %s: the service manager is not told", self._watchdog.stuck[0])
