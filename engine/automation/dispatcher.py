"""The dispatcher: definitions and signals in, jobs out, and what became of them.

It starts nothing and reads no clock. Signals are collected, matched in batches against an index in memory;
the jobs that come out are to be recorded before they run (``begun``), so that none runs twice.

Two clocks come in as numbers: ``now_ns`` is the desk's (UTC; cooldowns, periods), ``at_ns`` a monotonic one
(latency).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import msgspec

from engine.automation.definition import Definition
from engine.automation.index import Index, Watch
from engine.automation.parts import PeriodicTrigger, SignalTrigger
from engine.automation.schedule import next_due
from engine.events import Signal

PERIODIC = "periodic"
"""In place of a signal's source, in statistics."""
MAX_WAITING = 100_000
"""Signals that wait for a batch; beyond them the oldest are lost."""
MAX_HELD = 10_000
"""Jobs that wait for room among those that run; what is matched beyond them is skipped."""
LATENCIES = 2_000
"""Of each type of signal, the newest."""
NEVER = 0
LONG_AGO = -(1 << 62)


class Job(msgspec.Struct, frozen=True, gc=False):
    """One run that is wanted. ``signal`` is None for a periodic one, ``ns`` is then when it was due."""

    run_id: str
    definition: Definition
    signal: Signal | None
    ns: int
    at_ns: int
    """When the signal came, or the period was seen to be over; monotonic."""

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def symbol(self) -> str:
        return "" if self.signal is None else self.signal.symbol

    @property
    def source(self) -> str:
        """The signal's; "" for a periodic run."""
        return "" if self.signal is None else self.signal.source


class Tally:
    """What happened with one type of signal."""

    __slots__ = ("failed", "latencies", "matched", "seen", "skipped", "started", "succeeded")

    def __init__(self) -> None:
        self.seen = self.matched = self.started = self.succeeded = self.failed = self.skipped = 0
        self.latencies: deque[int] = deque(maxlen=LATENCIES)
        """ns from a signal to its job's start."""

    def latency_us(self, share: float) -> float | None:
        """A quantile (nearest rank); None before the first start."""
        ordered = sorted(self.latencies)
        if not ordered:
            return None
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e3


class Entry:
    """An automation in the dispatcher, and how it went since the engine's start."""

    __slots__ = (
        *("definition", "due_ns", "error", "last", "last_ns", "place"),
        *("failed", "matched", "running", "started", "succeeded"),
    )

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.matched = self.started = self.succeeded = self.failed = self.running = 0
        """``running``: at work, or held."""
        self.last_ns = NEVER
        self.last: dict[str, int] = {}
        """By symbol: when it was last wanted; kept where there is a cooldown."""
        self.error = ""
        """Why the last run failed."""
        self.place = ""
        """Who does what the last run does outside of the desk."""
        self.due_ns = NEVER


class Dispatcher:
    """Owns the index, what runs, and the counts."""

    def __init__(self, max_running: int) -> None:
        self._max_running = max_running
        self._index = Index()
        self._waiting: deque[tuple[int, Signal]] = deque(maxlen=MAX_WAITING)
        self._running: set[tuple[str, str]] = set()
        """(name, symbol) of what runs, and of what is held."""
        self._held: deque[Job] = deque()
        """Wanted while ``max_running`` ran: first come, first served."""
        self._last: dict[str, dict[str, int]] = {}
        self.entries: dict[str, Entry] = {}
        """By name, in order of name."""
        self.tallies: dict[str, Tally] = {}
        """By source."""

    # --- definitions ---

    def remember(self, started: Mapping[tuple[str, str], int]) -> None:
        """When each (name, symbol) last started in earlier runs of the engine: cooldowns go on."""
        for (name, symbol), ns in started.items():
            self._last.setdefault(name, {})[symbol] = ns
        for entry in self.entries.values():
            self._recall(entry)

    def load(self, definitions: Iterable[Definition], now_ns: int) -> bool:
        """These are all automations from now on; counts and cooldowns of those that stay go on.

        Answers whether anything changed.
        """
        wanted = {one.name: one for one in sorted(definitions, key=lambda one: one.name)}
        if wanted == {name: entry.definition for name, entry in self.entries.items()}:
            return False
        before, self.entries = self.entries, {}
        for name, definition in wanted.items():
            entry = before.get(name)
            if entry is None:
                entry = Entry(definition)
                self._recall(entry)
            elif entry.definition.trigger != definition.trigger or not definition.active:
                entry.due_ns = NEVER
            entry.definition = definition
            self.entries[name] = entry
            trigger = definition.trigger
            if isinstance(trigger, PeriodicTrigger) and definition.active and entry.due_ns == NEVER:
                entry.due_ns = next_due(trigger, now_ns)
        self._index = Index(
            Watch(number, name, definition.trigger, self.entries[name].last)
            for number, (name, definition) in enumerate(wanted.items())
            if definition.active and isinstance(definition.trigger, SignalTrigger)
        )
        return True

    def _recall(self, entry: Entry) -> None:
        for symbol, ns in self._last.get(entry.definition.name, {}).items():
            entry.last_ns = max(entry.last_ns, ns)
            entry.last[symbol] = max(entry.last.get(symbol, ns), ns)

    # --- in ---

    def offer(self, signal: Signal, at_ns: int) -> None:
        """Take a signal; it is matched with the next batch."""
        self._waiting.append((at_ns, signal))

    @property
    def waiting(self) -> int:
        """Signals that wait for the next batch."""
        return len(self._waiting)

    @property
    def held(self) -> int:
        """Jobs that wait until others have ended."""
        return len(self._held)

    def due_ns(self) -> int | None:
        """When the next periodic trigger is due; None without one."""
        return min((entry.due_ns for entry in self.entries.values() if entry.due_ns), default=None)

    def match(self, now_ns: int, at_ns: int) -> list[Job]:
        """The jobs of all that waits and of all periods that are over, in order.

        What already runs for a symbol, or was wanted a moment ago, is skipped. What is beyond ``max_running``
        is held until there is room, a signal's for no longer than the signal lives.
        """
        if self._held:
            self._drop_outdated(now_ns)
        wanted = self._match_signals()
        for entry in self.entries.values():
            if entry.due_ns and entry.due_ns <= now_ns:
                self._match_period(entry, now_ns, at_ns, wanted)
        room = self._max_running - (len(self._running) - len(self._held) - len(wanted))
        if not self._held and len(wanted) <= room:
            return wanted
        self._held.extend(wanted)
        return [self._held.popleft() for _ in range(min(room, len(self._held)))]

    def _drop_outdated(self, now_ns: int) -> None:
        """Nobody wants any more what was held for too long, or what a person has changed."""
        held, self._held = self._held, deque()
        for job in held:
            old = job.signal is not None and now_ns - job.ns >= job.signal.ttl_ns
            if old or self.withdrawn(job):
                self.unrecorded(job)
            else:
                self._held.append(job)

    def _match_signals(self) -> list[Job]:
        waiting, self._waiting = self._waiting, deque(maxlen=MAX_WAITING)
        match, tallies = self._index.match, self.tallies
        jobs: list[Job] = []
        for at_ns, signal in waiting:
            tally = tallies.get(signal.source)
            if tally is None:
                tally = tallies[signal.source] = Tally()
            tally.seen += 1
            found = match(signal)
            if found:
                symbol, ns = signal.symbol, signal.ns
                ready = [
                    watch
                    for watch in found
                    if not watch.cooldown_ns or ns - watch.last.get(symbol, LONG_AGO) >= watch.cooldown_ns
                ]
                if len(ready) > 1:
                    ready.sort(key=_number)
                for watch in ready:
                    self._want(watch, signal, at_ns, tally, jobs)
        return jobs

    def _want(self, watch: Watch, signal: Signal, at_ns: int, tally: Tally, jobs: list[Job]) -> None:
        name, symbol, ns = watch.name, signal.symbol, signal.ns
        entry = self.entries[name]
        entry.matched += 1
        tally.matched += 1
        key = name, symbol
        if key in self._running or self._full:
            tally.skipped += 1
            return
        self._running.add(key)
        entry.running += 1
        if watch.cooldown_ns:
            watch.last[symbol] = ns
        jobs.append(Job(run_id(name, symbol, ns), entry.definition, signal, ns, at_ns))

    @property
    def _full(self) -> bool:
        return len(self._running) >= self._max_running + MAX_HELD

    def _match_period(self, entry: Entry, now_ns: int, at_ns: int, jobs: list[Job]) -> None:
        trigger, due_ns = entry.definition.trigger, entry.due_ns
        assert isinstance(trigger, PeriodicTrigger)
        entry.due_ns = next_due(trigger, now_ns)
        tally = self.tallies.setdefault(PERIODIC, Tally())
        tally.seen += 1
        tally.matched += 1
        entry.matched += 1
        key = entry.definition.name, ""
        if key in self._running or self._full:
            tally.skipped += 1
            return
        self._running.add(key)
        entry.running += 1
        jobs.append(Job(run_id(*key, due_ns), entry.definition, None, due_ns, at_ns - (now_ns - due_ns)))

    # --- what became of the jobs ---

    def begun(self, job: Job, now_ns: int, at_ns: int) -> None:
        """It is recorded and starts now."""
        entry, tally = self.entries.get(job.name), self._tally(job)
        tally.started += 1
        tally.latencies.append(max(0, at_ns - job.at_ns))
        if entry is not None:
            entry.started += 1
            entry.last_ns = now_ns

    def placed(self, job: Job, place: str) -> None:
        """Who does what of it is done outside of the desk."""
        entry = self.entries.get(job.name)
        if entry is not None:
            entry.place = place

    def withdrawn(self, job: Job) -> str:
        """What a person did to the automation while the job ran, so that it goes no further; "": nothing."""
        entry = self.entries.get(job.name)
        if entry is None:
            return "removed"
        if not entry.definition.active:
            return "switched off"
        return "changed" if entry.definition.steps != job.definition.steps else ""

    def skipped(self, job: Job) -> None:
        """It was recorded before, or may not start: it does not run."""
        self._tally(job).skipped += 1
        self._leave(job)

    def unrecorded(self, job: Job) -> None:
        """It could not be recorded, so it does not run: no cooldown follows from it."""
        self.skipped(job)
        entry = self.entries.get(job.name)
        if entry is not None and entry.last.get(job.symbol) == job.ns:
            del entry.last[job.symbol]  # the one before was over

    def ended(self, job: Job, error: str) -> None:
        """It has run; ``error`` is "" when all its steps were done."""
        tally, entry = self._tally(job), self._leave(job)
        if error:
            tally.failed += 1
        else:
            tally.succeeded += 1
        if entry is not None:
            entry.error = error
            if error:
                entry.failed += 1
            else:
                entry.succeeded += 1

    def _leave(self, job: Job) -> Entry | None:
        self._running.discard((job.name, job.symbol))
        entry = self.entries.get(job.name)
        if entry is not None:
            entry.running = max(0, entry.running - 1)
        return entry

    def _tally(self, job: Job) -> Tally:
        return self.tallies.setdefault(PERIODIC if job.signal is None else job.signal.source, Tally())


def _number(watch: Watch) -> int:
    return watch.number


def run_id(name: str, symbol: str, ns: int) -> str:
    """The same automation, symbol and time give the same id, in every process: 24 hex digits."""
    return blake2b(f"{name}\x1f{symbol}\x1f{ns}".encode(), digest_size=12).hexdigest()
