"""``tickdesk history load``: the engine's load, without an engine."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.clock import LiveClock
from engine.config import Config
from engine.errors import ConfigError, EngineBusyError
from engine.market.quarantine import Quarantine
from engine.store.bars import BARS_DATABASE, BarStore
from engine.store.bars_read import BarReader
from engine.store.lock import StateLock
from engine.store.read import DATABASE
from engine.store.store import Store
from engine.wiring.collection import open_sources
from engine.wiring.history_load import HistoryLoad, LoadStatus
from engine.wiring.history_targets import targets


def load_history(
    config: Config, state_dir: Path, symbols: Sequence[str], progress: Callable[[LoadStatus], None]
) -> LoadStatus:
    """Load what is missing of ``symbols`` (none: of all that are configured) and delete what is old.

    ``progress`` is called as it goes. Raises EngineBusyError while an engine runs, which does the same by
    itself; ConfigError where there is nothing to load; StoreError where it cannot be stored.
    """
    try:
        lock = StateLock.acquire(state_dir)
    except EngineBusyError:
        raise EngineBusyError(
            f"an engine uses {state_dir}, and loads history by itself: `tickdesk status` shows how far it "
            "is, or stop it first"
        ) from None
    try:
        # Budgets and what is set aside are kept where the engine keeps them.
        store = Store(state_dir / DATABASE)
        store.start()
        try:
            return asyncio.run(_load(config, state_dir, store, symbols, progress))
        finally:
            store.close()
    finally:
        lock.release()


async def _load(
    config: Config,
    state_dir: Path,
    store: Store,
    symbols: Sequence[str],
    progress: Callable[[LoadStatus], None],
) -> LoadStatus:
    clock = LiveClock()
    sources = open_sources(config, store, clock)
    try:
        wanted = targets(config, sources, symbols)
        if not wanted:
            raise ConfigError(
                "there is nothing to load: name symbols, or configure [feeds] or collection.symbols; "
                "the simulated venue has no history"
            )
        bars = BarStore(state_dir / BARS_DATABASE)
        bars.start()
        try:
            reader = BarReader(bars.path)
            load = HistoryLoad(
                bars,
                reader,
                config.history,
                config.quality,
                clock=clock,
                rng=random.Random(),  # jitter must differ between runs
                refuse=Quarantine(store.behind).candle,
                changed=lambda: progress(load.status),
            )
            status = await load.run(wanted)
            await load.forget_old()
            reader.close()
            return status
        finally:
            bars.close()
    finally:
        await sources.close()
