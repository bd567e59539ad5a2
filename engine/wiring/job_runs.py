"""Runs of automations at work: the desk's steps are done here, the others wherever an executor does them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from engine.api.protocol import JobRow
from engine.automation.dispatcher import Job
from engine.automation.executor import IN_PROCESS, WAITING, Executor
from engine.automation.work import Outcome, Work, fitting
from engine.errors import AutomationError, TickdeskError
from engine.store import automations as stored
from engine.store.automations import AutomationRun, EndedRun
from engine.text import clean
from engine.wiring.automation_steps import Steps
from engine.wiring.end_tasks import end_tasks

MAX_ERROR = 200

log = logging.getLogger("engine.automation")

Ended = Callable[[Job, EndedRun], None]


class _Run:
    """One run, and where it is."""

    __slots__ = ("attempt", "job", "ns", "number", "place", "worker")

    def __init__(self, job: Job, ns: int) -> None:
        self.job = job
        self.ns = ns
        self.number = 0
        self.place = IN_PROCESS
        self.worker = ""
        """The last one that did work of it."""
        self.attempt = 1


class Runs:
    """Owns the tasks of runs. ``ended`` hears how each ended; ``placed``, who does the work of which;
    ``withdrawn`` tells why one must go no further ("": it may)."""

    def __init__(
        self,
        steps: Steps,
        executor: Executor,
        *,
        clock: Callable[[], int],
        engine: str,
        ended: Ended,
        placed: Callable[[Job, str], None],
        withdrawn: Callable[[Job], str],
    ) -> None:
        self._steps = steps
        self._executor = executor
        self._clock = clock
        self._engine = engine
        self._ended = ended
        self._placed = placed
        self._withdrawn = withdrawn
        self._tasks: dict[asyncio.Task[None], _Run] = {}

    def start(self) -> None:
        self._executor.start()

    def begin(self, job: Job, now_ns: int) -> None:
        """It is recorded: do it."""
        run = _Run(job, now_ns)
        task = asyncio.get_running_loop().create_task(self._run(run))
        self._tasks[task] = run
        task.add_done_callback(self._tasks.pop)

    def rows(self) -> Iterator[JobRow]:
        """Of what is at work."""
        for run in self._tasks.values():
            job, steps = run.job, run.job.definition.steps
            yield JobRow(
                run_id=job.run_id,
                automation=job.name,
                signal=job.source,
                symbol=job.symbol,
                state="waiting" if run.place == WAITING else "running",
                place="" if run.place == WAITING else run.place,
                attempt=run.attempt,
                step=f"{run.number + 1}/{len(steps)} {steps[run.number]}",
                started_ns=run.ns,
            )

    async def stop(self) -> None:
        """What is at work is cut short."""
        await end_tasks(list(self._tasks))
        await self._executor.close()

    async def _run(self, run: _Run) -> None:
        """Do the steps in order, up to the first that fails. Whatever happens stays in here."""
        job, state, error = run.job, stored.SUCCEEDED, ""
        steps = job.definition.steps
        try:
            number = 0
            while number < len(steps):
                run.number = number
                if done_to := self._withdrawn(job):
                    raise AutomationError(f"not done: the automation was {done_to} meanwhile")
                work = self._work(job, number)
                if work is None:
                    self._told(job, await self._on_desk(run, number))
                    number += 1
                else:
                    number = await self._outside(run, work)
        except asyncio.CancelledError:
            state, error = stored.INTERRUPTED, stored.CUT_SHORT
            raise
        except TickdeskError as failure:
            state, error = stored.FAILED, clean(failure, MAX_ERROR)
        except Exception as failure:
            log.exception("%s: step %d (%s)", job.name, run.number + 1, steps[run.number])
            state, error = stored.FAILED, f"internal error ({type(failure).__name__}): see engine.log"
        finally:
            if state == stored.FAILED:
                error = f"step {run.number + 1} ({steps[run.number]}): {error}"
            self._ended(job, EndedRun(job.run_id, state, self._clock(), error, run.worker, run.attempt))

    async def _on_desk(self, run: _Run, number: int) -> str:
        """A step that is never given away: risk and the ledger are here alone."""
        run.place = IN_PROCESS
        return self._steps.do(run.job, number, run.job.definition.steps[number])

    def _work(self, job: Job, first: int) -> Work | None:
        """The steps from ``first`` on that are done outside of the desk; None when that is the desk's."""
        steps, found = job.definition.steps, []
        for step in steps[first:]:
            outside = self._steps.outside(job, step)
            if outside is None:
                break
            found.append(outside)
        if not found:
            return None
        part = fitting(found, self._executor.limit_s)
        return Work(
            run_id=job.run_id,
            automation=job.name,
            first=first,
            steps=part,
            last=first + len(part) == len(steps),
            engine=self._engine,
        )

    async def _outside(self, run: _Run, work: Work) -> int:
        """Have it done; answers the step with which the run goes on. Raises AutomationError."""

        def placed(place: str, attempt: int) -> None:
            run.place, run.attempt = place, max(1, attempt)
            self._placed(run.job, place)

        outcome = await self._executor.do(work, placed)
        run.worker = "" if outcome.worker in (IN_PROCESS, WAITING) else outcome.worker
        run.attempt = max(1, outcome.attempt)
        done = _believed(work, outcome)
        for text in outcome.texts[:done]:
            self._told(run.job, text)
        run.number = min(work.first + done, len(run.job.definition.steps) - 1)
        if outcome.error:
            raise AutomationError(outcome.error)
        if done < len(work.steps):
            raise AutomationError(f"{outcome.worker} says that it is done, and is not")
        return work.first + done

    def _told(self, job: Job, text: str) -> None:
        log.info("%s %s: %s", job.name, job.symbol, text)


def _believed(work: Work, outcome: Outcome) -> int:
    """How many steps are done, of those that were given."""
    return min(outcome.done, len(work.steps))


def ended_row(run: AutomationRun) -> JobRow:
    """A recorded run as clients see it."""
    return JobRow(
        run_id=run.run_id,
        automation=run.name,
        signal=run.signal,
        symbol=run.symbol,
        state="running" if run.state == stored.STARTED else run.state,
        place=run.place or IN_PROCESS,
        attempt=run.attempt,
        step="",
        started_ns=run.started_ns,
        ended_ns=run.ended_ns,
        error=run.error,
    )
