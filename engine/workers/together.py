"""Several works at once: all are ended, for sure, as soon as one fails or whoever waits is cancelled.

As ``asyncio.TaskGroup``, which waits for ever for a task that loses its cancellation: see ``end_tasks``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from engine.wiring.end_tasks import end_tasks


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Until all have ended. Raises what the first one raises."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        ending = asyncio.create_task(end_tasks(tasks))
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                continue  # asked twice: they end already
    for task in tasks:
        if not task.cancelled() and (fault := task.exception()) is not None:
            raise fault
