"""The model registry read for whoever asks, beside the loop and by one thread at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

from engine.errors import ModelError

MOST_WAITING = 8
"""Different questions at once."""

_T = TypeVar("_T")


class RegistryLooks:
    """A registry that another process holds keeps a thread waiting for seconds, and the loop's threads are
    few: however many ask, one of them is taken."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Task[Any]] = {}
        """Not begun yet, by question."""
        self._one = asyncio.Lock()

    async def ask(self, question: str, look: Callable[[], _T]) -> _T:
        """What ``look`` finds. Who asks the same before it has begun shares the answer, so nobody gets one
        that is older than the question. Raises what ``look`` raises, ModelError where too many ask."""
        task = self._waiting.get(question)
        if task is None:
            if len(self._waiting) >= MOST_WAITING:
                raise ModelError("the model registry is busy, and too many ask: try again in a moment")
            task = asyncio.get_running_loop().create_task(self._look(question, look))
            task.add_done_callback(_heard)
            self._waiting[question] = task
        return cast(_T, await asyncio.shield(task))

    async def _look(self, question: str, look: Callable[[], _T]) -> _T:
        try:
            await self._one.acquire()
        finally:
            del self._waiting[question]
        try:
            return await asyncio.to_thread(look)
        finally:
            self._one.release()


def _heard(task: asyncio.Task[Any]) -> None:
    """All who asked may have gone by then."""
    if not task.cancelled():
        task.exception()
