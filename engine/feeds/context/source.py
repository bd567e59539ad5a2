"""A source of market context: asked again and again by REST, slower while it does not answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from engine.errors import FeedError
from engine.events import ContextEvent, FeedState
from engine.feeds.backoff import Backoff
from engine.feeds.base import FeedStats, UnreachableError
from engine.text import clean

ContextSink = Callable[[Sequence[ContextEvent]], None]
"""Takes the events of one answer, in order; called synchronously, must not block."""


_TROUBLES = 3
"""At most so many are told in a feed's detail."""


AHEAD_MS = 60_000
"""An answer whose time is further ahead of our clock is refused: what came after it would look old."""


class AnswerError(ValueError):
    """An answer, be it with HTTP 200, that says that something is wrong. Worth asking again later."""


class CutShortError(UnreachableError):
    """Nobody answers any more in the midst of a round: what came before that counts, it is not told again."""

    def __init__(self, error: UnreachableError, events: Sequence[ContextEvent]) -> None:
        super().__init__(str(error), error.retry_after_s)
        self.events = events


class ContextSource(Protocol):
    """What differs between sources: whom to ask, and what the answers mean."""

    venue: str
    """Its name among all that are watched: no market feed has it."""
    host: str
    """What of its address may be shown."""
    interval_s: float
    troubles: dict[str, str]
    """What of the last round brought nothing, while the rest of it did: name -> why."""

    async def poll(self) -> list[ContextEvent]:
        """One round. Raises UnreachableError (with the wait that was asked for; CutShortError where some of
        it came), FeedError, ValueError."""

    async def close(self) -> None: ...


class ContextFeed:
    """Runs one source. Its health is told in ``stats`` and on the log; a failure costs nothing else.

    ``stats.last_data_ns`` stays 0: context is minutes old by nature, and no reason to call a feed late.
    """

    def __init__(self, source: ContextSource, backoff: Backoff) -> None:
        self.venue = source.venue
        self.stats = FeedStats()
        self._source = source
        self._backoff = backoff
        self._log = logging.getLogger(f"engine.feeds.{source.venue}")

    async def run(self, sink: ContextSink) -> None:
        """Ask until cancelled."""
        self._tell(FeedState.CONNECTING, f"asking {self._source.host}")
        try:
            while True:
                await asyncio.sleep(await self._round(sink))
        finally:
            await self._source.close()

    async def _round(self, sink: ContextSink) -> float:
        """One poll; returns the seconds to wait after it."""
        every_s = self._source.interval_s
        try:
            events = await self._source.poll()
        except UnreachableError as error:
            if isinstance(error, CutShortError):
                sink(error.events)
            return self._failed(str(error), error.retry_after_s)
        except (FeedError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            return self._failed(f"{self.venue}: {clean(error, 160)}", 0.0)
        self._backoff.reset()
        self.stats.messages += 1
        troubles = list(self._source.troubles.values())[:_TROUBLES]
        told = f"{self._source.host} answers, asked every {every_s:g} s"
        self._tell(FeedState.UP, "; ".join([told, *troubles]))
        if events:
            sink(events)
        return every_s

    def _failed(self, why: str, retry_after_s: float) -> float:
        wait_s = self._backoff.next(retry_after_s)
        self._tell(FeedState.DOWN, f"{why}; asked again in {wait_s:.1f} s")
        return wait_s

    def _tell(self, state: FeedState, detail: str) -> None:
        """Note the state; log a change of it, and nothing in between."""
        if state is not self.stats.state:
            self.stats.reconnects += state is FeedState.UP and self.stats.state is FeedState.DOWN
            level = logging.WARNING if state is FeedState.DOWN else logging.INFO
            self._log.log(level, "%s", detail)
        self.stats.state, self.stats.detail = state, detail


async def each(
    names: Sequence[str],
    ask: Callable[[str], Awaitable[list[ContextEvent]]],
    troubles: dict[str, str],
) -> list[ContextEvent]:
    """Ask for every name: one that is refused costs the others nothing, it stands in ``troubles``.

    Raises UnreachableError at once (then no other would be answered either; CutShortError with what others
    brought before), and the last error when none of them brought anything.
    """
    events: list[ContextEvent] = []
    last: Exception | None = None
    troubles.clear()
    for name in names:
        try:
            events += await ask(name)
        except UnreachableError as error:
            if events:
                raise CutShortError(error, events) from None
            raise
        except (FeedError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            troubles[name] = f"{clean(name, 60)}: {clean(error, 120)}"
            last = error
    if last is not None and len(troubles) == len(names):
        raise last
    return events
