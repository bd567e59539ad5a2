"""A sweep's runs on the cores of this machine: a process for each, which prepares once and makes many.

Each computes in one thread, so that as many processes as cores share them evenly. A process that dies is
told of, and its run is made once more in another.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from types import TracebackType

from engine.errors import StoreError, TickdeskError
from engine.models.child_environment import child_environment
from engine.research.sweep_runs import Name, Run, Task
from engine.text import clean
from engine.wiring.sweep_link import FROM_WORKER, Broken, Do, Ended, Messages, Ready, Setup, send

NICE = 10
"""A desk that trades on this machine goes before."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_TRIES = 2
_STARTS = 3
"""Processes in a row that die before they are ready."""
_LAST_WORDS = 4096
_END_S = 3.0


class Pool:
    """Up to ``jobs`` runs at a time. A context: at its end no process is left."""

    def __init__(self, setup: Setup, jobs: int, tell: Callable[[str], None]) -> None:
        """``tell`` gets a line for each process that died."""
        self._setup = setup
        self._tell = tell
        self._selector = selectors.DefaultSelector()
        self._workers: set[_Worker] = set()
        self._again: deque[Task] = deque()
        self._deaths: Counter[Name] = Counter()
        self._stillborn = 0
        self.jobs = jobs

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def room(self) -> int:
        """How many runs it would begin at once."""
        return self.jobs - self.busy

    @property
    def busy(self) -> int:
        """Runs that it was given and has not ended."""
        return sum(worker.task is not None for worker in self._workers) + len(self._again)

    def begin(self, task: Task) -> None:
        idle = next((worker for worker in self._workers if worker.task is None), None)
        (idle or self._start()).begin(task)

    def ended(self, timeout_s: float) -> list[Run]:
        """Runs that have ended, after waiting for so long at most. Raises TickdeskError."""
        found: list[Run] = []
        for key, _ in self._selector.select(timeout_s):
            worker: _Worker = key.data
            if worker not in self._workers:
                continue
            if key.fileobj is worker.link:
                self._hear(worker, found)
            else:
                worker.overhear(self._selector)
        while self._again and len(self._workers) < self.jobs:
            self._start().begin(self._again.popleft())
        return found

    def _start(self) -> _Worker:
        worker = _Worker(self._setup)
        self._selector.register(worker.link, selectors.EVENT_READ, worker)
        self._selector.register(worker.stderr, selectors.EVENT_READ, worker)
        self._workers.add(worker)
        return worker

    def _hear(self, worker: _Worker, found: list[Run]) -> None:
        try:
            messages = worker.messages()
        except (OSError, ValueError, EOFError):
            self._bury(worker, found)
            return
        for message in messages:
            match message:
                case Ready():
                    worker.ready, self._stillborn = True, 0
                case Broken(error):
                    raise TickdeskError(error)
                case Ended(run, full):
                    worker.task = None
                    found.append(run)
                    if full:
                        self._forget(worker)
                        worker.end(self._selector)

    def _bury(self, worker: _Worker, found: list[Run]) -> None:
        worker.overhear(self._selector)
        why = worker.end(self._selector)
        self._forget(worker)
        task = worker.task
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= _STARTS:
                raise StoreError(f"the processes of the sweep die before they are ready: {why}")
            if task is not None:
                self._again.append(task)
            return
        if task is None:
            self._tell(f"a process of the sweep {why}; another goes on")
            return
        self._deaths[task.name] += 1
        if self._deaths[task.name] < _TRIES:
            self._tell(f"the process of {task.name} {why}: it is tried once more")
            self._again.append(task)
            return
        self._tell(f"the process of {task.name} {why} again: it counts as failed")
        found.append(Run(task.name, task.point, status="failed", error=f"its process {why}, twice"))

    def _forget(self, worker: _Worker) -> None:
        self._workers.discard(worker)

    def close(self) -> None:
        """End every process, those at work too."""
        for worker in self._workers:
            worker.hang_up()
        for worker in self._workers:
            worker.end(self._selector)
        self._workers.clear()
        self._again.clear()
        self._selector.close()


class _Worker:
    """One process, as the pool sees it."""

    def __init__(self, setup: Setup) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                (sys.executable, "-P", "-m", "engine.wiring.sweep_worker", str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment(),
            )
        with contextlib.suppress(OSError):  # it may have ended already
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
        assert self._process.stderr is not None
        self.stderr = self._process.stderr
        os.set_blocking(self.stderr.fileno(), False)
        self.link = ours
        self.task: Task | None = None
        self.ready = False
        self._messages = Messages()
        self._words = b""
        with contextlib.suppress(OSError):  # it died: its link says so when it is read
            send(ours, setup)

    def begin(self, task: Task) -> None:
        self.task = task
        with contextlib.suppress(OSError):  # the same
            send(self.link, Do(task))

    def messages(self) -> list[Ready | Broken | Ended]:
        """Raises OSError, EOFError or ValueError when it is gone or speaks nonsense."""
        data = self.link.recv(1 << 20)
        if not data:
            raise EOFError
        return list(self._messages.feed(data, FROM_WORKER))

    def overhear(self, selector: selectors.BaseSelector) -> None:
        """Keep the end of what it prints, for when it dies."""
        if self.stderr.closed:
            return
        try:
            data = os.read(self.stderr.fileno(), 1 << 16)
        except BlockingIOError:
            return
        self._words = (self._words + data)[-_LAST_WORDS:]
        if not data:
            selector.unregister(self.stderr)
            self.stderr.close()

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)

    def end(self, selector: selectors.BaseSelector) -> str:
        """Wait for its end, which a hang-up brings; how it ended, in a few words."""
        selector.unregister(self.link)
        self.hang_up()
        self.link.close()
        if not self.stderr.closed:
            selector.unregister(self.stderr)
            self.stderr.close()
        deadline = time.monotonic() + _END_S
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        code = self._process.returncode
        how = f"was killed by {_signal(-code)}" if code < 0 else f"ended with code {code}"
        words = [line for line in self._words.decode(errors="replace").splitlines() if line.strip()]
        return f"{how} ({clean(words[-1], 200)})" if words else how


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The whole of this process's, as the user's strategies would find it here; computing in one thread."""
    return {
        **environ,
        **dict.fromkeys((*_ONE_THREAD, "POLARS_MAX_THREADS"), "1"),
        "PYTHONPATH": child_environment(environ)["PYTHONPATH"],
        "PYTHONFAULTHANDLER": "1",
    }


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
