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
from engine.market.candle_check import CandleCheck, Split
from engine.market.gap_fill import fill
from engine.store.bar import Bar, Span, StoredAction, bar_of
from engine.store.bars import BarStore
from engine.store.bars_read import BarReader
from engine.text import clean
from engine.wiring.store_query import queried

log = logging.getLogger("engine.history")

SETTLE_NS = 10 * NS
"""So long after its end a bar is asked for: venues take a moment to close it."""
LATE_NS = 120 * NS
"""Until so long after its end a bar that was not there may still come."""
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
    symbol has new bars. ``changed`` is called as the status goes.
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
            async with asyncio.TaskGroup() as group:
                for queue in queues.values():
                    group.create_task(self._load_all(queue))
        except* StoreError as errors:
            raise errors.exceptions[0] from None
        return status

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
        since_ns = max(self._oldest_ns(now_ns), self._checked.get(target.symbol, 0))
        holes = self._reader.missing(target.symbol, self._history.interval_s, since_ns, until_ns)
        return _Work(target, until_ns, holes)

    def _note_checked(self, work: _Work) -> None:
        late_ns = (self._clock() - LATE_NS) // self._step_ns * self._step_ns
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
        """By the first source that can."""
        symbol, faults = work.target.symbol, []
        holes = work.holes
        if symbol not in self._checked:
            await self._load_actions(work.target)
        for source, native in work.target.choices:
            interval_s = self._history.interval_s
            if source.intervals_s and interval_s not in source.intervals_s:
                faults.append(f"{source.name} has no bars of {interval_s} s")
                continue
            try:
                await self._load_from(source, symbol, native, holes)
            except FeedError as error:
                faults.append(clean(error, 160))
                log.warning("%s: %s", symbol, error)
                holes = (await asyncio.to_thread(self._work, work.target, self._clock())).holes
                continue
            self._note_checked(work)
            break
        else:
            self.status.faults[symbol] = "; ".join(faults) or "no source has it"
        if self._stored_of.pop(symbol, 0):
            self._quiet.pop(symbol, None)
            if self._loaded is not None:
                await self._loaded(symbol)
        else:
            self._keep_quiet(symbol)

    async def _load_from(
        self, source: Source, symbol: str, native: str, holes: Sequence[tuple[int, int]]
    ) -> None:
        """Raises FeedError when the source cannot, or not now."""
        for start_ns, end_ns in holes:
            hole = _Hole(self, source, symbol, native, start_ns, end_ns)
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

    async def _load_actions(self, target: Target) -> None:
        """Of the first who tells any. Bars are stored without, and the next day is another attempt."""
        now_ns = self._clock()
        since_ns = now_ns - (self._history.days + 1) * _DAY_NS
        for source, native in (*target.choices, *target.actions):
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
                return


class _Page(NamedTuple):
    bars: list[Bar]
    refused: list[tuple[Candle, str]]
    to_ns: int
    """Up to where it tells all there is."""


class _Hole:
    """One run of missing bars, from one source; ``go_on`` goes on where the last page ended."""

    def __init__(
        self, load: HistoryLoad, source: Source, symbol: str, native: str, start_ns: int, end_ns: int
    ) -> None:
        self._load = load
        self._source = source
        self._symbol = symbol
        self._native = native
        self._interval_s = load._history.interval_s
        self.at_ns = start_ns
        self._end_ns = end_ns
        self._before: Candle | None = None
        self._check = CandleCheck()

    async def begin(self) -> None:
        """Read what the first bar follows."""
        await asyncio.to_thread(self._begin)

    def _begin(self) -> None:
        reader = self._load._reader
        bars = reader.last(self._symbol, self._interval_s, 1, self.at_ns)
        self._before = bars.bar(0).candle() if len(bars) else None
        splits = [
            Split(action.ex_ns, action.value)
            for action in reader.actions(self._symbol)
            # Prices of a source that has applied it do not jump, except from those that were told before it.
            if action.kind == "split"
            and not (
                self._source.split_adjusted and (self._before is None or self._before.recv_ns >= action.ex_ns)
            )
        ]
        self._check = CandleCheck(self._load._quality.daily_return_pct, splits=splits, before=self._before)

    async def go_on(self) -> None:
        # One more than is wanted: what shows that a bar is closed is often its successor.
        until_ns = self._end_ns + self._load._step_ns
        pages = self._source.bars(self._symbol, self._native, self._interval_s, self.at_ns, until_ns)
        whole = True
        async for candles in pages:
            # Pages of a thousand bars would hold the loop up for milliseconds.
            page = await asyncio.to_thread(self._read, candles, self._load._clock())
            await self._store(page)
            whole = whole and all(candle.closed or candle.open_ns >= self._end_ns for candle in candles)
        if whole:
            await self._store(_Page([], [], self._end_ns))

    async def _store(self, page: _Page) -> None:
        load, status = self._load, self._load.status
        late_ns = load._clock() - LATE_NS - load._step_ns
        # What is this young and missing may only be late.
        to_ns = min(page.to_ns, max(late_ns, page.bars[-1].open_ns + load._step_ns if page.bars else 0))
        span = Span(self._symbol, self._interval_s, self.at_ns, to_ns) if to_ns > self.at_ns else None
        if page.bars or span is not None:
            job = load._store.page(page.bars, span, split_adjusted=self._source.split_adjusted)
            stored = await queried(load._store, job)
            status.stored += stored
            load._stored_of[self._symbol] = load._stored_of.get(self._symbol, 0) + stored
        for candle, reason in page.refused:
            load._refuse(candle, reason)
        status.refused += len(page.refused)
        reached_ns = min(max(page.to_ns, self.at_ns), self._end_ns)
        status.done += (reached_ns - self.at_ns) // load._step_ns
        status.symbol = self._symbol
        self.at_ns = reached_ns
        load._changed()

    def _read(self, candles: Sequence[Candle], now_ns: int) -> _Page:
        closed = []
        for candle in candles:
            if not candle.closed:
                break
            if self.at_ns <= candle.open_ns < self._end_ns:
                closed.append(candle)
        sifted = self._check.sift(closed, now_ns)
        filled = fill(sifted.kept, max_fill_bars=self._load._quality.max_fill_bars, before=self._before)
        if sifted.kept:
            self._before = sifted.kept[-1]
        to_ns = closed[-1].open_ns + self._load._step_ns if closed else self.at_ns
        aside = [(one.candle, one.reason) for one in sifted.aside]
        return _Page([bar_of(candle) for candle in filled.candles], aside, to_ns)


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
