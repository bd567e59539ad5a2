"""Ending tasks that talk to Redis: one cancellation may not be enough."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.25


async def end_tasks(tasks: Iterable[asyncio.Task[Any]], again_s: float = AGAIN_S) -> None:
    """Cancel them, and again as long as one goes on; what they raise is left with them.

    Before Python 3.12 a cancellation that meets a timeout of 0 s is lost (redis.asyncio looks with one
    whether a connection is free). For tasks that need no time to end.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again_s)
