"""Tasks that end together, and that end when they are told to."""

from __future__ import annotations

import asyncio
import logging
import sys
from types import TracebackType

log = logging.getLogger("engine.tasks")


class TaskGroup(asyncio.TaskGroup):
    """As asyncio's, but who was canceled is: there, an error in the group at that moment takes the place of
    the cancellation, which is lost where the error is caught and the work begun anew.

    Python 3.13 mends this, too: https://github.com/python/cpython/issues/94398 and 116720.
    """

    _parent_cancel_requested: bool
    """Of asyncio's: a task failed, and the group itself canceled who has it."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, taken_back = asyncio.current_task(), self._parent_cancel_requested
        try:
            await super().__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            own = self._parent_cancel_requested and not taken_back
            if task is not None and own and sys.version_info < (3, 13):
                task.uncancel()  # asked for while it waited here: it would count for ever
            if task is None or not task.cancelling():
                raise
            log.warning("failed while it was being ended", exc_info=group)
            raise asyncio.CancelledError from group
