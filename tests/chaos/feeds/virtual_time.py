"""An event loop whose time jumps to the next timer whenever nothing is left to do.

Sockets are real: what is written on loopback is there to be read at once, so a wait for a peer in the same
loop costs no virtual time, and a minute of back-off costs no real one.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Mapping
from typing import Any

START_S = 1_000.0
_IDLE_S = 0.002
_ARRIVAL_S = 2e-5
"""Real time for the kernel of a busy machine to pass on what was written."""
_STEP_S = 1e-6


class _Selector(selectors.BaseSelector):
    def __init__(self) -> None:
        self.real = selectors.DefaultSelector()
        self.now_s = START_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += _STEP_S  # so that who waits for a moment that is all but there gets to it
        ready = self.real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return self.real.select(_IDLE_S)
        time.sleep(_ARRIVAL_S)
        ready = self.real.select(0)
        if ready:
            return ready
        self.now_s += max(timeout, 0.0)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self.real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self.real.get_map()

    def close(self) -> None:
        self.real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s
