"""The engine's side of jobs on workers: work is put on the board, told to the queue, and waited for.

The board decides who does it. So it is done here instead when, and only when, nobody else can begin it any
more: it never came onto the board, or it was withdrawn from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from engine.api.health_protocol import JobsHealth
from engine.automation.executor import WAITING, InProcess, Placed
from engine.automation.parts import Level
from engine.automation.work import Begun, News, Outcome, Work, decode_news, pause_s
from engine.config.jobs import JobsConfig
from engine.errors import AutomationError
from engine.text import clean
from engine.wiring.end_tasks import end_tasks
from engine.wiring.job_board import JobBoard, Standing, failures
from engine.wiring.job_queue import application, send, shown, unsent

log = logging.getLogger("engine.jobs")

CLOSE_S = 1.0
UNMANNED_S = 1.0
"""So long a job waits for a worker where the last one found none."""
TOLD_S = 60.0
"""That no worker takes jobs is told once in so long: they may be too few."""
MAY_BE = "it may have been done"


class _Awaited:
    """Work that was given, and is waited for."""

    def __init__(self, placed: Placed) -> None:
        self.placed = placed
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.begun = False


class JobExecutor:
    """Owns the connections to the broker. Used on one loop."""

    def __init__(
        self,
        config: JobsConfig,
        here: InProcess,
        *,
        engine: str,
        alert: Callable[[Level, str], None],
        late: Callable[[Outcome], None],
    ) -> None:
        """``engine``: whose news it hears; ``late`` hears what came of work that an earlier engine gave.

        Raises ConfigError without the libraries.
        """
        self.limit_s = config.time_limit_s
        self._app = application(config)
        self._board = JobBoard(config)
        self._config = config
        self._here = here
        self._engine = engine
        self._alert = alert
        self._late = late
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="jobs")
        self._awaited: dict[str, _Awaited] = {}
        self._left: dict[str, Work] = {}
        """Given, and not waited for any more."""
        self._hearing: asyncio.Task[None] | None = None
        self._down_at: float | None = None
        """Since when the broker does not answer; the loop's time."""
        self._unmanned = False
        self._told_at = -TOLD_S

    def start(self) -> None:
        self._hearing = asyncio.get_running_loop().create_task(self._hear_forever())

    async def close(self) -> None:
        if self._hearing is not None:
            await end_tasks([self._hearing])
        with contextlib.suppress(TimeoutError, *failures()):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(
                    *(self._board.withdraw(work, lost=False) for work in self._left.values())
                )
        with contextlib.suppress(*failures()):
            await self._board.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._here.close()

    def health(self) -> JobsHealth:
        """As of what was asked of the broker last: it is asked at least every few seconds."""
        where = shown(self._config.broker_url)
        fault = "no worker takes jobs" if self._unmanned else ""
        if self._down_at is not None:
            fault = "cannot be reached"
        return JobsHealth(not fault, f"{where}: {fault}" if fault else where, len(self._awaited))

    # --- giving ---

    async def do(self, work: Work, placed: Placed) -> Outcome:
        placed(WAITING, 1)
        if not await self._posted(work):
            return await self._instead(work, placed, "the broker cannot be reached")
        awaited = self._awaited[work.id] = _Awaited(placed)
        self._left[work.id] = work
        try:
            await self._send(work)
            outcome = await self._followed(work, awaited)
        finally:
            del self._awaited[work.id]
        del self._left[work.id]
        return outcome

    async def _posted(self, work: Work) -> bool:
        """Whether it is on the board; a broker that is away is waited for, but not for long."""
        attempt = 1
        while True:
            try:
                await self._board.post(work)
            except failures() as error:
                since = self._down(error)
                if asyncio.get_running_loop().time() - since >= self._config.wait_s:
                    return False
                await asyncio.sleep(pause_s(attempt))
                attempt += 1
            else:
                self._up()
                return True

    async def _send(self, work: Work) -> None:
        loop = asyncio.get_running_loop()
        try:
            if await self._board.has_room():
                await loop.run_in_executor(self._threads, send, self._app, work)
        except (*unsent(), *failures()) as error:
            # It may have arrived all the same; whether it is done is for the board to say.
            self._down(error)

    async def _followed(self, work: Work, awaited: _Awaited) -> Outcome:
        config, loop = self._config, asyncio.get_running_loop()
        # By then nobody begins it any more, and nobody is at it.
        end = loop.time() + config.deadline_s + config.time_limit_s + config.lease_s
        wait_s = min(config.wait_s, UNMANNED_S) if self._unmanned else config.wait_s
        begins = loop.time() + wait_s
        left_s, attempt = min(wait_s, config.lease_s), 1
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    return await asyncio.shield(awaited.outcome)
            if not awaited.begun and loop.time() < begins:
                left_s = min(begins - loop.time(), config.lease_s)
                continue
            try:
                standing = await self._board.withdraw(work)
            except failures() as error:
                since = self._down(error)
                if loop.time() >= min(end, since + config.time_limit_s):
                    return _failed(work, f"the broker does not answer: {MAY_BE}")
                left_s, attempt = pause_s(attempt), attempt + 1
                continue
            self._up()
            left_s, attempt = config.lease_s, 1
            match standing.verdict:
                case "yours":
                    self._nobody_works()
                    return await self._instead(work, awaited.placed, "no worker takes jobs")
                case "busy":
                    left_s = standing.left_s + 0.1
                case "expired":
                    # Its worker died: the broker tells another one too, but later.
                    await self._send(work)
                case _:
                    return self._over(work, standing)

    def _over(self, work: Work, standing: Standing) -> Outcome:
        """What the board says of work that nobody does any more."""
        if standing.verdict == "done":
            try:
                found = decode_news(standing.outcome)
            except AutomationError as error:
                log.warning("%s: %s", work.id, error)
            else:
                if isinstance(found, Outcome) and found.id == work.id:
                    return found
        if standing.verdict == "lost":
            return _failed(work, f"its worker died: {MAY_BE}", standing)
        return _failed(work, f"the broker has forgotten it: {MAY_BE}", standing)

    async def _instead(self, work: Work, placed: Placed, why: str) -> Outcome:
        if self._config.when_down == "in_process":
            return await self._here.do(work, placed)
        return _failed(work, f"{why}, and automations.jobs.when_down is fail")

    # --- hearing ---

    async def _hear_forever(self) -> None:
        attempt = 1
        while True:
            try:
                raw = await self._board.news(self._engine)
            except failures() as error:
                self._down(error)
                await asyncio.sleep(pause_s(attempt))
                attempt += 1
                continue
            attempt = 1
            self._up()
            if raw is None:
                continue
            try:
                self._hear(decode_news(raw))
            except AutomationError as error:
                log.warning("news of workers are left out: %s", error)
            except Exception:
                log.exception("news of workers")

    def _hear(self, news: News) -> None:
        awaited = self._awaited.get(f"{news.run_id}-{news.first}")
        if isinstance(news, Begun):
            self._unmanned = False
            if awaited is not None:
                awaited.begun = True
                awaited.placed(news.worker, news.attempt)
        elif awaited is None:
            self._late(news)
        elif not awaited.outcome.done():
            awaited.outcome.set_result(news)

    # --- the broker ---

    def _down(self, error: BaseException) -> float:
        """It does not answer; since when, in the loop's time. Told once."""
        if self._down_at is None:
            self._down_at = asyncio.get_running_loop().time()
            log.warning("broker: %s", clean(type(error).__name__, 40))
            self._alert(
                "warning",
                f"the broker {shown(self._config.broker_url)} cannot be reached: {self._meanwhile()}",
            )
        return self._down_at

    def _up(self) -> None:
        if self._down_at is not None:
            self._down_at = None
            self._alert("info", f"the broker {shown(self._config.broker_url)} answers again")

    def _nobody_works(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._unmanned and now - self._told_at >= TOLD_S:
            self._told_at = now
            self._alert(
                "warning", f"no worker takes jobs: {self._meanwhile()}; `tickdesk jobs worker` runs one"
            )
        self._unmanned = True

    def _meanwhile(self) -> str:
        if self._config.when_down == "in_process":
            return f"jobs wait {self._config.wait_s:g} s and are then done in the engine's process"
        return f"jobs wait {self._config.wait_s:g} s and then fail"


def _failed(work: Work, error: str, standing: Standing | None = None) -> Outcome:
    texts = () if standing is None else standing.texts
    return Outcome(
        run_id=work.run_id,
        first=work.first,
        done=min(len(texts), len(work.steps)),
        texts=texts[: len(work.steps)],
        error=error,
        worker=WAITING,
        attempt=0 if standing is None else standing.attempt,
        last=work.last,
    )
