"""Turns that come no faster than a venue allows."""

from __future__ import annotations

import asyncio


class Pace:
    """At least ``gap_s`` between two turns, in the order in which they were asked for."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._next_s = 0.0
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        async with self._queue:
            loop = asyncio.get_running_loop()
            while (wait_s := self._next_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)
            self._next_s = loop.time() + self._gap_s

    def pause(self, wait_s: float) -> None:
        """No turn for so long from now on."""
        self._next_s = max(self._next_s, asyncio.get_running_loop().time() + wait_s)
