"""Which feeds a configuration asks for, and what they tell of their instruments."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from engine.config import Config
from engine.errors import ConfigError, FeedError, TickdeskError
from engine.events import FeedState
from engine.feeds.base import (
    Feed,
    InstrumentSpec,
    LeavesOut,
    Sink,
    UnknownSymbolsError,
    UnreachableError,
)
from engine.feeds.registry import open_feed
from engine.feeds.rest import RefusedError
from engine.feeds.simulated import SimulatedFeed
from engine.feeds.tap import Tap
from engine.task_group import TaskGroup
from engine.text import clean
from engine.wiring.candle_prints import POLLED

log = logging.getLogger("engine.feeds")

RETRY_S = 15.0
"""Between two questions for a venue's instruments."""
REFUSED_S = 60.0
"""The same where the venue refused: what stands in its way may pass."""
FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 30.0
"""Before a feed that failed runs again: doubling, and over again when it ran for longer than the most."""


def live_feeds(
    config: Config,
    clock: Callable[[], int],
    prices: Mapping[str, float],
    tap: Callable[[str], Tap | None] = lambda venue: None,
) -> list[Feed]:
    """One feed per enabled venue; the simulated one, starting at ``prices``, when no other is. ``tap`` gives
    what takes a venue's frames.

    Raises ConfigError.
    """
    feeds: list[Feed] = []
    for venue, feed in config.feeds.items():
        if not feed.enabled:
            continue
        # Jitter must differ between runs: many desks reconnecting in step is what it prevents.
        feeds.append(open_feed(venue, feed, clock=clock, rng=random.Random(), tap=tap(venue)))
    if config.simulated.enabled and not feeds:
        feeds.append(SimulatedFeed(config.simulated, clock=clock, prices=prices))
    if not feeds and not config.collection.symbols:
        raise ConfigError("no feed is enabled: enable one under [feeds], or [simulated]")
    return feeds


def brought_symbols(config: Config, feeds: Sequence[Feed]) -> set[str]:
    """What ``feeds`` and what is polled bring."""
    brought = {f"{POLLED}:{name}" for name in config.collection.symbols}
    for feed in feeds:
        natives = config.feeds[feed.venue].symbols if feed.venue in config.feeds else config.simulated.symbols
        brought.update(f"{feed.venue}:{native}" for native in natives)
    return brought


def unfed_symbols(config: Config, feeds: Sequence[Feed]) -> str:
    """A warning of symbols that have limits or exits of their own and that none of ``feeds`` brings; ""."""
    brought = brought_symbols(config, feeds)
    told = []
    for section, named in (("risk.symbols", config.risk.symbols), ("exits.symbols", config.exits.symbols)):
        told += [f"{section}.{clean(symbol, 60)}" for symbol in named if symbol not in brought]
    return f"no feed brings the symbol of {', '.join(told)}: it limits nothing" if told else ""


class Taker(Protocol):
    """Whom feeds are run for: a desk, or what stands for it."""

    def adopt(self, specs: Sequence[InstrumentSpec]) -> None:
        """Add instruments with the grid that their venue told."""

    def alert(self, level: str, source: str, text: str) -> None:
        """Tell the person at the desk."""


async def run_feed(desk: Taker, feed: Feed, sink: Sink) -> None:
    """Learn a live feed's instruments and run it, until cancelled.

    A bug in it costs its data for a while and nothing else: it is logged with its traceback, told in the
    feed's stats, and the feed runs again after a pause. What is wrong with the configuration ends it, in one
    clear error; but symbols that the venue does not know any more do not take the others with them.
    """
    told: set[str] = set()
    pause_s = FIRST_PAUSE_S
    while True:
        began_s = time.monotonic()
        try:
            await _run(desk, feed, sink, told)
            return
        except Exception as error:
            wrong = _wrong(error)
            if wrong is not None:
                refuse(desk, feed, wrong)
                return
            if time.monotonic() - began_s > MAX_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            detail = f"internal error ({_kind(error)}), see engine.log; starts again in {pause_s:g} s"
            feed.stats.state, feed.stats.detail = FeedState.DOWN, detail
            log.getChild(feed.venue).error("%s", detail, exc_info=error)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, MAX_PAUSE_S)


async def _run(desk: Taker, feed: Feed, sink: Sink, told: set[str]) -> None:
    """Once. The simulated venue's instruments are known already: its past was played to the desk."""
    async with TaskGroup() as beside:
        wait_s = 0.0 if isinstance(feed, SimulatedFeed) else await learn_instruments(desk, feed, told)
        beside.create_task(_learn_later(desk, feed, wait_s, told))
        await feed.run(sink)


def _wrong(error: Exception) -> TickdeskError | None:
    """What says that trying again cannot help, be it one of a group."""
    if isinstance(error, ExceptionGroup):
        return next((found for one in error.exceptions if (found := _wrong(one)) is not None), None)
    return error if isinstance(error, TickdeskError) and not isinstance(error, UnreachableError) else None


def _kind(error: Exception) -> str:
    return _kind(error.exceptions[0]) if isinstance(error, ExceptionGroup) else type(error).__name__


async def learn_instruments(desk: Taker, feed: Feed, told: set[str], *, running: bool = False) -> float:
    """Give the desk a venue's grids. Returns the seconds after which to ask again; 0 when it has them.

    Symbols that the venue does not know are left out, and told; raises FeedError where it knows none. A feed
    that is ``running`` goes on as it is. What was ``told`` is not told again.
    """

    def tell(error: FeedError, more: str) -> None:
        text = f"{error}; {more}"
        if text not in told:
            told.add(text)
            desk.alert("error", feed.venue, text)

    try:
        specs = await feed.instruments()
    except UnreachableError as error:
        log.getChild(feed.venue).warning("instruments: %s", error)
        return max(RETRY_S, error.retry_after_s)
    except UnknownSymbolsError as error:
        if running:
            tell(error, "nothing of them is to be expected")
        elif error.known and isinstance(feed, LeavesOut):
            tell(error, "the feed goes on without")
            feed.leave_out(error.natives)
        else:
            raise
        specs = list(error.known)
    except RefusedError as error:
        tell(error, f"it is asked again every {REFUSED_S:g} s, and grids are assumed meanwhile")
        return REFUSED_S
    desk.adopt(specs)
    return 0.0


async def _learn_later(desk: Taker, feed: Feed, wait_s: float, told: set[str]) -> None:
    """Until the venue answers: meanwhile its data comes, on grids that are assumed."""
    while wait_s > 0:
        await asyncio.sleep(wait_s)
        wait_s = await learn_instruments(desk, feed, told, running=True)


def adopt(desk: Taker, specs: Sequence[InstrumentSpec]) -> None:
    """Add instruments with the grid that their venue told."""
    desk.adopt(specs)


def refuse(desk: Taker, feed: Feed, error: TickdeskError) -> None:
    """A feed that cannot be used as configured: said once and loudly, the others go on."""
    feed.stats.state, feed.stats.detail = FeedState.DOWN, str(error)
    desk.alert("error", feed.venue, str(error))
