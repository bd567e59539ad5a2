"""Who does work: the port, and the one that does it in this process."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Protocol

from engine.automation.outside import OutsideSteps
from engine.automation.webhook import FIRST_PAUSE_S
from engine.automation.work import Outcome, Work

IN_PROCESS = "in process"
WAITING = "waiting"
"""In place of a worker's name: none has begun it."""

Placed = Callable[[str, int], None]
"""Who does it now, and in which attempt."""


class Executor(Protocol):
    """Does work once, wherever that is. It neither blocks the loop nor waits without a bound."""

    limit_s: float
    """Work that may take longer than this is given in parts."""

    async def do(self, work: Work, placed: Placed) -> Outcome:
        """How far it came; what could not be done is the outcome's error."""
        ...

    def start(self) -> None:
        """From now on work is given."""
        ...

    async def close(self) -> None:
        """No work is given any more; what nobody has begun is not begun."""
        ...


class InProcess:
    """Does it here and now."""

    limit_s = math.inf

    def __init__(self, environ: Mapping[str, str] = os.environ, *, pause_s: float = FIRST_PAUSE_S) -> None:
        """``pause_s``: before the second attempt of a webhook."""
        self._steps = OutsideSteps(environ, pause_s=pause_s)

    def start(self) -> None:
        pass

    async def do(self, work: Work, placed: Placed) -> Outcome:
        placed(IN_PROCESS, 1)
        return await self._steps.do(work, IN_PROCESS)

    async def close(self) -> None:
        await self._steps.close()
