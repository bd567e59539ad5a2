"""The desk's loop and the processor that it has for itself, from its start to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from engine import processor

log = logging.getLogger("engine")

SPREAD_S = 1.0
"""So long a new thread may stay where the loop is."""


class OwnProcessor:
    """Called where the loop begins, and on its thread."""

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._spawn = spawn
        self._own: processor.Own | None = None

    def __call__(self) -> None:
        try:
            self._own = own = processor.take()
        except OSError as error:
            log.info("the desk shares its processor: the system refuses one of its own (%s)", error.strerror)
            return
        if own is None:
            log.info("the desk shares its processor: there is none to spare")
            return
        others = ", ".join(map(str, sorted(own.others)))
        log.info("the desk has processor %d for itself; all else of it runs on %s", own.number, others)
        self._spawn(self._spread(own))

    def end(self) -> None:
        if self._own is not None:
            self._own.give_back()

    async def _spread(self, own: processor.Own) -> None:
        while True:
            own.spread()
            await asyncio.sleep(SPREAD_S)
