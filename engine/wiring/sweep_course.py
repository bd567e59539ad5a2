"""The course of a sweep: which runs are still to be made, in which order, and who makes them.

A run that its file has already is not made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from engine.errors import StoreError
from engine.research.run_log import RunLog
from engine.research.search import course, size
from engine.research.sweep_runs import Name, Run, Task, ranked, score
from engine.research.sweep_spec import Spec
from engine.research.walk_forward import Fold, folds

_POLL_S = 0.25
_SYNC_S = 1.0
UNCHOSEN = "no run of what came before could be chosen: nothing was traded here"


class Executor(Protocol):
    """Makes runs, several at a time."""

    @property
    def room(self) -> int:
        """How many it would begin at once."""

    @property
    def busy(self) -> int: ...

    def begin(self, task: Task) -> None: ...

    def ended(self, timeout_s: float) -> list[Run]: ...


class Progress(msgspec.Struct):
    total: int
    """Runs in all, those of earlier starts too."""
    done: int = 0
    taken_up: int = 0
    """Of them from earlier starts."""
    failed: int = 0
    refused: int = 0

    def count(self, run: Run) -> None:
        self.done += 1
        self.failed += run.status == "failed"
        self.refused += run.status == "refused"


def sweep(
    spec: Spec,
    log: RunLog,
    executor: Executor,
    *,
    told: Callable[[Progress], None] = lambda progress: None,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Make every run of ``spec`` that ``log`` has not. Raises TickdeskError."""
    work = _Work(spec, log)
    synced = clock()
    told(work.progress)
    while True:
        while executor.room > 0 and (task := work.next()) is not None:
            executor.begin(task)
        if not executor.busy:
            break
        for run in executor.ended(_POLL_S):
            log.add(run)
            work.tell(run)
        if clock() - synced >= _SYNC_S:
            log.sync()
            synced = clock()
        told(work.progress)
    log.sync()
    told(work.progress)
    return work.progress


def total(spec: Spec) -> int:
    """Runs in all."""
    runs = size(spec.space, spec.search)
    return runs if spec.walk_forward is None else (runs + 1) * spec.walk_forward.folds


class _Work:
    """What is to be done next, and what follows from what was done."""

    def __init__(self, spec: Spec, log: RunLog) -> None:
        self._log = log
        self._stages = (
            [_Stage(spec, None)]
            if spec.walk_forward is None
            else [_Stage(spec, fold) for fold in folds(spec.walk_forward, spec.first_ns, spec.last_ns)]
        )
        self._by_fold = {stage.number: stage for stage in self._stages}
        self.progress = Progress(sum(stage.total for stage in self._stages))

    def next(self) -> Task | None:
        """The next run that is not in the file; None: none, or none yet. Raises StoreError."""
        for stage in self._stages:
            while (found := stage.next()) is not None:
                before = self._log.runs.get(found.name)
                if before is None:
                    if isinstance(found, Task):
                        return found
                    self._log.add(found)
                    before = found
                elif before.point != found.point:
                    raise StoreError(
                        f"{self._log.path.parent}: {found.name} was of other values there (made with another "
                        "version of a library?): choose another --out"
                    )
                else:
                    self.progress.taken_up += 1
                self.tell(before)
        return None

    def tell(self, run: Run) -> None:
        self._by_fold[run.name.fold].tell(run)
        self.progress.count(run)


class _Stage:
    """The whole of a sweep, or a fold of a walk-forward."""

    def __init__(self, spec: Spec, fold: Fold | None) -> None:
        self._spec = spec
        self._fold = fold
        self.number = 0 if fold is None else fold.number
        self._course = course(spec.space, spec.search, spec.objective, self.number)
        self.total = self._course.total + (fold is not None)
        self._runs: list[Run] = []
        self._judged = fold is None
        self._warm = 0 if spec.walk_forward is None else spec.walk_forward.warm_bars

    def next(self) -> Task | Run | None:
        """What to do; or what came to an end without being done."""
        fold = self._fold
        asked = self._course.ask()
        if asked is not None:
            n, point = asked
            name = Name(self.number, False, n)
            return Task(name, point, *(() if fold is None else (fold.since_ns, fold.until_ns, self._warm)))
        if self._judged or fold is None or not self._course.ended:
            return None
        self._judged = True
        best = ranked(self._runs, self._spec)
        if not best:
            return Run(Name(self.number, True, 0), {}, status="refused", error=UNCHOSEN)
        chosen = best[0].run
        name = Name(self.number, True, chosen.name.n)
        span = fold.judged_since_ns, fold.judged_until_ns
        return Task(name, chosen.point, *span, self._warm, keep=True)

    def tell(self, run: Run) -> None:
        if run.name.out:
            return
        self._runs.append(run)
        self._course.tell(run.name.n, score(run, self._spec.objective, self._spec.requires))
