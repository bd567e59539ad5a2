"""Doing work: notifications and webhooks, in the engine's process or in a worker's."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping

from engine.automation.notification import Notifier
from engine.automation.webhook import FIRST_PAUSE_S, WebhookCaller
from engine.automation.work import Call, Outcome, Outside, Tell, Work
from engine.errors import AutomationError
from engine.text import clean

AGAIN = " (sent again: the first one was cut off, and may have arrived)"

StepDone = Callable[[int, str], Awaitable[None]]
"""So many steps are done, and what came of the newest."""


async def _nobody(done: int, text: str) -> None:
    pass


class OutsideSteps:
    """Owns the connections and threads."""

    def __init__(self, environ: Mapping[str, str] = os.environ, *, pause_s: float = FIRST_PAUSE_S) -> None:
        """``pause_s``: before the second attempt of a webhook."""
        self._webhooks = WebhookCaller(environ, pause_s=pause_s)
        self._notifier = Notifier(environ)

    async def close(self) -> None:
        self._notifier.close()
        await self._webhooks.close()

    async def do(
        self,
        work: Work,
        worker: str,
        *,
        attempt: int = 1,
        texts: tuple[str, ...] = (),
        cut_off: bool = False,
        step_done: StepDone = _nobody,
    ) -> Outcome:
        """Do the steps in order, up to the first that fails, from the one after ``texts`` on.

        ``texts``: what came of those that an earlier attempt did; ``cut_off``: it may have been at the next.
        """
        told, error = list(texts), ""
        for step in work.steps[len(texts) :]:
            key, again = f"{work.run_id}-{work.first + len(told) + 1}", cut_off and len(told) == len(texts)
            try:
                told.append(clean(await self._do(step, key, again), 200))
            except AutomationError as failure:
                error = clean(failure, 200)
                break
            await step_done(len(told), told[-1])
        return Outcome(
            run_id=work.run_id,
            first=work.first,
            done=len(told),
            texts=tuple(told),
            error=error,
            worker=worker,
            attempt=attempt,
            last=work.last,
        )

    async def _do(self, step: Outside, key: str, again: bool) -> str:
        match step:
            case Call():
                return await self._webhooks.call(step.step, key, step.body.encode())
            case Tell():
                text = step.text + AGAIN if again else step.text
                return await self._notifier.send(step.urls, step.title, text, step.level)
