"""A sweep's run of a backtest: one value of each parameter, over data that are prepared once.

Runs of the same data share what was read and packed; a walk-forward's parts are kept while they are used.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from engine.config import Config
from engine.errors import ConfigError, StoreError, TickdeskError
from engine.research.parameters import with_values
from engine.research.plan import Plan
from engine.research.result import Backtest
from engine.research.space import Point
from engine.research.summary import summarise
from engine.research.sweep_figures import figures
from engine.research.sweep_runs import Run, Task, packed
from engine.strategies.model import Model
from engine.text import clean
from engine.wiring.backtest import Prepared, prepare, run
from engine.wiring.bar_import import named_file
from engine.wiring.desk import Desk
from engine.wiring.journal_memory import JournalMemory
from engine.wiring.sweep_code import own_version, strategies_digest
from engine.wiring.sweep_link import ChangedError

_GOES_ON = ": put back what was, and the same command goes on; of what is now, begin another (--out)"
MOST_PREPARED = 3
"""Kept at a time: the parts of a walk-forward that two runs after each other may need. Of tapes one, whose
ticks may take a gigabyte."""


class Body(msgspec.Struct, frozen=True):
    """What a process is told at its start."""

    config: Config
    plan: Plan
    state_dir: str
    data: tuple[tuple[str, str], ...]
    """As ``data_of`` told it where the sweep was begun."""
    given: tuple[str, ...] = ()
    """As of ``on_bars``, beside what is tried."""
    version: str = ""
    strategies_sha256: str | None = None
    """Both None: whatever is there."""
    model: str | None = None
    """As of ``Spec``."""


def body(
    config: Config,
    plan: Plan,
    state_dir: Path,
    data: tuple[tuple[str, str], ...],
    given: Collection[str] = (),
    model: str | None = None,
) -> bytes:
    code = own_version(), strategies_digest(Path(config.strategies_dir))
    return msgspec.json.encode(Body(config, plan, str(state_dir), data, tuple(sorted(given)), *code, model))


def data_of(prepared: Prepared) -> tuple[tuple[str, str], ...]:
    """What is run over: symbols or tapes, each with the SHA-256 of its rows or bytes."""
    found = [(one.symbol, one.sha256) for one in prepared.sources if one.sha256]
    for text in prepared.plan.tapes:
        with Path(text).open("rb") as file:
            found.append((Path(text).name, hashlib.file_digest(file, "sha256").hexdigest()))
    return tuple(found)


def opened(told: bytes) -> Callable[[Task], Run]:
    """What makes a run of a task. Raises TickdeskError, where data or code are not the sweep's, too."""
    of = msgspec.json.decode(told, type=Body)
    if of.version != own_version():
        raise StoreError(
            f"the sweep is tickdesk {of.version}'s, and this is {own_version()}: install the same"
        )
    made = Backtests(of)
    made.require_strategies()
    if data_of(made.ready(of.config)) != of.data:
        raise StoreError(
            "the data are not those that the sweep was begun with: other files at the same place"
        )
    return made.run


class Backtests:
    def __init__(self, of: Body) -> None:
        self._config = of.config
        self._plan = of.plan
        self._state_dir = Path(of.state_dir)
        self._given = of.given
        self._strategies_sha256 = of.strategies_sha256
        self._model = of.model
        self._stamps = _stamps(of.plan)
        self._prepared: OrderedDict[tuple[object, ...], Prepared] = OrderedDict()

    def run(self, task: Task) -> Run:
        """Raises TickdeskError, ChangedError of them for what no run can be made of, and whatever a strategy
        does."""
        config = with_values(self._config, task.point)
        strategies = _Watched(task.point, self.require_strategies)
        ready = self.ready(config, task.since_ns, task.until_ns, task.warm_bars)
        given = {*self._given, *task.point}
        try:
            result = run(config, ready, detail=False, given=given, watch=strategies.begin)
        except Exception:
            self.require_strategies()  # a file that was changed may be what does not load
            raise
        if strategies.scored and self._model is not None and result.model != self._model:
            now, then = (f"model {one}" if one else "no model" for one in (result.model, self._model))
            raise ChangedError(f"{now} is active, and the sweep was begun with {then}{_GOES_ON}")
        strategies.end()
        return ended(task, result)

    def require_strategies(self) -> None:
        """Raises ChangedError: each run reads their files, which may be others by now."""
        if self._strategies_sha256 not in (None, strategies_digest(Path(self._config.strategies_dir))):
            folder = clean(self._config.strategies_dir, 200)
            raise ChangedError(
                f"the strategies in {folder} are not those that the sweep was begun with{_GOES_ON}"
            )

    def ready(self, config: Config, since_ns: int = 0, until_ns: int = 0, warm_bars: int = 0) -> Prepared:
        # Of the configuration nothing else has a say in what is read.
        of = since_ns, until_ns, warm_bars, config.quality, config.history
        if of in self._prepared:
            self._prepared.move_to_end(of)
            return self._prepared[of]
        plan = self._plan
        if since_ns or until_ns:
            cut = {"since_ns": since_ns, "until_ns": until_ns, "warm_bars": warm_bars}
            plan = msgspec.structs.replace(plan, **cut)
        while len(self._prepared) >= (1 if plan.tapes else MOST_PREPARED):
            self._prepared.popitem(last=False)
        if self._stamps != _stamps(plan):
            raise ChangedError(f"files of the data were changed while the sweep ran{_GOES_ON}")
        ready = prepare(config, plan, self._state_dir, part=bool(since_ns or until_ns))
        self._prepared[of] = ready
        return ready


def _stamps(plan: Plan) -> list[tuple[int, int]]:
    """By which a changed file is told: parts of a walk-forward are read when they are wanted."""
    found = []
    for path in (*map(Path, plan.tapes), *(named_file(text)[1] for text in plan.files)):
        try:
            stat = path.stat()
        except OSError:
            found.append((0, 0))  # whoever reads it says what is wrong
        else:
            found.append((stat.st_mtime_ns, stat.st_size))
    return found


class _Watched:
    """The strategies of one run: where one cannot be used, or falls, the desk goes on without it, and what it
    comes to is no result of the values that were tried."""

    def __init__(self, point: Point, require_same: Callable[[], None]) -> None:
        """``require_same`` is called once their files are read, and may raise."""
        self._tried = {key.split(".")[1] for key in point if key.startswith("strategies.")}
        self._require_same = require_same
        self.scored = False
        """A model had a say."""
        self._desk: Desk | None = None
        self._known: dict[str, str] = {}

    def begin(self, desk: Desk, journal: JournalMemory) -> None:
        """Raises ConfigError where one that is tried refuses its values."""
        self._require_same()
        self._desk = desk
        self.scored = desk.signals.strategies.enabled(Model.name)
        self._known = self._errors()
        for name in sorted(self._tried & self._known.keys()):
            raise ConfigError(f"{name}: {self._known[name]}")

    def end(self) -> None:
        """Raises TickdeskError where one fell."""
        for name, error in self._errors().items():
            if self._known.get(name) != error:
                raise TickdeskError(f"{name} was switched off: {error}")

    def _errors(self) -> dict[str, str]:
        assert self._desk is not None
        return {one.name: one.error for one in self._desk.signals.strategies.states() if one.error}


def ended(task: Task, result: Backtest) -> Run:
    summary = summarise(result, samples=0)
    return Run(
        task.name,
        task.point,
        figures=figures(summary),
        warnings=summary.warnings,
        sha256=result.sha256,
        result=packed(result) if task.keep else b"",
    )
