"""The live engine's tasks: what a bug in one of them costs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from engine.errors import TickdeskError
from engine.logs import redact
from engine.text import clean

log = logging.getLogger("engine")


class Tasks:
    """Runs work beside the loop's callbacks, and holds on to it: the loop itself forgets its tasks."""

    def __init__(
        self, *, alert: Callable[[str, str, str], None], crashed: Callable[[Exception], None]
    ) -> None:
        """``alert(level, source, text)`` tells the person at the desk; ``crashed`` takes a bug in vital
        work."""
        self._alert = alert
        self._crashed = crashed
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], *, vital: bool = True) -> asyncio.Task[None]:
        """``vital``: with a bug in it the engine ends; what is not costs only what it does."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended if vital else self._lapsed)
        return task

    async def cancel(self) -> None:
        """End all, and wait for it."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _lapsed(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("%s ended", task.get_coro(), exc_info=error)
            # It may be a library's, and quote an address with the key in it: no client is to see that.
            text = redact(f"{type(error).__name__}: {error}: see engine.log")
            self._alert("error", "engine", clean(text, 160))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, TickdeskError):
            self._alert("error", "engine", str(error))
        elif isinstance(error, Exception):
            log.error("the engine ends", exc_info=error)
            self._crashed(error)
