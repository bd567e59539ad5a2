"""A connection that several publishers of one loop share.

Each has its own streams, fence and fate; what they write in one turn of the loop goes out at once, and the
server takes and answers it at once: a call of one entry each costs a third of what it does by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.bus.address import Address
from engine.bus.wire import Wire, open_wire

OnLost = Callable[[Exception], None]


class Line:
    """Connected while somebody has joined."""

    def __init__(self, address: Address, name: str = "tickdesk", *, gather: bool = True) -> None:
        """``gather``: wait for the end of the loop's turn with what is written; for one alone there is
        nothing to wait for."""
        self.address = address
        self._name = name
        self._gather = gather
        self._wire: Wire | None = None
        self._members: list[OnLost] = []
        self._connecting = asyncio.Lock()

    async def join(self, lost: OnLost) -> Wire:
        """The wire. ``lost`` is told of its end once, unless it has left. Raises AwayError, ConfigError."""
        async with self._connecting:
            if self._wire is None or not self._wire.is_open:
                self._wire = await open_wire(self.address, self._lost, self._name)
                self._wire.gathers = self._gather
            wire = self._wire
            self._members.append(lost)
        return wire

    def leave(self, lost: OnLost) -> None:
        """The last one closes it."""
        if lost in self._members:
            self._members.remove(lost)
        if not self._members and self._wire is not None:
            wire, self._wire = self._wire, None
            wire.end()

    def _lost(self, fault: Exception) -> None:
        members, self._members, self._wire = self._members, [], None
        for lost in members:
            lost(fault)
