"""Alarms: when the engine tells that something of itself is wrong, and when that it is over.

What a person watches of the market is a rule of theirs (``engine.alerts``); this is about the machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from engine.config import AlarmsConfig

NS = 1_000_000_000
SOURCE = "operation"
"""Of the desk's alerts that come from here."""
FEED_KINDS = ("feed", "stale data")
LATENCY_NS = 60 * NS
"""Decisions are judged by those of this long."""
LEAST_LATENCIES = 20
_MOST_LATENCIES = 4096
_CRITICAL_DISK = 0.1
_NEARLY_FULL = 0.9
_GB = 1e9

Level = Literal["info", "warning", "error"]


class FeedSight(NamedTuple):
    venue: str
    delivers: bool
    """By socket or by polling."""
    detail: str
    """How it is, one clean line."""
    age_s: float | None
    """Since its market brought anything; None: nothing yet, or it brings none."""
    clock_off: bool
    """Entries are denied, since its clock and ours are too far apart."""


@dataclass(frozen=True)
class Sight:
    """What is looked at, all of one moment."""

    feeds: tuple[FeedSight, ...] = ()
    journal: str = ""
    """Why nothing can be written any more; "" while it can."""
    disk_free_bytes: int | None = None
    """None: not known."""
    writer_lag_s: float = 0.0
    loop_lag_s: float = 0.0
    """The longest since the last look."""
    bus: str = ""
    """What is wrong with the bus; "" while it is well, and without one."""
    bus_memory: float = 0.0
    """What its server uses of the memory that it may, from 0 to 1."""
    bus_oldest_s: float = 0.0
    """How much older the oldest entry that is not acknowledged is than it may be."""
    latencies_s: tuple[float, ...] = ()
    """Of the decisions since the last look."""
    drifted: int = 0
    """Features of the model at work."""


class Told(NamedTuple):
    kind: str
    level: Level
    text: str
    critical: bool


class _Case(NamedTuple):
    """One condition at one look."""

    kind: str
    subject: str
    holds: bool
    level: Level
    text: str
    over: str
    after_s: float = 0.0
    """It must hold for longer."""
    critical: bool = False


class _State:
    __slots__ = ("came", "gone_ns", "held_ns", "lasts", "said", "said_ns")

    def __init__(self) -> None:
        self.held_ns: int | None = None
        """Since when it holds."""
        self.gone_ns: int | None = None
        """Since when it does not any more."""
        self.lasts = False
        """It has come, and is not over."""
        self.said = False
        """And that was told."""
        self.said_ns: int | None = None
        self.came = 0
        """So many times since it was told last."""


class Alarms:
    """Give it a look a second or so; ``now_ns`` is of a clock that never steps back.

    What was told is told again after ``window_s`` alone, with how often it came meanwhile; its end is told
    when it was, ``clear_s`` after it.
    """

    def __init__(self, config: AlarmsConfig) -> None:
        self._config = config
        self._window_ns = round(config.window_s * NS)
        self._clear_ns = round(config.clear_s * NS)
        self._states: dict[tuple[str, str], _State] = {}
        self._latencies: deque[tuple[int, float]] = deque(maxlen=_MOST_LATENCIES)

    @property
    def lasting(self) -> list[tuple[str, str]]:
        """(kind, subject) of what is not over."""
        return [key for key, state in self._states.items() if state.lasts]

    def look(self, sight: Sight, now_ns: int) -> list[Told]:
        told = []
        for case in self._cases(sight, now_ns):
            state = self._states.setdefault((case.kind, case.subject), _State())
            news = self._judge(case, state, now_ns)
            if news is not None:
                told.append(news)
        return told

    def _judge(self, case: _Case, state: _State, now_ns: int) -> Told | None:
        if not case.holds:
            state.held_ns = None
            return self._gone(case, state, now_ns)
        state.gone_ns = None
        if state.held_ns is None:
            state.held_ns = now_ns
        if not state.lasts:
            if now_ns - state.held_ns < case.after_s * NS:
                return None
            state.lasts = True
            state.came += 1
        if state.said or (state.said_ns is not None and now_ns - state.said_ns < self._window_ns):
            return None
        again = f" ({state.came} times since it was told last)" if state.came > 1 else ""
        state.said, state.said_ns, state.came = True, now_ns, 0
        return Told(case.kind, case.level, case.text + again, case.critical)

    def _gone(self, case: _Case, state: _State, now_ns: int) -> Told | None:
        if not state.lasts:
            return None
        if state.gone_ns is None:
            state.gone_ns = now_ns
        if now_ns - state.gone_ns < self._clear_ns:
            return None
        said, state.said, state.lasts, state.gone_ns = state.said, False, False, None
        return Told(case.kind, "info", case.over, case.critical) if said else None

    def _cases(self, sight: Sight, now_ns: int) -> Iterator[_Case]:
        for feed in sight.feeds:
            yield from self._feed(feed)
        yield _Case(
            *("journal", "", bool(sight.journal), "error"),
            f"nothing can be written, so nothing trades: {sight.journal}",
            "the journal can be written again",
            critical=True,
        )
        yield _Case(
            *("bus", "", bool(self._config.bus_lag_s) and bool(sight.bus), "error"),
            f"the bus is not well: {sight.bus}",
            "the bus is well again",
            after_s=self._config.bus_lag_s,
            critical=True,  # who lost its lease acts no more: nobody watches the stops then
        )
        full = f"the memory of the bus is full to {100 * sight.bus_memory:.0f} %"
        yield _Case(
            *("bus memory", "", sight.bus_memory >= _NEARLY_FULL, "warning"),
            f"{full}: raise its server's maxmemory, or no ticks come",
            "the bus has memory again",
        )
        yield from self._lags(sight)
        yield from self._disk(sight.disk_free_bytes)
        yield self._latency(sight, now_ns)
        most = self._config.drifted_features
        yield _Case(
            *("model drift", "", 0 < most <= sight.drifted, "warning"),
            f"{sight.drifted} features of the model are of another distribution than in its training",
            "the model's features are again as in its training",
        )

    def _feed(self, feed: FeedSight) -> Iterator[_Case]:
        config = self._config
        why = f": {feed.detail}" if feed.detail else ""
        yield _Case(
            *("feed", feed.venue, bool(config.feed_lost_s) and not feed.delivers, "error"),
            f"{feed.venue} is away{why}",
            f"{feed.venue} is back",
            after_s=config.feed_lost_s,
        )
        late = feed.delivers and feed.age_s is not None and feed.age_s > config.stale_s
        yield _Case(
            *("stale data", feed.venue, bool(config.stale_s) and late, "warning"),
            f"{feed.venue} is connected, and has brought nothing for {feed.age_s or 0.0:.0f} s",
            f"{feed.venue} brings data again",
        )
        yield _Case(
            *("clock", feed.venue, feed.clock_off, "warning"),
            f"the clocks of {feed.venue} and of this machine are too far apart: entries are denied",
            f"the clocks of {feed.venue} and of this machine agree again",
        )

    def _lags(self, sight: Sight) -> Iterator[_Case]:
        config = self._config
        for subject, lag_s, limit_s, text in (
            ("writer", sight.writer_lag_s, config.writer_lag_s, "an event has waited {:.1f} s for the disk"),
            ("loop", sight.loop_lag_s, config.loop_lag_ms / 1e3, "the engine was held up for {:.2f} s"),
            (
                "bus",
                sight.bus_oldest_s,
                config.bus_lag_s,
                "an entry of the bus is {:.1f} s older than it may be: not all have acknowledged it",
            ),
        ):
            holds = 0.0 < limit_s < lag_s
            yield _Case(
                "lag", subject, holds, "warning", text.format(lag_s), f"the {subject} is in time again"
            )

    def _disk(self, free_bytes: int | None) -> Iterator[_Case]:
        limit = self._config.disk_free_gb * _GB
        free = limit if free_bytes is None else float(free_bytes)
        text = f"{free / _GB:.2f} GB are free for the state directory: make room, or the desk stops trading"
        yield _Case("disk", "low", free < limit, "warning", text, "there is room on the disk again")
        full = free < limit * _CRITICAL_DISK
        yield _Case("disk", "full", full, "error", text, "the disk is no longer full", critical=True)

    def _latency(self, sight: Sight, now_ns: int) -> _Case:
        self._latencies.extend((now_ns, one) for one in sight.latencies_s)
        while self._latencies and now_ns - self._latencies[0][0] > LATENCY_NS:
            self._latencies.popleft()
        budget_s, slow_s = self._config.latency_budget_ms / 1e3, 0.0
        if budget_s and len(self._latencies) >= LEAST_LATENCIES:
            ordered = sorted(one for _, one in self._latencies)
            slow_s = ordered[len(ordered) * 99 // 100]
        return _Case(
            *("latency", "", budget_s < slow_s, "warning"),
            f"1 of 100 decisions takes {slow_s * 1e3:.1f} ms or longer: the budget is {budget_s * 1e3:g} ms",
            "decisions are within their budget again",
        )
