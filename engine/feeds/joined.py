"""One feed of several connections, for a venue that does not tell everything on one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import fields

from engine.events import FeedState, FeedStatus, MarketEvent
from engine.feeds.base import Feed, FeedStats, InstrumentSpec, LeavesOut, Sink
from engine.task_group import TaskGroup

_BADNESS = (FeedState.UP, FeedState.POLLING, FeedState.STALE, FeedState.CONNECTING, FeedState.DOWN)
_NEWEST = frozenset({"last_data_ns"})
"""Of these counters the largest counts; the others are added up."""

_TICK_S = 0.25


class JoinedFeed:
    """Its state is that of its worst part: what one of them does not bring is missed all the same. But where
    nothing trades for a while, a part that brings no quotes is silent beside one that does, as a channel is
    beside another on one connection: that is told, and is no worse state.
    """

    def __init__(self, parts: Sequence[Feed], without_quotes: Collection[int] = ()) -> None:
        """``parts`` are feeds of the same venue, at least one; ``without_quotes`` are the places of those
        that bring none."""
        self.venue = parts[0].venue
        self._parts = parts
        self.without_quotes = without_quotes
        self.stats = FeedStats()
        self._told = self.stats.state

    async def instruments(self) -> list[InstrumentSpec]:
        """See Feed."""
        return await self._parts[0].instruments()

    @property
    def left_out(self) -> Collection[str]:
        """See LeavesOut."""
        first = self._parts[0]
        return first.left_out if isinstance(first, LeavesOut) else ()

    def leave_out(self, natives: Collection[str]) -> None:
        """See LeavesOut."""
        for part in self._parts:
            if isinstance(part, LeavesOut):
                part.leave_out(natives)

    def take_back(self) -> None:
        """See LeavesOut."""
        for part in self._parts:
            if isinstance(part, LeavesOut):
                part.take_back()

    async def run(self, sink: Sink) -> None:
        """See Feed; what one part raises ends all, in an ExceptionGroup."""

        def through(events: list[MarketEvent]) -> None:
            out = [told for event in events if (told := self._through(event)) is not None]
            if out:
                sink(out)

        try:
            async with TaskGroup() as tasks:
                for part in self._parts:
                    tasks.create_task(part.run(through), name=f"part-{self.venue}")
                while True:
                    await asyncio.sleep(_TICK_S)
                    self._add_up()
        finally:
            self._add_up()

    def _through(self, event: MarketEvent) -> MarketEvent | None:
        """A part's change of state is the feed's only where that changes with it; what a decoder warns of is
        told as it is."""
        if not isinstance(event, FeedStatus):
            return event
        if all(event.state is not part.stats.state for part in self._parts):
            return event
        self._add_up()
        stats = self.stats
        if stats.state is self._told:
            return None
        self._told = stats.state
        return FeedStatus(self.venue, stats.state, stats.detail, event.recv_ns, stats.reconnects)

    def _worst(self, states: Sequence[FeedState]) -> FeedState:
        quoting = [state for at, state in enumerate(states) if at not in self.without_quotes]
        if quoting and all(state is FeedState.UP for state in quoting):
            states = [FeedState.UP if state is FeedState.STALE else state for state in states]
        return max(states, key=_BADNESS.index)

    def _add_up(self) -> None:
        told = [part.stats for part in self._parts]
        for field in fields(FeedStats):
            values = [getattr(one, field.name) for one in told]
            if field.name == "state":
                value: object = self._worst(values)
            elif field.name == "detail":
                value = "; ".join(dict.fromkeys(values))
            elif isinstance(values[0], bool):
                value = any(values)
            elif isinstance(values[0], int) and field.name not in _NEWEST:
                value = sum(values)
            else:
                value = max(values)
            setattr(self.stats, field.name, value)
