"""Live feeds for rounds: the configured venues, the simulated one, and polling sources."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from engine.events import FeedState, MarketEvent, Trade
from engine.feeds.base import Feed, InstrumentSpec, Sink, Watched
from engine.feeds.simulated import SimulatedFeed
from engine.store.store import Store
from engine.text import clean
from engine.wiring.recording import Recording
from engine.wiring.sources import live_feeds, run_feed
from engine.workers.far_feed import BESIDE
from engine.workers.frame import Frame
from engine.workers.rounds import Rounds
from engine.workers.together import together

log = logging.getLogger("engine.feeds")

KEEP_S = 5.0
"""How often the prices of the simulated markets are kept."""
TAPE_S = 2.0
"""So long a disk may take for the end of a tape."""
_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING}


class LiveSource:
    """Runs feeds for ``sink``, as a desk of one process does."""

    def __init__(self, frame: Frame, rounds: Rounds, sink: Sink) -> None:
        self._frame = frame
        self._rounds = rounds
        self._sink = sink
        self._feeds: list[Feed] = []
        self._collected: list[Watched] = []
        """The collection loop and its sources."""
        self._prices: dict[str, float] = {}
        self._store: Store | None = None
        self._recording = Recording(
            frame.config.record,
            frame.state_dir,
            rounds.tape,
            clock=frame.clock,
            alert=lambda level, text: self.alert(level, "recording", text),
        )

    @property
    def trouble(self) -> str:
        """Of the first feed that is down; "" when none is."""
        for feed in self._feeds:
            if feed.stats.state is FeedState.DOWN:
                return clean(f"{feed.venue}: {feed.stats.detail}", 120)
        return ""

    @property
    def feeds(self) -> tuple[dict[str, Any], ...]:
        """How each of them is, for whoever shows it."""
        return (
            *({"venue": feed.venue, **asdict(feed.stats)} for feed in self._feeds),
            *({"venue": one.venue, BESIDE: True, **asdict(one.stats)} for one in self._collected),
        )

    @property
    def recording(self) -> str:
        """ "on", "failed", or "" without tapes."""
        return self._recording.state

    @property
    def taped(self) -> tuple[int, int, int] | None:
        """As ``Recording.taped``."""
        return self._recording.taped

    async def open(self) -> None:
        """Raises ConfigError."""
        config = self._frame.config
        self._feeds = live_feeds(config, self._frame.clock, await self._kept_prices(), self._recording.tap)
        for feed in self._feeds:
            if isinstance(feed, SimulatedFeed):
                self.adopt(await feed.instruments())

    def history(self) -> Iterator[list[MarketEvent]]:
        """The simulated venue's past, by which indicators are warm from the start. No other venue has one:
        theirs begin cold, as in one process."""
        for feed in self._feeds:
            if isinstance(feed, SimulatedFeed):
                yield from feed.history(self._frame.clock())

    async def run(self) -> None:
        """Until cancelled."""
        self._recording.start()
        simulated = any(isinstance(feed, SimulatedFeed) for feed in self._feeds)
        works = [
            run_feed(self, feed, self._note_prices if isinstance(feed, SimulatedFeed) else self._sink)
            for feed in self._feeds
        ]
        works.append(self._recording.run())
        if simulated:
            works.append(self._keep_prices())
        if self._frame.config.collection.symbols:
            works.append(self._collect())
        await together(*works)

    async def close(self) -> None:
        """The polling sources leave what they spent, the tapes end."""
        await self._recording.close(TAPE_S)
        store, self._store = self._store, None
        if store is not None:
            await asyncio.to_thread(store.close)

    # --- for whom feeds run ---

    @property
    def now_ns(self) -> int:
        return self._rounds.clock_ns

    def adopt(self, specs: Sequence[InstrumentSpec]) -> None:
        """Instruments with the grid that their venue told."""
        self._rounds.adopt(specs)

    def alert(self, level: str, source: str, text: str) -> None:
        """Of a feed that cannot be used as configured: its state says it too."""
        log.getChild(source).log(_LEVELS.get(level, logging.INFO), "%s", text)

    # --- inside ---

    async def _collect(self) -> None:
        """Ask the polling sources for the symbols that no socket brings; their budgets are kept here."""
        from engine.wiring.collection import Collecting, open_sources

        store = self._store = Store(self._frame.state_dir / "market.db")
        store.start()
        sources = open_sources(self._frame.config, store, self._frame.clock)
        try:
            collecting = Collecting(self._frame.config, sources, self._sink, self._frame.clock)
            self._collected = collecting.watched
            await collecting.run()
        finally:
            await sources.close()

    def _note_prices(self, events: list[MarketEvent]) -> None:
        for event in events:
            if isinstance(event, Trade):
                self._prices[event.symbol] = event.price
        self._sink(events)

    async def _keep_prices(self) -> None:
        """Whoever owns the stage next goes on from there: no position is revalued."""
        while True:
            await asyncio.sleep(KEEP_S)
            told = {symbol.partition(":")[2]: repr(price) for symbol, price in self._prices.items()}
            if told:
                try:
                    await self._frame.redis.hset(self._frame.keys.simulated, mapping=told)  # type: ignore[misc]
                except Exception as error:  # the publisher says that the server is away
                    log.debug("prices: %s", error)

    async def _kept_prices(self) -> dict[str, float]:
        found: dict[str, float] = {}
        told = await self._frame.redis.hgetall(self._frame.keys.simulated)  # type: ignore[misc]
        for name, text in told.items():
            try:
                price = float(text)
            except ValueError:
                continue
            if math.isfinite(price) and price > 0:
                found[name.decode(errors="replace")] = price
        return found
