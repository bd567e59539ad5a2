"""Which feeds a configuration asks for, and what they tell of their instruments."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence

from engine.config import Config
from engine.errors import ConfigError, FeedError
from engine.events import Alert, FeedState
from engine.feeds.base import Feed, InstrumentSpec, UnreachableError
from engine.feeds.registry import VENUES, open_feed
from engine.feeds.simulated import SimulatedFeed
from engine.wiring.desk import Desk

log = logging.getLogger("engine.feeds")

RETRY_S = 15.0


def live_feeds(config: Config, clock: Callable[[], int], prices: Mapping[str, float]) -> list[Feed]:
    """One feed per enabled venue; the simulated one, starting at ``prices``, when no other is.

    Raises ConfigError.
    """
    feeds: list[Feed] = []
    for venue, feed in config.feeds.items():
        if not feed.enabled:
            continue
        if venue not in VENUES:
            raise ConfigError(f"feeds.{venue}: unknown venue; known are {', '.join(sorted(VENUES))}")
        if not feed.symbols:
            raise ConfigError(f"feeds.{venue}.symbols: name at least one symbol")
        # Jitter must differ between runs: many desks reconnecting in step is what it prevents.
        feeds.append(open_feed(venue, feed, clock=clock, rng=random.Random()))
    if config.simulated.enabled and not feeds:
        feeds.append(SimulatedFeed(config.simulated, clock=clock, prices=prices))
    if not feeds:
        raise ConfigError("no feed is enabled: enable one under [feeds], or [simulated]")
    return feeds


async def learn_instruments(desk: Desk, feed: Feed, *, patient: bool) -> bool:
    """Give the desk a venue's grids, if it can before the first tick; False when the venue did not answer.

    An unknown symbol raises FeedError: it is the configuration that is wrong. A venue that does not answer is
    asked again until it does when ``patient``; otherwise once.
    """
    while True:
        try:
            specs = await feed.instruments()
            break
        except UnreachableError as error:
            log.warning("%s", error)
            if not patient:
                return False
            await asyncio.sleep(max(RETRY_S, error.retry_after_s))
    adopt(desk, specs)
    return True


def adopt(desk: Desk, specs: Sequence[InstrumentSpec]) -> None:
    """Add instruments with the grid that their venue told."""
    for spec in specs:
        if desk.instruments.get(spec.symbol) is None:
            desk.intake.add_symbol(spec.symbol)
        desk.instruments.set_grid(spec.symbol, spec.tick_size, spec.lot_size, spec.min_notional)


def refuse(desk: Desk, feed: Feed, error: FeedError) -> None:
    """A feed that cannot be used as configured: said once and loudly, the others go on."""
    feed.stats.state, feed.stats.detail = FeedState.DOWN, str(error)
    desk.commit((Alert("error", feed.venue, str(error), desk.now_ns),), lambda: None)
