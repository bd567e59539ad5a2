"""A tape as a feed: its events at the pace that a person chose, or as fast as they are taken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from engine.events import NS, FeedState, FeedStatus, Malformed, MarketEvent
from engine.feeds.base import FeedStats, InstrumentSpec, Sink
from engine.feeds.capture import Ticks
from engine.feeds.playback import Playback
from engine.feeds.tape import Tape, events_of

_PIECE, _PIECE_NS = 1024, 20 * NS
"""So many events, of so long, are played at once: bars close even where hardly anything trades, and whoever
asks for something meanwhile is not kept waiting."""
_LONGEST_WAIT_S = 1.0
_Block = TypeVar("_Block", list[MarketEvent], Ticks)


class TapeFeed:
    """Plays a tape as a feed, at the pace that ``playback`` keeps by ``recv_ns``.

    Events keep the tape's times. ``clock`` is only measured against itself; it returns ns. ``take_ticks``
    takes packed ticks and the table of their symbols where nothing paces them, which is many times as fast;
    without it, all goes to the sink.
    """

    def __init__(
        self,
        tape: Tape,
        playback: Playback,
        clock: Callable[[], int],
        take_ticks: Callable[[Ticks, Sequence[str]], None] | None = None,
    ) -> None:
        self.venue = tape.venue
        self.stats = FeedStats()
        self.playback = playback
        self.clock = clock
        self._tape = tape
        self._take_ticks = take_ticks
        self._asked = asyncio.Event()

    async def instruments(self) -> list[InstrumentSpec]:
        return self._tape.specs

    def look(self) -> None:
        """Something was asked of the playback: whoever waits looks again."""
        self._asked.set()

    async def run(self, sink: Sink) -> None:
        """Play to the tape's end, which is told by a FeedStatus with the detail "end of tape"."""
        playback, begun = self.playback, False
        for block in self._tape.blocks():
            if not len(block):
                continue
            if not begun:
                begun = True
                first_ns = block[0].recv_ns if isinstance(block, list) else int(block["recv_ns"][0])
                playback.begin(first_ns, self.clock())
                self._tell(FeedState.UP, f"playing {self._tape.paths[0].name}", first_ns, sink)
            if isinstance(block, list):
                for events in _pieces(block, lambda part: [event.recv_ns for event in part]):
                    await self._play(events, sink)
            else:
                for ticks in _pieces(block, lambda part: part["recv_ns"]):
                    await self._play_ticks(ticks, sink)
        playback.end()
        detail = "end of tape (it was cut off there)" if self._tape.truncated else "end of tape"
        self._tell(FeedState.ENDED, detail, playback.last_ns, sink)

    async def _play_ticks(self, ticks: Ticks, sink: Sink) -> None:
        done = 0 if self._take_ticks is None else self.playback.passes(ticks["recv_ns"])
        if self._take_ticks is not None and done:
            self.stats.messages += done
            self.stats.last_data_ns = self.playback.last_ns
            self._take_ticks(ticks[:done], self._tape.symbols)
            await asyncio.sleep(0)
        if done < len(ticks):
            await self._play(events_of(ticks[done:], self._tape.symbols), sink)

    async def _play(self, events: list[MarketEvent], sink: Sink) -> None:
        """Deliver ``events`` in runs, each as soon as it is due."""
        done = 0
        while done < len(events):
            now = self.clock()
            end = self.playback.due(events, done, now)
            if end == done:
                await self._wait(self.playback.wait_s(events[done].recv_ns, now))
                continue
            self._note(events[done:end])
            sink(events[done:end])
            done = end
            await asyncio.sleep(0)

    async def _wait(self, wait_s: float | None) -> None:
        """So long, or until something is asked for."""
        self._asked.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if wait_s is None else min(wait_s, _LONGEST_WAIT_S)):
                await self._asked.wait()

    def _note(self, events: list[MarketEvent]) -> None:
        self.stats.messages += len(events)
        self.stats.last_data_ns = events[-1].recv_ns
        self.stats.malformed += sum(isinstance(event, Malformed) for event in events)

    def _tell(self, state: FeedState, detail: str, recv_ns: int, sink: Sink) -> None:
        self.stats.state, self.stats.detail = state, detail
        sink([FeedStatus(self.venue, state, detail, recv_ns)])


def _pieces(block: _Block, times: Callable[[_Block], npt.ArrayLike]) -> Iterator[_Block]:
    """A block in its order, cut into what is played at once; ``times``: receipts."""
    start = 0
    while start < len(block):
        part: _Block = block[start : start + _PIECE]
        recv_ns = np.asarray(times(part))
        beyond = np.flatnonzero(recv_ns > recv_ns[0] + _PIECE_NS)
        end = int(beyond[0]) if len(beyond) else len(part)
        yield part[:end]
        start += end
