"""A tape of feeds, without a desk: connect, write what comes, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config import Config
from engine.errors import TapeError
from engine.events import MarketEvent
from engine.feeds.base import Feed, UnreachableError
from engine.feeds.packing import Packer
from engine.feeds.recorder import FrameTape, Recorder, TickTape
from engine.feeds.tap import Tap
from engine.feeds.tape_files import OneFile
from engine.text import clean
from engine.wiring.sources import live_feeds

_LOOK_S = 1.0
_BLOCK = 8192


@dataclass
class Progress:
    """How far a recording is; ``state`` of its feeds, a line."""

    state: str
    seconds: float
    ticks: int
    frames: int
    size: int
    """Bytes written."""
    lost: int
    gaps: int
    """Told by the feeds."""
    messages: int = 0
    """That the feeds' sockets brought."""


async def record(
    config: Config,
    out: Path,
    *,
    frames: bool,
    seconds: float,
    clock: Callable[[], int],
    stop: asyncio.Event,
    tell: Callable[[Progress], None],
) -> Progress:
    """Record what the configured feeds bring: ``frames`` of one, or the ticks of all, to ``out``.

    Ends after ``seconds`` (0: never), or when ``stop`` is set; ``tell`` is called every second. Raises
    ConfigError and FeedError for feeds that cannot be used as configured, TapeError for a file that cannot
    be written, or is there already.
    """
    recorder = Recorder(
        None if frames else TickTape(OneFile(out)),
        lambda venue: FrameTape(OneFile(out), venue),
    )
    try:
        return await _record(config, recorder, frames, seconds, clock, stop, tell)
    finally:
        await asyncio.to_thread(recorder.close)
        if recorder.error:
            raise TapeError(recorder.error)


async def _record(
    config: Config,
    recorder: Recorder,
    frames: bool,
    seconds: float,
    clock: Callable[[], int],
    stop: asyncio.Event,
    tell: Callable[[Progress], None],
) -> Progress:
    packer, loop = Packer(), asyncio.get_running_loop()
    feeds = live_feeds(config, clock, {}, lambda venue: Tap(recorder.taker(venue), clock) if frames else None)

    def sink(events: list[MarketEvent]) -> None:
        packer.add(events)
        if len(packer) >= _BLOCK:
            hand_over()

    def hand_over() -> None:
        ticks, news = packer.take()
        recorder.ticks(ticks, packer.symbols, news)

    began = loop.time()
    running = [asyncio.create_task(_run(feed, recorder, sink), name=f"record-{feed.venue}") for feed in feeds]
    stopping = asyncio.create_task(stop.wait())
    awaited: list[asyncio.Task[Any]] = [*running, stopping]
    try:
        while True:
            left = seconds - (loop.time() - began) if seconds else _LOOK_S
            within_s = max(min(left, _LOOK_S), 0.0)
            await asyncio.wait(awaited, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            hand_over()
            recorder.flush(clock())
            progress = _progress(feeds, recorder, loop.time() - began)
            tell(progress)
            for task in running:
                if task.done():
                    await task  # what it raises is what is wrong; a feed does not end by itself
            if stop.is_set() or recorder.error or (seconds and loop.time() - began >= seconds):
                return progress
    finally:
        for one in awaited:
            one.cancel()
        for task in running:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        hand_over()


async def _run(feed: Feed, recorder: Recorder, sink: Callable[[list[MarketEvent]], None]) -> None:
    """The instruments first: the tape then tells their grids, and a wrong symbol ends it at once."""
    with contextlib.suppress(UnreachableError):
        recorder.know(await feed.instruments())
    await feed.run(sink)


def _progress(feeds: Sequence[Feed], recorder: Recorder, seconds: float) -> Progress:
    states = [f"{feed.venue} {feed.stats.state.value}: {clean(feed.stats.detail, 60)}" for feed in feeds]
    return Progress(
        state="; ".join(states),
        seconds=seconds,
        ticks=recorder.ticks_taken,
        frames=recorder.frames_taken,
        size=recorder.size,
        lost=recorder.lost,
        gaps=sum(feed.stats.gaps for feed in feeds),
        messages=sum(feed.stats.messages for feed in feeds),
    )
