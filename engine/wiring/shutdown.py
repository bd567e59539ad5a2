"""How the engine ends: entries stop, what cannot wait is canceled, what is on its way is drained, all of it
is committed, and the database is sealed. Each step has its bound, and all of them together have one.

What does not end in time is left: whatever counts is durable before it is acted on, so that the next start
takes up what a step could not finish.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from engine import logs
from engine.wiring.leave_orders import leave_orders, until

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine

log = logging.getLogger("engine")

ANSWER_S = 2.0
"""How long the answers to cancels, and to what else is on its way to a broker, are waited for."""
END_S = 3.0
"""How long tasks may take to end."""
TAPES_S = 5.0
CLIENTS_S = 3.0
SEAL_S = 1.0
"""Left for the database, however long the steps before it took."""
_ASKS = 0.9
"""Of its time, what a step waits for answers: it is to say itself what it lacks."""
GRACE_S = 1.0
"""Beyond the bound of all: then the process is ended where it stands."""


class Step(NamedTuple):
    name: str
    most_s: float
    work: Callable[[float], Awaitable[object]]
    """Given the seconds that it has."""


class Shutdown:
    """Runs steps one after another within ``within_s`` seconds of its making, come what may of each."""

    def __init__(self, within_s: float, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._ends_s = timer() + within_s
        self.outcomes: list[tuple[str, str]] = []
        """(step, done, late or failed)"""

    def left_s(self) -> float:
        return max(0.0, self._ends_s - self._timer())

    def note(self, name: str, done: bool) -> bool:
        """What became of a step that was done elsewhere."""
        outcome = "done" if done else "failed"
        self.outcomes.append((name, outcome))
        logs.log(log, logging.INFO if done else logging.ERROR, "shutdown", step=name, outcome=outcome)
        return done

    async def run(self, steps: list[Step]) -> None:
        for step in steps:
            await self._run(step)

    async def _run(self, step: Step) -> None:
        began_s = self._timer()
        has_s = min(step.most_s, max(0.0, self.left_s() - SEAL_S))
        task = asyncio.ensure_future(_begin(step, has_s))
        # Not wait_for: what does not heed its cancellation must not be waited for either.
        await asyncio.wait([task], timeout=has_s)
        error: BaseException | None = None
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)
            outcome = "late"
        elif task.cancelled() or (error := task.exception()) is not None:
            outcome = "late" if isinstance(error, TimeoutError) else "failed"
        else:
            outcome = "done"
        self.outcomes.append((step.name, outcome))
        level = logging.INFO if outcome == "done" else logging.WARNING
        told = {"step": step.name, "outcome": outcome, "took_s": round(self._timer() - began_s, 3)}
        logs.log(log, level, "shutdown", **told, **({} if error is None else {"why": str(error)}))
        if outcome == "failed" and error is not None:
            log.error("a step of the shutdown failed", exc_info=error)


async def _begin(step: Step, has_s: float) -> None:
    await step.work(has_s)


def _forget(task: asyncio.Future[None]) -> None:
    """Its error comes after the end: nobody waits for it."""
    if not task.cancelled():
        task.exception()


def steps(engine: LiveEngine) -> list[Step]:
    """Of one engine, in order, all but the last: the database is sealed when nobody listens any more."""

    async def stop_entries(has_s: float) -> None:
        engine.desk.trading_enabled = False
        await engine.tasks.cancel()

    async def cancel(has_s: float) -> None:
        settings = engine.config.engine
        entries = settings.at_stop == "cancel_entries" and not settings.hands_off
        left = await leave_orders(engine.desk, engine.clock, entries=entries, answer_s=_ASKS * has_s)
        if left:
            raise TimeoutError(f"{len(left)} cancels are not answered")

    async def drain_brokers(has_s: float) -> None:
        gateways = engine.gateways
        if gateways is not None and not await until(
            gateways.settled, engine.desk, engine.clock, _ASKS * has_s
        ):
            raise TimeoutError("a broker does not answer: it is asked again at the next start")

    async def end_brokers(has_s: float) -> None:
        await engine.broker_tasks.cancel()

    async def drain_rest(has_s: float) -> None:
        engine.model.close()
        await engine.recording.close(has_s)
        await engine.beside.close()

    async def commit(has_s: float) -> None:
        if engine.anew is None and engine.store.last_seq > 0:  # there is a journal to keep them beside
            engine.desk.keep_orders()
        if engine.writing.failure is None:
            await engine.writing.durable()

    orders = [Step("cancel", ANSWER_S, cancel), Step("drain brokers", ANSWER_S, drain_brokers)]
    return [
        Step("stop entries", END_S, stop_entries),
        *(orders if engine.anew is None else []),
        Step("end brokers", END_S, end_brokers),
        Step("drain", TAPES_S, drain_rest),
        Step("commit", END_S, commit),
    ]


class Deadline:
    """Ends the process where it stands, ``within_s`` seconds after ``start``, whatever holds up its loop."""

    def __init__(self, within_s: float, end: Callable[[int], object] = os._exit) -> None:
        self._within_s = within_s
        self._end = end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="deadline", daemon=True)

    def start(self) -> None:
        """Once; after that it goes."""
        if self._thread.ident is None:
            self._thread.start()

    def cancel(self) -> None:
        self._over.set()

    def _watch(self) -> None:
        if not self._over.wait(self._within_s):
            try:
                log.error("not gone %.1f s after it was to end: ended where it stands", self._within_s)
            finally:
                self._end(1)
