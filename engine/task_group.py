"""Tasks that end together, and that end when they are told to."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType

log = logging.getLogger("engine.tasks")


class TaskGroup(asyncio.TaskGroup):
    """As asyncio's, but who was canceled is: there, an error in the group at that moment takes the place of
    the cancellation, which is lost where the error is caught and the work begun anew.

    Python 3.13 mends this, too: https://github.com/python/cpython/issues/94398 and 116720.
    """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                raise
            log.warning("failed while it was being ended", exc_info=group)
            raise asyncio.CancelledError from group
