"""A Celery worker that does work of automations: calls and notifications, and nothing on the desk.

It asks the board before it does anything, and tells it of every step that is done: work that is delivered
twice is done once, and what a dead worker had done is not done again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from engine.automation.outside import OutsideSteps
from engine.automation.work import Begun, Outcome, Work, decode_work, pause_s
from engine.config.jobs import JobsConfig
from engine.errors import AutomationError
from engine.text import clean
from engine.wiring.end_tasks import end_tasks
from engine.wiring.job_board import JobBoard, Standing, failures
from engine.wiring.job_queue import TASK, application

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger("engine.jobs")

ASKED_S = 30.0
"""So long a worker asks a board that does not answer, before it gives the message back."""
_T = TypeVar("_T")


class NotOursError(Exception):
    """Somebody else does it now."""


class BusyError(Exception):
    """Somebody else is at it for ``left_s`` more seconds, or is dead then."""

    def __init__(self, left_s: float) -> None:
        super().__init__(f"at work elsewhere for {left_s:.1f} s")
        self.left_s = left_s


def worker_app(config: JobsConfig, environ: Mapping[str, str] = os.environ) -> Celery:
    """The application with its one task. Raises ConfigError without the libraries."""
    app = application(config)

    def job(self: Any, message: Any) -> None:
        try:
            asyncio.run(done(config, message, self.request.hostname or "worker", environ))
        except BusyError as busy:
            # Delivered while its worker lives, or seems to.
            raise self.retry(countdown=busy.left_s + random.uniform(0.1, 1.0), max_retries=None) from None
        except failures() as error:
            log.warning("the board does not answer: %s", clean(error, 120))
            raise self.retry(
                countdown=pause_s(self.request.retries + 1, 1.0, 60.0), max_retries=10, exc=error
            ) from None

    app.task(job, name=TASK, bind=True)
    return app


async def done(config: JobsConfig, message: Any, worker: str, environ: Mapping[str, str]) -> None:
    """Do the work of a message, if it is to be done by us.

    Raises BusyError, and ``failures()`` when the board cannot be asked for long.
    """
    try:
        work = decode_work(message if isinstance(message, str) else "")
    except AutomationError as error:
        log.error("a message is left out: %s", error)
        return
    async with JobBoard(config) as board:
        await _Turn(config, board, work, worker, environ).take()


class _Turn:
    """One delivery of one piece of work."""

    def __init__(
        self, config: JobsConfig, board: JobBoard, work: Work, worker: str, environ: Mapping[str, str]
    ) -> None:
        self._config = config
        self._board = board
        self._work = work
        self._worker = worker
        self._environ = environ
        self._owner = uuid.uuid4().hex

    async def take(self) -> None:
        work = self._work
        standing = await self._asked(lambda: self._board.claim(work, self._owner))
        match standing.verdict:
            case "busy":
                raise BusyError(standing.left_s)
            case "late":
                outcome = self._failed(standing, "too late: no worker was free before the deadline")
            case "spent":
                outcome = self._failed(
                    standing, f"cut off in {standing.attempt} attempts: it may have been done"
                )
            case "yours":
                await self._asked(lambda: self._board.began(work, self._begun(standing)))
                outcome = await self._do(standing)
            case _:
                log.info("%s: %s already, left alone", work.id, standing.verdict)
                return
        if not await self._asked(lambda: self._board.finish(work, self._owner, outcome)):
            log.warning("%s: taken over while we were not heard of", work.id)

    def _begun(self, standing: Standing) -> Begun:
        return Begun(self._work.run_id, self._work.first, self._worker, standing.attempt)

    async def _do(self, standing: Standing) -> Outcome:
        steps = OutsideSteps(self._environ)
        beating = asyncio.create_task(self._beat())
        kept = list(standing.texts)

        async def step_done(count: int, text: str) -> None:
            kept.append(text)
            if not await self._asked(lambda: self._board.renew(self._work, self._owner, tuple(kept))):
                raise NotOursError

        try:
            async with asyncio.timeout(self._config.time_limit_s):
                return await steps.do(
                    self._work,
                    self._worker,
                    attempt=standing.attempt,
                    texts=standing.texts,
                    cut_off=standing.attempt > 1,
                    step_done=step_done,
                )
        except TimeoutError:
            told = f"not done within {self._config.time_limit_s:g} s: it may have been done"
        except NotOursError:
            told = "taken over by another worker"
        except failures():
            raise  # nobody can be told; what is done is known once the board is asked again
        except Exception as error:
            log.exception("%s", self._work.id)
            told = f"internal error ({type(error).__name__}): see the worker's log"
        finally:
            await end_tasks([beating])
            await steps.close()
        return self._failed(standing._replace(texts=tuple(kept)), told)

    async def _beat(self) -> None:
        """Be heard of. What is at work goes on without: a broker that is away lets nobody else begin it."""
        while True:
            await asyncio.sleep(self._config.lease_s / 3)
            try:
                if not await self._board.renew(self._work, self._owner):
                    return
            except failures() as error:
                log.warning("%s: the board does not answer: %s", self._work.id, clean(error, 120))

    def _failed(self, standing: Standing, error: str) -> Outcome:
        return Outcome(
            run_id=self._work.run_id,
            first=self._work.first,
            done=len(standing.texts),
            texts=standing.texts,
            error=error,
            worker=self._worker,
            attempt=standing.attempt,
            last=self._work.last,
        )

    async def _asked(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """The board's answer, asked for again and again, with pauses that grow, up to ``ASKED_S``."""
        attempt, waited_s = 1, 0.0
        while True:
            try:
                return await ask()
            except failures():
                left_s = pause_s(attempt)
                if waited_s + left_s > ASKED_S:
                    raise
                await asyncio.sleep(left_s)
                attempt, waited_s = attempt + 1, waited_s + left_s


def work_forever(
    config: JobsConfig, *, concurrency: int, name: str, level: str, environ: Mapping[str, str] = os.environ
) -> None:
    """Run a worker in this process until it is told to end: SIGTERM lets it end what it does."""
    app = worker_app(config, environ)
    app.worker_main(
        [
            *("worker", "--concurrency", str(concurrency), "--loglevel", level, "--hostname", name),
            *("--pool", "prefork", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
    )
