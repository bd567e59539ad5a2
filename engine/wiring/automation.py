"""Automations at work: what is stored is matched in batches, recorded, and then run, once at most.

A run is written to the database before its first step, with one statement for a batch; what cannot be written
does not run, and what is written never runs again, whatever happens to the engine. On a tape automations run
too, on the tape's time; only what is outside the desk is left alone. In a replay there are none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from engine.api.health_protocol import JobsHealth
from engine.api.protocol import AutomationRow, JobRow, SignalStatistics
from engine.automation.definition import parse
from engine.automation.dispatcher import MAX_WAITING, Dispatcher, Job
from engine.automation.executor import Executor, InProcess
from engine.automation.pace import Pace
from engine.automation.unknown import scored_names, unknown_names
from engine.automation.webhook import FIRST_PAUSE_S
from engine.automation.work import Outcome
from engine.errors import AutomationError, StoreError, UnknownAutomationError
from engine.events import NS, Signal
from engine.store import automations as stored
from engine.store.automations import AutomationRun, EndedRun, StoredAutomation
from engine.store.store import Store
from engine.text import clean
from engine.wiring.automation_rows import AutomationRows, document_of, steps_text, switch_text
from engine.wiring.automation_steps import Steps, who
from engine.wiring.automation_symbols import at_desk
from engine.wiring.desk import Desk
from engine.wiring.job_board import check_jobs
from engine.wiring.job_runs import MAX_ERROR, Runs, ended_row
from engine.wiring.store_query import queried

if TYPE_CHECKING:
    from engine.wiring.job_executor import JobExecutor

T = TypeVar("T")

MAX_AUTOMATIONS = 5_000
PAUSE_S = 1.0
"""After a batch that failed."""
MS = 1_000_000
ENGINE = "automation:engine"
"""Name of a setting: whose news of workers these are, across restarts."""

log = logging.getLogger("engine.automation")


class Automations:
    """Owns the dispatcher, its batches and the runs. Every method is called on the desk's thread."""

    def __init__(
        self,
        desk: Desk,
        store: Store,
        *,
        clock: Callable[[], int],
        tape: bool,
        keep: Callable[[str, object], None],
        environ: Mapping[str, str] = os.environ,
        timer: Callable[[], int] = time.monotonic_ns,
        pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """``clock``: the desk's, ns UTC; ``timer``: monotonic ns. ``keep`` stores a setting.

        ``pause_s``: between the first two attempts of a webhook.
        """
        config = self._config = desk.config.automations
        self._desk = desk
        self._store = store
        self._clock = clock
        self._timer = timer
        self._keep = keep
        self._tape = tape
        self._crowded = False
        """Runs waited for others at the last turn."""
        self._symbols = 0
        """Of the desk, when names were looked for among them."""
        self._steps = Steps(desk, tape=tape, keep=keep)
        self._here = InProcess(environ, pause_s=pause_s)
        self._on_workers = bool(config.jobs.broker_url) and not tape  # a tape's past is not the world's
        if self._on_workers:
            check_jobs(config.jobs)
        self._dispatcher = Dispatcher(config.max_running)
        self._pace = Pace(round(config.batch_ms * MS), round(config.batch_max_ms * MS))
        self._refresh_ns = round(config.refresh_s * NS)
        self._refreshed_ns = 0
        self._stored: dict[str, StoredAutomation] = {}
        self._rows = AutomationRows(self._dispatcher)
        self._refused: dict[str, str] = {}
        """By name: why what is stored cannot be used."""
        self._ended: list[EndedRun] = []
        self._wake = asyncio.Event()
        self._changing = asyncio.Lock()
        self._runs: Runs | None = None
        """None until what is stored is taken up."""
        self._workers: JobExecutor | None = None

    # --- signals ---

    def offer(self, signal: Signal) -> None:
        """Take a signal; whatever watches it is started soon."""
        self._dispatcher.offer(signal, self._timer())
        if not self._wake.is_set():
            self._wake.set()

    # --- reading ---

    def rows(self) -> tuple[AutomationRow, ...]:
        """All automations, by name."""
        return tuple(self._rows.row(name, self._refused) for name in self._stored)

    def statistics(self) -> tuple[SignalStatistics, ...]:
        """What was done with each type of signal since the engine's start."""
        return self._rows.statistics()

    async def jobs(self, limit: int, name: str, state: str) -> list[JobRow]:
        """Runs (of one automation, in one state), those at work first, then the newest. Raises StoreError."""
        at_work = [] if self._runs is None else list(self._runs.rows())
        known = {row.run_id for row in at_work}
        found = [row for row in at_work if name in ("", row.automation) and state in ("", row.state)]
        if state not in ("waiting", "running"):
            query = stored.recent_runs(limit + len(known), name, state)
            found += [ended_row(run) for run in await self._ask(query) if run.run_id not in known]
        return found[:limit]

    def jobs_health(self) -> JobsHealth | None:
        """Of the broker; None without one."""
        return None if self._workers is None else self._workers.health()

    def get(self, name: str) -> bytes | None:
        """The definition (JSON) as it was put, with whether it is active now."""
        found = self._stored.get(name)
        if found is None:
            return None
        document = document_of(found)
        return found.definition.encode() if document is None else msgspec.json.encode(document)

    # --- changing ---

    async def put(self, name: str, definition: bytes, who: str) -> str:
        """Store a definition (JSON), new or in place of another. Raises AutomationError, StoreError."""
        parsed = at_desk(parse(name, definition), self._desk, tape=self._tape)
        async with self._changing:
            if name not in self._stored and len(self._stored) >= MAX_AUTOMATIONS:
                raise AutomationError(f"there are {MAX_AUTOMATIONS} automations: remove one first")
            text = msgspec.json.encode(msgspec.json.decode(definition)).decode()
            await self._write(stored.put(StoredAutomation(name, text, parsed.active, self._clock())))
        symbols = [instrument.symbol for instrument in self._desk.instruments]
        strangers = unknown_names(parsed, symbols, self._desk.signals.strategies.settings())
        warning = f"; the desk does not know {', '.join(strangers)} (yet)" if strangers else ""
        if scored := scored_names(parsed):
            warning += f"; {', '.join(scored)} only scores for the blend, and starts nothing"
        return self._told(
            who, f"{name} {switch_text(parsed.active)}: {parsed.trigger} → {steps_text(parsed)}{warning}"
        )

    async def set_active(self, name: str, active: bool, who: str) -> str:
        """Switch one on or off; off, what runs goes no further. Raises UnknownAutomationError, StoreError."""
        async with self._changing:
            found = self._known(name)
            if active and name in self._refused:
                raise AutomationError(self._refused[name])
            await self._write(stored.put(StoredAutomation(name, found.definition, active, self._clock())))
        return self._told(who, f"{name} {switch_text(active)}")

    async def remove(self, name: str, who: str) -> str:
        """Forget one; what runs of it goes no further. Raises UnknownAutomationError, StoreError."""
        async with self._changing:
            self._known(name)
            await self._write(stored.remove(name))
        return self._told(who, f"{name} removed")

    def _known(self, name: str) -> StoredAutomation:
        found = self._stored.get(name)
        if found is None:
            raise UnknownAutomationError(
                f"unknown automation {clean(name, 40)}: `tickdesk automations list` shows them"
            )
        return found

    async def _write(self, query: Callable[[sqlite3.Connection], object]) -> None:
        await self._ask(query)
        await self._refresh()
        self._wake.set()

    def _told(self, who: str, text: str) -> str:
        self._desk.alert("info", who, f"automation {text}")
        return text

    # --- the store ---

    async def _ask(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await queried(self._store, query)

    async def _refresh(self) -> None:
        """Read all definitions; only what differs from before is parsed, and indexed anew."""
        rows = {row.name: row for row in await self._ask(stored.load)}
        self._refreshed_ns = self._timer()
        if rows != self._stored or not self._dispatcher.entries:
            self._adopt(rows)

    def _adopt(self, rows: dict[str, StoredAutomation]) -> None:
        symbols, self._refused = len(self._desk.instruments), {}
        entries, before = self._dispatcher.entries, self._stored if symbols == self._symbols else {}
        self._symbols = symbols
        definitions = []
        for name, row in rows.items():
            if before.get(name) == row and name in entries:
                definitions.append(entries[name].definition)
                continue
            try:
                parsed = parse(name, row.definition)
            except AutomationError as error:
                self._refused[name] = str(error)
                log.error("%s", error)
            else:
                definitions.append(
                    msgspec.structs.replace(at_desk(parsed, self._desk, tape=self._tape), active=row.active)
                )
        self._stored = rows
        self._rows.forget()
        self._dispatcher.load(definitions, self._clock())

    async def take_up(self, settings: Mapping[str, Any]) -> None:
        """At the engine's start: runs that it interrupted are over; cooldowns go on. Raises StoreError."""
        self._dispatcher.remember(await self._ask(stored.take_up(self._clock())))
        self._steps.take_up(settings)
        self._runs = self._new_runs(settings)
        await self._refresh()

    def _new_runs(self, settings: Mapping[str, Any]) -> Runs:
        engine = settings.get(ENGINE)
        if not isinstance(engine, str) or not re.fullmatch("[0-9a-f]{24}", engine):
            engine = secrets.token_hex(12)
            self._keep(ENGINE, engine)
        return Runs(
            self._steps,
            self._new_executor(engine),
            clock=self._clock,
            engine=engine,
            ended=self._note_end,
            placed=self._dispatcher.placed,
            withdrawn=self._dispatcher.withdrawn,
        )

    def _new_executor(self, engine: str) -> Executor:
        if not self._on_workers:
            return self._here
        # Not with the module: a desk without workers need not pay for Celery at every start.
        from engine.wiring.job_executor import JobExecutor

        self._workers = JobExecutor(
            self._config.jobs,
            self._here,
            engine=engine,
            alert=lambda level, text: self._desk.alert(level, "jobs", text),
            late=self._learn,
        )
        return self._workers

    # --- running ---

    async def run(self) -> None:
        """Match, record and run until cancelled; what still runs then is recorded as interrupted."""
        if self._runs is None:
            raise RuntimeError("take up what is stored before running")
        self._runs.start()
        told = ""
        try:
            while True:
                await self._wait()
                try:
                    await self._turn()
                    told = ""
                except StoreError as error:
                    if str(error) != told:  # what has failed fails at every turn
                        told = str(error)
                        log.error("automations wait: %s", error)
                    await asyncio.sleep(PAUSE_S)
                except Exception:
                    log.exception("automations: a batch failed")
                    await asyncio.sleep(PAUSE_S)
        finally:
            await self._stop()

    async def _wait(self) -> None:
        """Until something is to be done: signals (at once when idle), a period, ended runs, a refresh."""
        self._wake.clear()
        now_ns, at_ns = self._clock(), self._timer()
        pace_ns = max(0, self._pace.due_ns() - at_ns)
        left = self._refreshed_ns + self._refresh_ns - at_ns
        if self._dispatcher.waiting or self._ended:
            left = min(left, pace_ns)
        else:
            for due_ns in (self._dispatcher.due_ns(), self._steps.due_ns()):
                if due_ns is not None:
                    # On a tape time leaps: looked at ten times a second, whatever the distance.
                    left = min(left, due_ns - now_ns, 100 * MS)
        if left <= 0:
            return
        if self._dispatcher.waiting or self._ended:
            await asyncio.sleep(left / NS)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left / NS):
                await self._wake.wait()
        pause_ns = self._pace.due_ns() - self._timer()
        if pause_ns > 0:
            await asyncio.sleep(pause_ns / NS)

    async def _turn(self) -> None:
        if self._timer() - self._refreshed_ns >= self._refresh_ns:
            await self._refresh()
        if len(self._desk.instruments) != self._symbols:
            self._adopt(self._stored)  # a name may mean another one now
        self._steps.revert(self._clock())
        if self._dispatcher.waiting >= MAX_WAITING:
            log.warning("more than %d signals wait: the oldest are lost to automations", MAX_WAITING)
        began_ns = self._timer()
        jobs = self._dispatcher.match(self._clock(), began_ns)
        self._tell_held(self._dispatcher.held)
        if jobs or self._ended:
            await self._begin(jobs)
            self._pace.done(began_ns, self._timer())

    def _tell_held(self, held: int) -> None:
        if held and not self._crowded:
            running = self._config.max_running
            log.warning("%d runs wait until others end: automations.max_running is %d", held, running)
        self._crowded = bool(held)

    async def _begin(self, jobs: Sequence[Job]) -> None:
        """Record that ``jobs`` start, and how earlier ones ended; start what may run."""
        now_ns = self._clock()
        ended, self._ended = self._ended, []
        wanted = [
            AutomationRun(job.run_id, job.name, job.source, job.symbol, stored.STARTED, now_ns, 0, "")
            for job in jobs
        ]
        try:
            begun = await self._ask(stored.advance(ended, wanted, self._config.keep_runs))
        except BaseException:
            # Nobody knows whether they are recorded, so none of them runs.
            for job in jobs:
                self._dispatcher.unrecorded(job)
            self._ended = [*ended, *self._ended]
            raise
        at_ns = self._timer()
        for job in jobs:
            if job.run_id not in begun:
                self._dispatcher.skipped(job)
                continue
            self._dispatcher.begun(job, now_ns, at_ns)
            assert self._runs is not None
            self._runs.begin(job, now_ns)

    def _note_end(self, job: Job, ended: EndedRun) -> None:
        entry = self._dispatcher.entries.get(job.name)
        worked = entry is None or not entry.error
        self._dispatcher.ended(job, ended.error)
        self._ended.append(ended)
        self._wake.set()
        if ended.state == stored.FAILED:
            log.warning("%s %s failed: %s", job.name, job.symbol, ended.error)
            if worked:
                # Told once, not for every run that fails as the one before it did.
                self._desk.alert("warning", who(job.name), clean(ended.error, MAX_ERROR))

    def _learn(self, outcome: Outcome) -> None:
        """A worker tells of what an engine gave it that is no more: it goes down as what it was."""
        if outcome.error or outcome.last:
            state = stored.FAILED if outcome.error else stored.SUCCEEDED
            told = EndedRun(
                outcome.run_id, state, self._clock(), outcome.error, outcome.worker, outcome.attempt
            )
            with contextlib.suppress(StoreError):
                self._store.ask(stored.learn(told), _unheard)

    async def _stop(self) -> None:
        if self._runs is not None:
            await self._runs.stop()
        if self._ended:
            ended, self._ended = self._ended, []
            # Not awaited: the store writes what it was given before it closes.
            with contextlib.suppress(StoreError):
                self._store.ask(stored.advance(ended, (), self._config.keep_runs), _unheard)


def _unheard(value: object, error: Exception | None) -> None:
    if error is not None:
        log.error("the last runs could not be recorded: %s", error)
