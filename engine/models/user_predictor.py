"""A user's model on the desk: asked in a process of its own, which is started anew when it hangs or dies.

Nothing that the process does reaches the desk but float64 predictions, or one line why there are none. A
process that breaks is killed and started again, later each time; one that breaks too often stays down, and
every request is answered with the reason.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.models import artefact
from engine.models.artefact import Manifest
from engine.models.drift import untold
from engine.models.predictor import Answer, Floats
from engine.models.user_process import EndedError, UserProcess
from engine.models.user_restarts import RESTARTS, Breaks, Restarts
from engine.models.user_wait import LOOK_S, LOOKS, cause, wait

log = logging.getLogger("engine.models")

REPLAY_S = 20.0
"""How long a replay waits for one answer at least: it should not depend on how busy the machine is."""
_REAP_S, _REAP_MOST_S = 0.02, 5.0


class OvertakenError(ModelError):
    """The request was dropped through no fault of the model: a newer one came, or the model was unloaded."""


def _log_trouble(text: str) -> None:
    log.error("%s", text)


class _Request:
    """Told once."""

    __slots__ = ("_done", "_timer", "ns", "rows")

    def __init__(self, ns: int, rows: Floats, done: Callable[[Answer], None]) -> None:
        self.ns = ns
        self.rows = rows
        self._done: Callable[[Answer], None] | None = done
        self._timer: asyncio.TimerHandle | None = None

    def expires(self, timer: asyncio.TimerHandle) -> None:
        self._timer = timer

    def tell(self, answer: Answer) -> None:
        done, self._done = self._done, None
        if self._timer is not None:
            self._timer.cancel()
        if done is not None:
            done(answer)


class UserPredictor:
    """See RemotePredictor. Used by one thread, that of the loop where there is one."""

    remote = True
    on_trouble: Callable[[str], None]
    """Called with one line when the process broke, and whether it is started again; logs it by default."""

    def __init__(
        self,
        directory: Path,
        manifest: Manifest,
        *,
        answer_s: float = 2.0,
        start_s: float = 20.0,
        restarts: Restarts = RESTARTS,
    ) -> None:
        """Of the artefact in ``directory``: its manifest is checked by who calls, its files by each process.
        ``answer_s``: for each request, from the moment it is made; ``start_s``: for loading and the golden
        rows. ``start`` makes it work."""
        self.manifest = manifest
        self.version = manifest.version
        self.strategy = manifest.strategy
        self.created_ns = manifest.created_ns
        self.metric = manifest.metric
        self.schema_hash = manifest.schema_hash
        self.note = ""
        self.on_trouble = _log_trouble
        self.down = ""
        """Why it is not started any more; "" while it may answer."""
        self._directory = directory.absolute()
        self._golden = artefact.golden(manifest)
        self._untold = untold(manifest.reference)
        self._answer_s, self._start_s = answer_s, start_s
        self._breaks = Breaks(restarts)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process: UserProcess | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Until the process must have answered, or is started again."""
        self._work: _Request | None = None
        self._waiting: _Request | None = None
        self._started: asyncio.Future[None] | None = None

    @property
    def pid(self) -> int:
        """Of the process at work; 0: there is none."""
        return 0 if self._process is None else self._process.pid

    # --- on the loop ---

    async def start(self) -> None:
        """Start the process and wait until it has predicted the golden rows as at training.

        Raises ModelError, and nothing is left running then.
        """
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.create_future()
        try:
            self._begin()
            await self._started
        except BaseException:
            self.close()
            raise
        finally:
            self._started = None

    def request(self, ns: int, rows: npt.NDArray[Any], done: Callable[[Answer], None]) -> None:
        """Ask for the predictions of rows (n, 158) of the bar close at ``ns``; returns at once.

        ``done`` is called later on the loop, once: with the predictions (n,), which may be anything but of
        another number, or with a ModelError. One request is at work at most, and one waits: a newer one takes
        its place.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move(loop)
        request = _Request(ns, self._as_trained(rows), done)
        if self.down:
            loop.call_soon(request.tell, ModelError(self.down))
            return
        request.expires(loop.call_later(self._answer_s, self._late, request))
        older, self._waiting = self._waiting, request
        if older is not None:
            why = f"model {self.version}: a newer batch came before the one at {older.ns} was asked"
            loop.call_soon(older.tell, OvertakenError(why))
        loop.call_soon(self._next)

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        """To another loop than before, which is closed."""
        self._loop = loop
        if self._process is not None:
            loop.add_reader(self._process.read_end, self._readable)

    def _late(self, request: _Request) -> None:
        if self._waiting is request:
            self._waiting = None
        request.tell(ModelError(f"model {self.version}: no answer within {1e3 * self._answer_s:g} ms"))

    def _next(self) -> None:
        """Ask what waits, when the process is free."""
        if self._process is None and self._timer is None and self._waiting is not None:
            self._restart()
        process = self._process
        if process is None or process.busy or self._waiting is None:
            return
        request, self._waiting = self._waiting, None
        try:
            process.ask(request.rows)
        except ModelError as error:
            request.tell(self._named(error))
            return
        self._work = request
        self._expect(self._answer_s)
        self._write()

    def _begin(self) -> None:
        """A new process; what follows is told by its pipes. Raises ModelError."""
        assert self._loop is not None
        self._process = self._new_process()
        self._loop.add_reader(self._process.read_end, self._readable)
        self._expect(self._start_s)
        self._write()

    def _new_process(self) -> UserProcess:
        return UserProcess(self._directory, self.manifest.files, self._golden)

    def _expect(self, seconds: float) -> None:
        assert self._loop is not None
        self._cancel_timer()
        self._timer = self._loop.call_later(seconds, self._overdue, seconds)

    def _overdue(self, seconds: float) -> None:
        doing = "load" if self._process is None or not self._process.ready else "answer"
        self._break(ModelError(f"its process did not {doing} within {1e3 * seconds:g} ms"))

    def _write(self) -> None:
        """Write what is due, now and whenever the pipe takes more."""
        process = self._process
        if process is None or self._loop is None:
            return
        try:
            process.writable()
        except EndedError:
            self._ended(process)
            return
        if process.writing:
            self._loop.add_writer(process.write_end, self._write)
        else:
            self._loop.remove_writer(process.write_end)

    def _readable(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            answer = process.readable()
        except EndedError:
            self._ended(process)
            return
        except ModelError as error:
            self._break(error)
            return
        if process.busy:
            if process.writing:  # the golden rows
                self._write()
            return
        self._cancel_timer()
        if self._started is not None and not self._started.done():
            self._said(process, logging.INFO)
            self._started.set_result(None)
        work, self._work = self._work, None
        if work is not None and answer is not None:
            work.tell(self._named(answer) if isinstance(answer, ModelError) else answer)
        self._next()

    def _ended(self, process: UserProcess) -> None:
        """Its pipes are closed; how it ended is known in a moment."""
        assert self._loop is not None
        self._loop.remove_reader(process.read_end)
        self._loop.remove_writer(process.write_end)
        self._look(process, LOOKS)

    def _look(self, process: UserProcess, looks: int) -> None:
        if process is not self._process or self._loop is None:
            return
        cause = process.cause()
        if cause is None and looks:
            self._loop.call_later(LOOK_S, self._look, process, looks - 1)
        else:
            self._break(cause or EndedError())

    def _break(self, error: ModelError) -> None:
        """The process cannot go on: another one takes its place, or none does."""
        work, self._work = self._work, None
        self._end()
        told = self._named(error)
        if self._started is not None:
            if not self._started.done():
                self._started.set_exception(told)
            return
        pause_s = self._breaks.pause_s(time.monotonic())
        if pause_s is None:
            self._stay_down(told)
        else:
            assert self._loop is not None
            self._timer = self._loop.call_later(pause_s, self._restart)
            self.on_trouble(f"{told}; it is started again")
        if work is not None:
            work.tell(told)

    def _restart(self) -> None:
        self._timer = None
        try:
            self._begin()
        except ModelError as error:
            self._break(error)

    def _stay_down(self, error: ModelError) -> None:
        self.down = f"{error}; {self._breaks.told}"
        self.on_trouble(self.down)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.tell(ModelError(self.down))

    # --- in a replay ---

    def predict(self, rows: npt.NDArray[Any]) -> Floats:
        """Predictions (n,) of rows (n, 158), waited for. Raises ModelError.

        For replays and tapes; never while ``request`` is used. A replay waits longer than a live desk. A tape
        does not, nor for a process to start: its loop, which serves consoles too, stands still meanwhile.
        """
        if self.down:
            raise ModelError(self.down)
        if self._work is not None:
            raise RuntimeError("a request is at work")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._predict(rows, max(REPLAY_S, self._answer_s), self._drop)
        if loop is not self._loop:
            self._move(loop)
        if self._process is None and self._timer is None:
            self._restart()
        if self._process is None or self._process.busy:
            raise self._named(ModelError("its process is not up yet"))
        return self._predict(rows, self._answer_s, self._break)

    def _predict(self, rows: Floats, answer_s: float, drop: Callable[[ModelError], None]) -> Floats:
        """``drop``: called with what broke the process."""
        self._cancel_timer()
        try:
            if self._process is None:
                self._process = self._new_process()
            wait(self._process, self._start_s)
            self._process.ask(self._as_trained(rows))
            answer = wait(self._process, answer_s)
        except ModelError as ended:
            error = cause(self._process, ended)
            if self._process is None or not self._process.ready or self._process.busy:
                drop(error)
            raise self._named(error) from None
        if answer is None or isinstance(answer, ModelError):
            raise self._named(answer or ModelError("its process gave no answer"))
        return answer

    def _as_trained(self, rows: npt.NDArray[Any]) -> Floats:
        """Without the features that its training had no value of: those it has no use for, and a tree would
        never have asked about them."""
        if len(self._untold):
            rows = rows.copy()
            rows[:, self._untold] = np.nan
        return rows

    def _drop(self, error: ModelError) -> None:
        """Without a loop the next request starts another process."""
        self._end()
        if self._breaks.pause_s(time.monotonic()) is None:
            self._stay_down(self._named(error))

    # --- ending ---

    def close(self) -> None:
        """End the process; requests that are out are told so. Any number of times."""
        self.down = self.down or f"model {self.version} is unloaded"
        self._end()
        requests = (self._work, self._waiting)
        self._work = self._waiting = None
        for request in requests:
            if request is not None:
                request.tell(OvertakenError(self.down))

    def _end(self) -> None:
        """Kill the process, and see that it is waited for."""
        self._cancel_timer()
        process, self._process = self._process, None
        if process is None:
            return
        loop = self._loop if self._loop is not None and not self._loop.is_closed() else None
        if loop is not None:
            loop.remove_reader(process.read_end)
            loop.remove_writer(process.write_end)
        process.kill()
        if loop is not None:
            self._reap(loop, process)
        else:
            self._reap_now(process)

    def _reap(self, loop: asyncio.AbstractEventLoop, process: UserProcess) -> None:
        """It is gone as soon as its memory is given back, which no loop should wait for."""
        if process.reaped():
            self._said(process, logging.WARNING)
            process.close()
        else:
            loop.call_later(_REAP_S, self._reap, loop, process)

    def _reap_now(self, process: UserProcess) -> None:
        until = time.monotonic() + _REAP_MOST_S
        while not process.reaped() and time.monotonic() < until:
            time.sleep(_REAP_S / 10)
        self._said(process, logging.WARNING)
        process.close()

    def _said(self, process: UserProcess, level: int) -> None:
        for line in process.said():
            log.log(level, "model %s printed: %s", self.version, line)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _named(self, error: ModelError) -> ModelError:
        return ModelError(f"model {self.version}: {error}")
