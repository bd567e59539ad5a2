"""Which feeds a configuration asks for, and what they tell of their instruments."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from engine.config import Config
from engine.errors import ConfigError, FeedError, TickdeskError
from engine.events import FeedState, GridChange
from engine.feeds.base import (
    Feed,
    InstrumentSpec,
    LeavesOut,
    Sink,
    UnknownSymbolsError,
    UnreachableError,
)
from engine.feeds.news import is_sound
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
ANEW_S = 6 * 3600.0
"""After so long a venue is asked whether it changed any: a desk runs for weeks."""
ANEW_FAILED_S = 900.0
"""And after so long again where it does not answer that: grids are known. The same where it lists a symbol no
more, or tells a grid that cannot be: its answer may have been cut short, or damaged."""
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

    @property
    def now_ns(self) -> int:
        """Its clock."""

    def adopt(self, specs: Sequence[InstrumentSpec]) -> None:
        """Add instruments with the grid that their venue told."""

    def alert(self, level: str, source: str, text: str) -> None:
        """Tell the person at the desk."""


async def run_feed(desk: Taker, feed: Feed, sink: Sink) -> None:
    """Learn a live feed's instruments, now and then anew, and run it, until cancelled.

    A bug in it costs its data for a while and nothing else: it is logged with its traceback, told in the
    feed's stats, and the feed runs again after a pause. What is wrong with the configuration ends it, in one
    clear error; but symbols that the venue does not know any more do not take the others with them.
    """
    learning = _Learning(desk, feed, sink)
    pause_s = FIRST_PAUSE_S
    while True:
        began_s = time.monotonic()
        try:
            while await _run(learning, feed, sink):
                pass
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


async def _run(learning: _Learning, feed: Feed, sink: Sink) -> bool:
    """Once; True where it is to run again, with more symbols. The simulated venue's instruments are known
    already: its past was played to the desk."""
    if isinstance(feed, SimulatedFeed):
        await feed.run(sink)
        return False
    async with TaskGroup() as beside:
        wait_s = await learning.ask()
        runs = beside.create_task(feed.run(sink))
        asks = beside.create_task(learning.go_on(wait_s))
        await asyncio.wait((runs, asks), return_when=asyncio.FIRST_COMPLETED)
        more = not runs.done()
        runs.cancel()
        asks.cancel()
    if more and isinstance(feed, LeavesOut):
        feed.take_back()
    return more


def _wrong(error: Exception) -> TickdeskError | None:
    """What says that trying again cannot help, be it one of a group."""
    if isinstance(error, ExceptionGroup):
        return next((found for one in error.exceptions if (found := _wrong(one)) is not None), None)
    return error if isinstance(error, TickdeskError) and not isinstance(error, UnreachableError) else None


def _kind(error: Exception) -> str:
    return _kind(error.exceptions[0]) if isinstance(error, ExceptionGroup) else type(error).__name__


class _Learning:
    """What a venue tells of its instruments, and whether that changes while the desk runs."""

    def __init__(self, desk: Taker, feed: Feed, sink: Sink) -> None:
        self._desk = desk
        self._feed = feed
        self._sink = sink
        self._known: dict[str, InstrumentSpec] = {}
        self._told: set[str] = set()
        """It is not told again."""
        self._listed: list[str] = []
        """Native symbols that were left out, and that the venue knows by now."""

    async def go_on(self, wait_s: float) -> None:
        """Until a symbol that was left out is listed. Data that comes before the venue answers is on grids
        that are assumed."""
        while not self._listed:
            await asyncio.sleep(wait_s or ANEW_S)
            wait_s = await self.ask(running=True)
        names = clean(", ".join(self._listed), 100)
        self._desk.alert("warning", self._feed.venue, f"it lists {names} now: the feed starts anew with it")
        self._listed.clear()

    async def ask(self, *, running: bool = False) -> float:
        """Give the desk the grids. Returns the seconds after which to ask again; 0 when it has them.

        Symbols that the venue does not know are left out, and told; raises FeedError where it knows none, and
        none was known before. A feed that is ``running`` goes on as it is.
        """
        feed = self._feed
        try:
            specs = await feed.instruments()
        except UnreachableError as error:
            log.getChild(feed.venue).warning("instruments: %s", error)
            return max(ANEW_FAILED_S if self._known else RETRY_S, error.retry_after_s)
        except UnknownSymbolsError as error:
            if running:
                if not set(error.natives) <= set(self._left_out):
                    self._tell(error, "nothing of them is to be expected")
            elif error.known and isinstance(feed, LeavesOut):
                self._tell(error, "the feed goes on without")
                feed.leave_out(error.natives)
            else:
                return self._unanswered(error)
            specs = list(error.known)
        except RefusedError as error:
            if not self._known:
                self._tell(error, f"it is asked again every {REFUSED_S:g} s, and grids are assumed meanwhile")
                return REFUSED_S
            return self._unanswered(error)
        except Exception as error:
            return self._unanswered(error)
        if running:
            told = {spec.symbol for spec in specs}
            self._listed = [one for one in self._left_out if self._named(one) in told]
        sound = [spec for spec in specs if is_sound(spec)]
        if len(sound) < len(specs):
            names = clean(", ".join(spec.symbol for spec in specs if not is_sound(spec)), 100)
            log.getChild(feed.venue).warning("instruments: what it tells of %s cannot be", names)
        self._take(sound)
        gone = any(self._named(one) in self._known for one in self._left_out)
        return ANEW_FAILED_S if gone or len(sound) < len(specs) else 0.0

    def _named(self, native: str) -> str:
        return f"{self._feed.venue}:{clean(native, 40)}"

    def _unanswered(self, error: Exception) -> float:
        """Raises it where nothing is known yet."""
        if not self._known:
            raise error
        own = log.getChild(self._feed.venue)
        own.warning("instruments: %s", error, exc_info=None if isinstance(error, TickdeskError) else error)
        return ANEW_FAILED_S

    @property
    def _left_out(self) -> Collection[str]:
        return self._feed.left_out if isinstance(self._feed, LeavesOut) else ()

    def _take(self, specs: Sequence[InstrumentSpec]) -> None:
        """Changes go the way of the data: who records them, or decides elsewhere, has them at their place."""
        known = self._known
        self._desk.adopt([spec for spec in specs if spec.symbol not in known])
        changed = [spec for spec in specs if known.get(spec.symbol, spec) != spec]
        known |= {spec.symbol: spec for spec in specs}
        if changed:
            now_ns = self._desk.now_ns
            self._sink([_change(spec, now_ns) for spec in changed])

    def _tell(self, error: FeedError, more: str) -> None:
        text = f"{error}; {more}"
        if text not in self._told:
            self._told.add(text)
            self._desk.alert("error", self._feed.venue, text)


def _change(spec: InstrumentSpec, now_ns: int) -> GridChange:
    grid = spec.tick_size, spec.lot_size, spec.min_notional, spec.max_quantity
    return GridChange(spec.symbol, *grid, spec.quote_currency, now_ns)


def adopt(desk: Taker, specs: Sequence[InstrumentSpec]) -> None:
    """Add instruments with the grid that their venue told."""
    desk.adopt(specs)


def refuse(desk: Taker, feed: Feed, error: TickdeskError) -> None:
    """A feed that cannot be used as configured: said once and loudly, the others go on."""
    feed.stats.state, feed.stats.detail = FeedState.DOWN, str(error)
    desk.alert("error", feed.venue, str(error))
