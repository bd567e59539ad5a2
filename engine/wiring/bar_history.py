"""The stored bars of a running desk: written as they close, loaded where missing, the newest at hand.

Beside trading: nothing here is waited for by the desk, and what fails here costs bars and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from engine.api.daily_protocol import HistoryRow
from engine.config import Config
from engine.errors import StoreError
from engine.events import NS, Candle, FeedState
from engine.feature_table import FeatureTable
from engine.feeds.simulation.venue import VENUE as SIMULATED
from engine.store.adjust import adjusted
from engine.store.bar import Bar, bar_of
from engine.store.bars import BARS_DATABASE, BarStore
from engine.store.bars_live import LiveBars
from engine.store.bars_read import BarReader, Bars
from engine.store.hot_cache import HotCache
from engine.symbols import name_of, round_the_clock
from engine.wiring.market_news import POLLED
from engine.wiring.model_bars import SEEDED, ModelBars, no_news

if TYPE_CHECKING:
    from engine.wiring.history_load import HistoryLoad, LoadStatus, Target
    from engine.wiring.live import LiveEngine
    from engine.wiring.redis_cache import RedisCache

log = logging.getLogger("engine.history")

ROUND_S = 60.0
"""Between two looks at what is missing, a little after the minute's bars have closed."""
AFTER_S = 12.0
SWITCH_S = 0.0005
"""A thread of ours that computes keeps the loop from running for no longer: pages are read on threads."""
TOLD_FROM = 1_000
"""A load of so many bars is told of when it begins and ends."""


class BarHistory:
    """Owns the store of bars, the loader, the hot cache and its copy in Redis."""

    def __init__(self, engine: LiveEngine, rng: Random) -> None:
        """``rng``: for the jitter between attempts. Raises ConfigError for a cache that cannot be as
        configured."""
        self._engine = engine
        self._config = config = engine.config
        self._desk = engine.desk
        self._rng = rng
        self._store = BarStore(engine.options.state_dir / BARS_DATABASE)
        self._reader: BarReader | None = None
        self._load: HistoryLoad | None = None
        self._interval_s = config.history.interval_s
        self._live: LiveBars | None = None
        self._seen: dict[str, tuple[bool, int]] = {}
        """Of each feed, as it was at the last look."""
        self._gaps = np.zeros(0, np.int64)
        """When trades of each symbol were missing last, as of the last look."""
        self._missing: dict[int, frozenset[str]] = {}
        """Symbols that lack bars, by interval, as of the last look."""
        self.cache = HotCache(config.cache.bars, self._interval_s)
        self.text = ""
        """How far a load is, while a long one runs."""
        self._rounds = 0
        """Loads that have ended."""
        self._loading = False
        self._fault = ""
        """Why the last one could not be stored."""
        self._nudge = asyncio.Event()
        self._loads = False
        """There are symbols whose bars are loaded."""
        self._redis: RedisCache | None = None
        if config.cache.redis_url:
            from engine.wiring.redis_cache import RedisCache

            self._redis = RedisCache(config.cache, self.cache, self._clock)

    def _clock(self) -> int:
        return self._engine.clock()

    @property
    def reader(self) -> BarReader | None:
        """None where the stored bars could not be opened."""
        return self._reader

    # --- life ---

    def start(self) -> None:
        """Open the store. Where that fails the desk is told, and goes on without stored bars."""
        sys.setswitchinterval(min(SWITCH_S, sys.getswitchinterval()))
        try:
            self._store.start()
            self._reader = BarReader(self._store.path)
        except StoreError as error:
            self._desk.alert("error", "history", f"bars are not stored: {error}")
            return
        try:
            self._live = LiveBars(
                self._interval_s,
                self._config.features.bar_s,
                without=POLLED,
                never_closes=lambda symbol: round_the_clock(name_of(symbol, self._config.symbols)),
            )
        except ValueError as error:
            self._desk.alert("warning", "history", f"live bars are not stored: {error}")
        self._engine.loading = lambda: self.text
        self._desk.on_table = self.on_bars
        self._desk.news.on_candle = self.on_candle
        self._desk.model_bars.on_new = self._on_new
        self._desk.model_bars.on_take = self.before_bars

    def close(self) -> None:
        """Write what waits."""
        if self._redis is not None:
            self._redis.close()
        if self._reader is not None:
            self._reader.close()  # first: an open one leaves the newest bars beside the file
        if not self._store.close():
            log.error("the last bars could not be written: %s", self._store.error)

    # --- in, on the loop ---

    def on_bars(self, table: FeatureTable) -> None:
        """The desk's own bars that closed just now."""
        try:
            self._take(table)
        except Exception as error:
            self._fail(error)

    def before_bars(self) -> None:
        """Bars are taken next: what was missed of them must be known."""
        try:
            self._watch()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        log.error("bars are not kept any more", exc_info=error)
        self._live = self._redis = self._desk.on_table = None
        self._desk.model_bars.on_take = no_news
        self._desk.alert("error", "history", f"internal error ({type(error).__name__}), see engine.log")

    def _take(self, table: FeatureTable) -> None:
        if self._live is not None:
            bars = self._live.take(table, self._desk.features.last_vwaps(table.indices))
            if bars:
                self._keep(bars)
        if self._redis is not None:
            self._redis.offer(table)

    def close_due(self) -> None:
        """Where nothing trades no bar of the desk's own closes the last one."""
        self._watch()
        # No further than the desk is: after a sleep of the machine it has still to close its own bars.
        until_ns = min(self._clock() - round(AFTER_S / 2 * NS), self._desk.now_ns)
        self._desk.model_bars.due(until_ns)
        bars = self._live.due(until_ns) if self._live is not None else []
        if bars:
            self._keep(bars)

    def on_candle(self, candle: Candle) -> None:
        """A bar that is believed, of a socket or of a source that is polled. Only closed ones count here."""
        if candle.closed and candle.interval_s == self._interval_s and self._reader is not None:
            bar = bar_of(candle)
            self._desk.model_bars.put(bar)
            self._keep([bar])

    def _watch(self) -> None:
        """A feed that was away, or missed trades, since the last look makes partial bars."""
        takers: list[ModelBars | LiveBars] = [self._desk.model_bars]
        if self._live is not None:
            takers.append(self._live)
        now_ns = self._clock()
        for feed in self._engine.market_feeds:
            stats = feed.stats
            seen = stats.state is FeedState.UP, stats.reconnects
            if self._seen.get(feed.venue) != seen:
                self._seen[feed.venue] = seen
                for taker in takers:
                    taker.on_feed(feed.venue, now_ns, up=seen[0])
        # What is fetched later is told, and is in no bar all the same.
        gaps, before = self._desk.features.gap_times().copy(), self._gaps
        before = np.concatenate((before, np.zeros(len(gaps) - len(before), np.int64)))
        for index in (gaps != before).nonzero()[0].tolist():
            for taker in takers:
                taker.on_gap(self._desk.intake.symbols[index], int(gaps[index]))
        self._gaps = gaps

    def _keep(self, bars: Sequence[Bar]) -> None:
        self._store.behind(bars)
        self.cache.put(bars)
        if self._redis is not None:
            self._redis.nudge()

    # --- beside trading ---

    async def run(self) -> None:
        """Fill the cache with what is stored; then load what is missing, now and as time goes on, and delete
        what is old. Until cancelled."""
        if self._redis is not None:
            beside = self._engine.beside
            beside.collected = [*beside.collected, self._redis]
            self._redis.start()
        reader = self._reader
        if reader is None:
            return
        for symbol in kept_symbols(self._config):
            await self._fill(reader, symbol)
        # Not with the module: neither the start nor the loop need wait for it.
        await asyncio.to_thread(import_module, "engine.wiring.history_load")
        from engine.wiring.history_load import HistoryLoad

        self._load = load = HistoryLoad(
            self._store,
            reader,
            self._config.history,
            self._config.quality,
            clock=self._clock,
            rng=self._rng,
            refuse=self._desk.quarantine.candle,
            loaded=lambda symbol: self._fill(reader, symbol),
            changed=self._changed,
        )
        targets = await self._targets()
        self._loads = bool(targets)
        told = ""
        while True:
            try:
                await self._round(load, targets)
                text = self._store.error  # of what is written behind
            except Exception as error:
                text = str(error)
                if not isinstance(error, StoreError):  # our own bug: this round is lost, the next may do
                    log.exception("a round of history failed")
                    text = f"internal error ({type(error).__name__}), see engine.log"
            if text and text != told:
                self._desk.alert("error", "history", text)
            told, self.text, self._fault = text, "", text
            self._rounds += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_next_s()):
                    await self._nudge.wait()
                    load.ask_all()
            self._nudge.clear()
            self.close_due()

    async def _targets(self) -> list[Target]:
        wanted = self._config.collection.symbols or any(feed.enabled for feed in self._config.feeds.values())
        if not (self._config.history.enabled and wanted):
            return []
        # A desk that loads nothing need not pay for all sources at every start.
        await asyncio.to_thread(import_module, "engine.wiring.history_targets")
        from engine.wiring.history_targets import targets

        found = targets(self._config, self._engine.beside.sources)
        for target in found:
            if not target.choices:
                log.info("nobody can be asked for the bars of %s: only live ones are stored", target.symbol)
        return [target for target in found if target.choices]

    def load_now(self) -> None:
        """Begin a load now, or one more after the one at work."""
        self._nudge.set()

    def row(self) -> HistoryRow:
        """How far it is."""
        status = None if self._load is None else self._load.status
        if status is None:
            return HistoryRow(self._loads, self._loading, self._rounds, error=self._fault)
        return HistoryRow(
            enabled=self._loads,
            loading=self._loading,
            rounds=self._rounds,
            symbols=status.symbols,
            symbols_done=status.symbols_done,
            share=status.share,
            stored=status.stored,
            refused=status.refused,
            faults=dict(status.faults),
            error=self._fault,
        )

    async def _round(self, load: HistoryLoad, targets: Sequence[Target]) -> None:
        if targets:
            started_ns = self._clock()
            self._loading = True
            try:
                status = await load.run(targets)
            finally:
                self._loading = False
            if status.wanted >= TOLD_FROM:
                self._tell(status, (self._clock() - started_ns) / NS)
        self._tell_missing()
        await load.forget_old()

    def _tell(self, status: LoadStatus, took_s: float) -> None:
        text = f"{status.stored:,} bars of {status.symbols} symbols loaded in {took_s:.0f} s"
        if status.refused:
            text += f", {status.refused:,} set aside"
        if status.reach_ns:
            text += f"; of {len(status.reach_ns)} nobody has all {self._config.history.days} days"
        if status.faults:
            symbol, why = next(iter(status.faults.items()))
            text += f"; {len(status.faults)} symbols are not complete: {symbol}: {why}"
        self._desk.alert("warning" if status.faults else "info", "history", text)

    def _changed(self) -> None:
        assert self._load is not None
        status = self._load.status
        if status.wanted >= TOLD_FROM:
            if not self.text:
                log.info("loading %d bars of %d symbols", status.wanted, status.symbols)
            self.text = status.text

    async def _fill(self, reader: BarReader, symbol: str) -> None:
        count = max(self.cache.capacity, SEEDED)
        try:
            bars, fed = await asyncio.to_thread(self._read, reader, symbol, self._interval_s, count)
        except StoreError as error:
            log.error("%s", error)
            return
        self.cache.fill(bars)
        self._desk.model_bars.fill(fed)
        if self._redis is not None:
            self._redis.nudge()

    # --- for models ---

    def _read(self, reader: BarReader, symbol: str, interval_s: int, count: int) -> tuple[Bars, Bars]:
        """The newest bars as they were told, and in today's shares: models are trained on no jump that nobody
        traded. Raises StoreError."""
        bars, now_ns = reader.last(symbol, interval_s, count), self._clock()
        splits = [one for one in reader.actions(symbol) if one.kind == "split" and one.ex_ns <= now_ns]
        return bars, adjusted(bars, splits)

    def _on_new(self, interval_s: int) -> None:
        for venue, (up, _) in self._seen.items():
            if not up:
                self._desk.model_bars.on_feed(venue, self._clock(), up=False)
        if self._reader is not None:
            self._engine.tasks.spawn(self._seed(self._reader, interval_s), vital=False)

    async def _seed(self, reader: BarReader, interval_s: int) -> None:
        """Give models the stored bars of an interval that the desk did not hold so far."""
        log.info(
            "only bars of %d s are stored as they close (history.interval_s): a model on bars of %d s begins "
            "with what was loaded",
            *(self._interval_s, interval_s),
        )
        try:
            for symbol in kept_symbols(self._config):
                _, fed = await asyncio.to_thread(self._read, reader, symbol, interval_s, SEEDED)
                self._desk.model_bars.fill(fed)
        except StoreError as error:
            log.error("a model begins without stored bars: %s", error)

    def _tell_missing(self) -> None:
        """Holes that no load has filled: features go across them, as those that are trained on do."""
        for interval_s in self._desk.model_bars.wanted:
            missing = self._desk.model_bars.missing(interval_s)
            if missing.keys() - self._missing.get(interval_s, frozenset()):
                symbol, count = max(missing.items(), key=lambda one: one[1])
                log.info(
                    "bars of %d s are missing among the last of %d symbols (%d of %s): models take the "
                    "others as if they followed each other",
                    *(interval_s, len(missing), count, symbol),
                )
            self._missing[interval_s] = frozenset(missing)

    def _until_next_s(self) -> float:
        now_s = self._clock() / NS
        return ROUND_S - (now_s - AFTER_S) % ROUND_S


def kept_symbols(config: Config) -> list[str]:
    """Those whose newest bars are held at hand."""
    natives = {venue: feed.symbols for venue, feed in config.feeds.items() if feed.enabled}
    if config.simulated.enabled and not natives:
        natives[SIMULATED] = config.simulated.symbols
    symbols = [f"{venue}:{native}" for venue, some in natives.items() for native in some]
    return symbols + [f"{POLLED}:{name}" for name in config.collection.symbols]
