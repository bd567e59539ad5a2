"""What is connected to the server for as long as it runs: it comes back whenever the connection goes."""

from __future__ import annotations

import asyncio
import logging
import time

from engine.bus.wire import Wire
from engine.bus.writing import PAUSE_S
from engine.errors import BusError, FencedError

log = logging.getLogger("engine.bus")

LOOK_S = 0.5


class Connection:
    """Of asyncio. ``run`` connects until ``close``; what is done with a connection is the subclass's."""

    def __init__(self) -> None:
        self._wire: Wire | None = None
        self._fault: Exception | None = None
        """Ends ``run``."""
        self._closing = False
        self._gone = asyncio.Event()
        self._opened = asyncio.Event()
        self.trouble = ""
        """Why nothing is written or read now; "": it is."""
        self.down_since_s: float | None = time.monotonic()
        """When the server was heard of last, or first asked since, monotonic seconds; None: connected."""
        self.reconnects = -1

    async def opened(self) -> None:
        """Wait until it is connected for the first time. (``run`` must be running; its error is the one that
        tells.)"""
        await self._opened.wait()

    def close(self) -> None:
        """``run`` returns. What was not answered by then may be missing."""
        self._closing = True
        self._gone.set()

    async def run(self) -> None:
        """Until ``close``. Raises FencedError, ConfigError, and what callbacks raise."""
        try:
            while not self._closing:
                await self._connected()
        except Exception as error:
            self._fault = error
            raise
        finally:
            self._hang_up()

    # --- of the subclass ---

    async def _open(self) -> Wire:
        """Connect, and have the server ready. Raises BusError."""
        raise NotImplementedError

    def _begin(self) -> None:
        """It is connected."""
        raise NotImplementedError

    def _look(self, wire: Wire) -> None:
        """Every ``LOOK_S`` while it is."""
        raise NotImplementedError

    def _hang_up(self) -> None:
        """Whether or not it is."""
        raise NotImplementedError

    # --- inside ---

    async def _connected(self) -> None:
        self._gone.clear()
        try:
            wire = await self._open()
        except FencedError:
            raise
        except BusError as error:
            self._down(str(error), time.monotonic())
            await self._pause()
            return
        self._wire, self.trouble, self.down_since_s = wire, "", None
        self.reconnects += 1
        self._opened.set()
        self._begin()
        while not self._gone.is_set() and not self._closing:
            self._look(wire)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._gone.wait()
            except TimeoutError:
                pass
        self._hang_up()
        if self._fault is not None:
            raise self._fault
        if self.trouble:
            await self._pause()

    async def _pause(self) -> None:
        if not self._closing:
            await asyncio.sleep(PAUSE_S)

    def _lost(self, fault: Exception) -> None:
        """The connection, or what it is good for."""
        wire = self._wire
        since_s = time.monotonic() if wire is None or wire.is_open else wire.heard_s
        self._hang_up()
        if isinstance(fault, FencedError) or not isinstance(fault, BusError):
            self._fault = fault
        self._down(str(fault), since_s)
        self._gone.set()

    def _down(self, why: str, since_s: float) -> None:
        if self.down_since_s is None:
            self.down_since_s = since_s
        if why != self.trouble:
            log.warning("%s", why)
        self.trouble = why
