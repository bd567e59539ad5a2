"""Loading history: what is missing of the stored bars is asked for, judged, and stored page by page.

Progress is what is stored: a page's bars and the note that its span was asked for are one transaction, so a
load that was killed goes on where its bars end, and what nobody has is not asked for twice.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import NamedTuple

import msgspec

from engine.config import HistoryConfig, QualityConfig
from engine.errors import FeedError, StoreError
from engine.events import NS, Candle
from engine.feeds.backoff import Backoff
from engine.feeds.base import UnreachableError
from engine.feeds.sources.source import Action, ExhaustedError, Source
from engine.feeds.sources.source import Split as ToldSplit
from engine.store.bar import StoredAction
from engine.store.bars import BarStore
from engine.store.bars_read import BarReader
from engine.task_group import TaskGroup
from engine.text import clean
from engine.wiring.history_hole import Hole
from engine.wiring.store_query import queried

log = logging.getLogger("engine.history")

SETTLE_NS = 10 * NS
"""So long after its end a bar is asked for: venues take a moment to close it."""
WINDOW_S = 3600
"""What a source may tell late is looked for again and again for so long, and then once a day."""
ATTEMPTS = 5
"""In a row without a page, before a source is left for this time."""
MAX_WAIT_S = 90.0
"""A budget that is free again sooner is waited for."""
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 30.0
LEAST_QUIET_NS, MOST_QUIET_NS = 60 * NS, 3600 * NS
"""Between two questions for a symbol of which there was nothing new: doubling. Markets close, and budgets
are small."""
_DAY_NS = 86_400 * NS
_NOW = 0, 0


Choices = tuple[tuple[Source, str], ...]
"""Who can be asked, and the symbol's spelling there; the preferred first."""


class Target(NamedTuple):
    """One symbol, and who has its bars."""

    symbol: str
    choices: Choices
    actions: Choices = ()
    """Who may know its splits and dividends, beside those."""
    rest: Choices = ()
    """Who is asked for what lies before the reach of ``choices``, and for nothing else."""
    fills: bool = True
    """Its market never closes: a short hole in its bars is a time without a trade."""


class LoadStatus(msgspec.Struct):
    """How far a load is. Bars are counted as time: those that nobody has count as done once asked for."""

    symbols: int = 0
    """To load something of."""
    symbols_done: int = 0
    wanted: int = 0
    """Bars that are missing."""
    done: int = 0
    stored: int = 0
    """Bars that were new or better than a stored one."""
    refused: int = 0
    symbol: str = ""
    """The one that was heard of last."""
    faults: dict[str, str] = msgspec.field(default_factory=dict)
    """Why a symbol's bars could not be loaded, one line each."""
    reach_ns: dict[str, int] = msgspec.field(default_factory=dict)
    """Of symbols of which nobody who is asked tells all that is wanted: from when on they do."""

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.wanted) if self.wanted else 1.0

    @property
    def text(self) -> str:
        """One line while it runs."""
        return f"history {self.share:.0%}, {self.symbols_done} of {self.symbols} symbols"


class _Work(NamedTuple):
    target: Target
    until_ns: int
    holes: list[tuple[int, int]]


class HistoryLoad:
    """Loads what is missing, of several sources at once and of each one symbol after the other.

    ``refuse(candle, reason)`` is told of bars that are not believed, ``loaded(symbol)`` is awaited when a
    symbol has new bars, or a split is told of it. ``changed`` is called as the status goes.
    """

    def __init__(
        self,
        store: BarStore,
        reader: BarReader,
        history: HistoryConfig,
        quality: QualityConfig,
        *,
        clock: Callable[[], int],
        rng: Random,
        refuse: Callable[[Candle, str], None],
        loaded: Callable[[str], Awaitable[None]] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.status = LoadStatus()
        self._store = store
        self._reader = reader
        self._history = history
        self._step_ns = history.interval_s * NS
        self._quality = quality
        self._clock = clock
        self._rng = rng
        self._refuse = refuse
        self._loaded = loaded
        self._changed = changed
        self._checked: dict[str, int] = {}
        """By symbol, up to when nothing is missing any more."""
        self._full_day = -1
        self._stored_of: dict[str, int] = {}
        self._fills: dict[str, bool] = {}
        self._quiet: dict[str, tuple[int, int]] = {}
        """By symbol of which nothing new was to be had: (when to ask again, after how long a pause)."""

    async def run(self, targets: Sequence[Target]) -> LoadStatus:
        """Load what is missing of ``targets`` now. Raises ``StoreError`` where it cannot be stored; what a
        source cannot do is in the status' faults."""
        now_ns = self._clock()
        if now_ns // _DAY_NS != self._full_day:
            # Once a day from the beginning: what failed today may work tomorrow.
            self._full_day = now_ns // _DAY_NS
            self._checked.clear()
            self._quiet.clear()
        self.status = status = LoadStatus()
        works = []
        for target in targets:
            if now_ns < self._quiet.get(target.symbol, _NOW)[0]:
                continue
            self._fills[target.symbol] = target.fills
            work = await asyncio.to_thread(self._work, target, now_ns)
            if work.holes:
                works.append(work)
                status.wanted += sum(end - start for start, end in work.holes) // self._step_ns
            else:
                self._note_checked(work)
        status.symbols = len(works)
        self._changed()
        queues: dict[str, list[_Work]] = {}
        for work in works:
            first = next((source.name for source, _ in work.target.choices), "")
            queues.setdefault(first, []).append(work)
        try:
            async with TaskGroup() as group:
                for queue in queues.values():
                    group.create_task(self._load_all(queue))
        except* StoreError as errors:
            raise errors.exceptions[0] from None
        return status

    def ask_all(self) -> None:
        """In the next run, also for symbols of which there was nothing new a moment ago."""
        self._quiet.clear()

    async def forget_old(self) -> int:
        """Delete what is older than ``history.days``, a little at a time; answers how many bars."""
        before_ns = self._oldest_ns(self._clock())
        total = 0
        while deleted := await queried(self._store, self._store.forget(before_ns)):
            total += deleted
            await asyncio.sleep(0.01)
        return total

    def _oldest_ns(self, now_ns: int) -> int:
        return (now_ns - self._history.days * _DAY_NS) // self._step_ns * self._step_ns

    # --- what is missing ---

    def _work(self, target: Target, now_ns: int) -> _Work:
        until_ns = (now_ns - SETTLE_NS) // self._step_ns * self._step_ns
        reach_ns = self._reach_ns((*target.choices, *target.rest), now_ns)
        oldest_ns = self._oldest_ns(now_ns)
        if reach_ns > oldest_ns:
            self.status.reach_ns[target.symbol] = reach_ns
        since_ns = max(oldest_ns, reach_ns, self._checked.get(target.symbol, 0))
        holes = self._reader.missing(target.symbol, self._history.interval_s, since_ns, until_ns)
        return _Work(target, until_ns, _joined(holes, now_ns - _delay_s(target) * NS))

    def _reach_ns(self, choices: Choices, now_ns: int) -> int:
        """The first bar that any of them tells; 0: there is no such end, or nobody to ask."""
        interval_s = self._history.interval_s
        found = [source.earliest_ns(interval_s, now_ns) for source, _ in choices if self._offers(source)]
        return -(-min(found, default=0) // self._step_ns) * self._step_ns

    def _offers(self, source: Source) -> bool:
        return not source.intervals_s or self._history.interval_s in source.intervals_s

    def _late_ns(self, target: Target, now_ns: int) -> int:
        """From when on what is missing is looked for again in a minute."""
        return (now_ns - min(_delay_s(target), WINDOW_S) * NS) // self._step_ns * self._step_ns

    def fills(self, symbol: str) -> bool:
        """Whether a short hole in its bars is a time without a trade."""
        return self._fills.get(symbol, True)

    def _note_checked(self, work: _Work) -> None:
        late_ns = self._late_ns(work.target, self._clock())
        self._checked[work.target.symbol] = min(work.until_ns, late_ns)

    def _keep_quiet(self, symbol: str) -> None:
        pause_ns = min(max(LEAST_QUIET_NS, 2 * self._quiet.get(symbol, _NOW)[1]), MOST_QUIET_NS)
        self._quiet[symbol] = self._clock() + pause_ns, pause_ns

    # --- loading ---

    async def _load_all(self, queue: list[_Work]) -> None:
        for work in queue:
            await self._load(work)
            self.status.symbols_done += 1
            self._changed()

    async def _load(self, work: _Work) -> None:
        """By the first source that can; what lies before its reach, by the next that has it."""
        target, symbol = work.target, work.target.symbol
        faults: list[str] = []
        split = symbol not in self._checked and await self._load_actions(target)
        left = await self._load_by(target, target.choices, work.holes, faults)
        if left and target.rest:
            reach_ns = self._reach_ns(target.choices, self._clock())
            after = [(max(start, reach_ns), end) for start, end in left if end > reach_ns]
            before = [(start, min(end, reach_ns)) for start, end in left if start < reach_ns]
            left = await self._load_by(target, target.rest, before, faults) + after
        reach_ns = self._reach_ns((*target.choices, *target.rest), self._clock())
        if any(end > reach_ns for _, end in left):  # it moves on while bars are loaded
            self.status.faults[symbol] = "; ".join(faults) or "no source has it"
        else:
            self._note_checked(work)
        stored = self._stored_of.pop(symbol, 0)
        if stored:
            self._quiet.pop(symbol, None)
        else:
            self._keep_quiet(symbol)
        if (stored or split) and self._loaded is not None:
            await self._loaded(symbol)

    async def _load_by(
        self, target: Target, choices: Choices, holes: list[tuple[int, int]], faults: list[str]
    ) -> list[tuple[int, int]]:
        """Load ``holes`` by the first of ``choices`` that reach them; returns what none of them told of."""
        for source, native in choices:
            if not holes:
                break
            if not self._offers(source):
                faults.append(f"{source.name} has no bars of {self._history.interval_s} s")
                continue
            reach_ns = self._reach_ns(((source, native),), self._clock())
            within = [(max(start, reach_ns), end) for start, end in holes if end > reach_ns]
            try:
                await self._load_from(source, target.symbol, native, within)
            except FeedError as error:
                faults.append(clean(error, 160))
                log.warning("%s: %s", target.symbol, error)
                since_ns, until_ns = holes[0][0], holes[-1][1]
                missing = self._reader.missing
                interval_s = self._history.interval_s
                holes = await asyncio.to_thread(missing, target.symbol, interval_s, since_ns, until_ns)
            else:
                holes = [(start, min(end, reach_ns)) for start, end in holes if start < reach_ns]
        return holes

    async def _load_from(
        self, source: Source, symbol: str, native: str, holes: Sequence[tuple[int, int]]
    ) -> None:
        """Raises FeedError when the source cannot, or not now."""
        for start_ns, end_ns in holes:
            hole = Hole(self, source, symbol, native, start_ns, end_ns)
            await hole.begin()
            await self._patiently(hole.go_on, lambda hole=hole: hole.at_ns)  # type: ignore[misc]

    async def _patiently(self, work: Callable[[], object], reached: Callable[[], int]) -> None:
        """``await work()`` again after what may pass; only so often without getting further."""
        backoff = Backoff(FIRST_PAUSE_S, MAX_PAUSE_S, self._rng)
        failures, at = 0, reached()
        while True:
            try:
                await work()  # type: ignore[misc]
                return
            except UnreachableError as error:
                if reached() != at:
                    failures, at = 0, reached()
                    backoff.reset()
                failures += 1
                wait_s = max(0.0, error.retry_after_s)
                if failures >= ATTEMPTS or wait_s > MAX_WAIT_S:
                    raise
                if not isinstance(error, ExhaustedError):
                    wait_s = backoff.next(wait_s)
                await asyncio.sleep(max(wait_s, 0.05))

    async def _load_actions(self, target: Target) -> bool:
        """Of the first who knows them; whether there is a split among them. Bars are stored without, and the
        next day is another attempt."""
        now_ns = self._clock()
        since_ns = now_ns - (self._history.days + 1) * _DAY_NS
        for source, native in (*target.choices, *target.actions):
            if not source.tells_actions:
                continue
            try:
                actions = await source.actions(target.symbol, native, since_ns, now_ns)
            except FeedError as error:
                log.warning(
                    "%s: without the splits and dividends of %s: %s", target.symbol, source.name, error
                )
                continue
            told = [_stored(action, source, now_ns) for action in actions if _sound(action)]
            if told:
                await queried(self._store, self._store.actions(target.symbol, told))
            return any(one.kind == "split" for one in told)
        return False


def _delay_s(target: Target) -> int:
    """So long after its end a bar may still come."""
    return max((source.delay_s for source, _ in target.choices), default=0)


def _joined(holes: Sequence[tuple[int, int]], late_ns: int) -> list[tuple[int, int]]:
    """The holes; those that begin at ``late_ns`` or later, which are asked for again and again, as one."""
    old = [hole for hole in holes if hole[0] < late_ns]
    young = [hole for hole in holes if hole[0] >= late_ns]
    return [*old, (young[0][0], young[-1][1])] if young else old


def _sound(action: Action) -> bool:
    """Whether it can be computed with."""
    if isinstance(action, ToldSplit):
        return 0.0 < action.numerator < math.inf and 0.0 < action.denominator < math.inf
    return 0.0 < action.amount < math.inf


def _stored(action: Action, source: Source, now_ns: int) -> StoredAction:
    if isinstance(action, ToldSplit):
        kind, value = "split", action.numerator / action.denominator
    else:
        kind, value = "dividend", action.amount
    return StoredAction(action.ns, kind, value, source.name, source.dividends_adjusted, now_ns)
