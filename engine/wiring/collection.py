"""The polling sources of a live desk: opened once for all who ask them, their budgets kept in its store."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from engine.config import Config
from engine.feeds.base import Sink, Watched
from engine.feeds.sources.budget import BudgetState
from engine.feeds.sources.collection import VENUE, Collected, Collection
from engine.feeds.sources.registry import Sources
from engine.feeds.sources.rest_source import Surroundings
from engine.store.store import Store
from engine.text import clean
from engine.wiring.context import keep_running
from engine.wiring.store_query import queried

log = logging.getLogger("engine.collection")

SETTING = "budget:"
"""Budgets are settings, by the source's name."""


def open_sources(config: Config, store: Store, clock: Callable[[], int]) -> Sources:
    """The sources of ``config``; what they spent before is in ``store``. Raises ConfigError.

    Whoever opens them closes them, before the store: then they give back what they had promised themselves.
    """

    async def keep(name: str, state: BudgetState) -> None:
        store.put_setting(SETTING + name, msgspec.to_builtins(state, str_keys=True))
        await queried(store, lambda _: None)  # it is written when this has had its turn

    around = Surroundings(
        clock=clock,
        rng=random.Random(),  # jitter must differ between runs
        names=config.symbols,
        environ=os.environ,
        budgets=kept_budgets(store.settings()),
        keep=keep,
    )
    rest_urls = {venue: feed.rest_url for venue, feed in config.feeds.items()}
    return Sources(config.collection, around, rest_urls)


def check_collection(config: Config, environ: Mapping[str, str]) -> list[str]:
    """What an engine with ``config`` would warn of. Raises ConfigError, as the engine would at its start."""

    async def forget(name: str, state: BudgetState) -> None:
        """Nothing is asked, nothing is spent."""

    if not (config.collection.symbols or config.collection.sources):
        return []
    around = Surroundings(lambda: 0, random.Random(0), config.symbols, environ, {}, forget)
    return warnings(config, Sources(config.collection, around))


def warnings(config: Config, sources: Sources) -> list[str]:
    """Of sources that cannot be used, and of symbols that none knows."""
    found = [f"{row.venue} is not used: {row.stats.detail}" for row in sources.unusable]
    unknown = [clean(name, 40) for name in config.collection.symbols if not sources.knowing(name)]
    if unknown:
        found.append(
            f"collection.symbols: no source knows {', '.join(unknown)}: write canonical names, such as AAPL,"
            ' BTC/USD or XAU/USD, or set [symbols."NAME"] with a source\'s spelling'
        )
    return found


def kept_budgets(settings: Mapping[str, Any]) -> dict[str, BudgetState]:
    """What is left over from the last run; a setting that is none is not taken up, and said."""
    found: dict[str, BudgetState] = {}
    for name, value in settings.items():
        if name.startswith(SETTING):
            try:
                found[name.removeprefix(SETTING)] = msgspec.convert(value, BudgetState, strict=False)
            except ValueError as error:  # msgspec's errors are ValueErrors
                log.warning("setting %s is not taken up: %s", name, error)
    return found


class Collecting:
    """Runs the collection loop of ``collection.symbols``, and has its health shown."""

    def __init__(self, config: Config, sources: Sources, sink: Sink, clock: Callable[[], int]) -> None:
        settings = config.collection
        self._collection = Collection(
            [Collected(f"{VENUE}:{name}", tuple(sources.knowing(name))) for name in settings.symbols],
            sink,
            interval_s=settings.interval_s,
            concurrency=settings.concurrency,
            clock=clock,
        )
        self._sources = sources
        for warning in warnings(config, sources):
            log.warning("%s", warning)

    @property
    def watched(self) -> list[Watched]:
        """The loop, and each source, as feed health shows them."""
        return [self._collection, *self._sources.watched.values()]

    async def run(self) -> None:
        """Collect until cancelled; a bug costs the prices of a while."""
        await keep_running(self._collection, self._collection.run)
