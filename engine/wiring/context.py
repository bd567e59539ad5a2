"""The sources of market context and the external quant servers: their tasks, their health, their signals."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from engine.api.protocol import FeedRow
from engine.config import Config, NewsConfig, QuantServerConfig, SourceConfig
from engine.errors import ConfigError
from engine.events import NS, ContextEvent, FeedState, Signal
from engine.feature_table import Floats, Integers
from engine.features.engine import FeatureEngine
from engine.features.look_back import LookBack
from engine.feeds.backoff import Backoff
from engine.feeds.base import FeedStats, Watched
from engine.feeds.context import binance_futures, deribit, external_server, fear_greed, news
from engine.feeds.context.binance_futures import BinanceFutures
from engine.feeds.context.deribit import Deribit
from engine.feeds.context.external_server import ExternalServer
from engine.feeds.context.fear_greed import FearGreed
from engine.feeds.context.news import News
from engine.feeds.context.source import ContextFeed, ContextSource
from engine.instruments import Instruments
from engine.quant import external
from engine.quant.context import ContextSet
from engine.task_group import TaskGroup
from engine.text import clean
from engine.wiring.view import feed_row

TOKEN = "TICKDESK_QUANT_TOKEN"  # noqa: S105 - the variable's name
FIRST_BACKOFF_S = 2.0
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
"""Before a task with a bug in it runs again: doubling, and over again when it ran longer than the most."""
LEAST_BARS = 2

C = TypeVar("C", bound=SourceConfig | NewsConfig)

Bars = Callable[[str, int], tuple[Floats, Integers] | None]
"""A symbol's last bars (n, 6), oldest first, at most so many, and when each began; None without any."""

log = logging.getLogger("engine.context")


def desk_bars(features: FeatureEngine, instruments: Instruments) -> Bars:
    """The live bars of a desk, as ContextFeeds asks for them."""
    back = LookBack(features)

    def bars(symbol: str, count: int) -> tuple[Floats, Integers] | None:
        instrument = instruments.get(symbol)
        if instrument is None:
            return None
        found = back.bars(instrument.index, count)
        return (found.values, found.open_ns) if len(found.open_ns) else None

    return bars


class Unusable:
    """Stands in the rows for a source that cannot be used as configured."""

    def __init__(self, venue: str, why: str) -> None:
        self.venue = venue
        self.stats = FeedStats(state=FeedState.DOWN, detail=why)


class ContextFeeds:
    """Owns everything that asks the world beside the market feeds. A failure here costs its own data only.

    What is not enabled in the configuration does not exist here; what cannot be used as configured is said
    once, and stands in the rows.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], int],
        symbols: Callable[[], Sequence[str]],
        bars: Bars,
        on_signals: Callable[[list[Signal]], None],
        on_block: Callable[[str, str, int], None],
        token: str,
        rng: random.Random,
    ) -> None:
        """``symbols``: all of the desk, in a fixed order. ``on_block``: (symbol, reason, until when).

        ``token``: for the external servers, "" for none. ``rng``: for the jitter between attempts.
        """
        self._clock = clock
        self._symbols = symbols
        self._bars = bars
        self._on_signals = on_signals
        self._on_block = on_block
        self._modules = ContextSet()
        self._runs: list[tuple[Watched, Callable[[], Coroutine[Any, Any, None]]]] = []
        self.watched: list[Watched] = []
        """All of them, as feed health shows them."""
        quant = config.quant
        if quant.open_interest.enabled:
            self._add_source(binance_futures.SOURCE, BinanceFutures, quant.open_interest, rng)
        if quant.options.enabled:
            self._add_source(deribit.VENUE, Deribit, quant.options, rng)
        if quant.fear_greed.enabled:
            self._add_source(fear_greed.VENUE, FearGreed, quant.fear_greed, rng)
        if quant.news.enabled:
            self._add_source(news.VENUE, News, quant.news, rng)
        for name, server in quant.servers.items():
            if server.enabled:
                self._add_server(clean(name, 30), server, token, rng)

    def _add_source(
        self, venue: str, make: Callable[[C, Callable[[], int]], ContextSource], config: C, rng: random.Random
    ) -> None:
        try:
            source = make(config, self._clock)
        except ConfigError as error:
            self._refuse(venue, error)
            return
        first_s = min(FIRST_BACKOFF_S, config.interval_s)
        feed = ContextFeed(source, Backoff(first_s, config.backoff_max_s, rng))
        self.watched.append(feed)
        self._runs.append((feed, lambda: feed.run(self._take)))

    def _add_server(self, name: str, config: QuantServerConfig, token: str, rng: random.Random) -> None:
        try:
            server = ExternalServer(
                name,
                config,
                token=token,
                symbols=lambda: config.symbols or self._symbols(),
                ask=lambda symbol: self._ask(symbol, config.bars),
                take=lambda symbol, body: self._answered(symbol, body, name, config),
                rng=rng,
            )
        except ConfigError as error:
            self._refuse(f"{external_server.VENUE}:{name}", error)
            return
        self.watched.append(server)
        self._runs.append((server, server.run))

    def _refuse(self, venue: str, error: ConfigError) -> None:
        log.error("%s is not used: %s", venue, error)
        self.watched.append(Unusable(venue, str(error)))

    # --- running ---

    async def run(self) -> None:
        """Run all of them until cancelled. Raises nothing: each is started again after a bug of its own."""
        async with TaskGroup() as tasks:
            for watched, run in self._runs:
                tasks.create_task(keep_running(watched, run), name=f"context-{watched.venue}")

    def rows(self, now_ns: int) -> tuple[FeedRow, ...]:
        return tuple(feed_row(watched, now_ns) for watched in self.watched)

    # --- what comes in ---

    def _take(self, events: Sequence[ContextEvent]) -> None:
        signals = self._modules.on_events(events, self._symbols())
        if signals:
            self._on_signals(signals)

    def _ask(self, symbol: str, count: int) -> bytes | None:
        found = self._bars(symbol, count)
        if found is None or len(found[0]) < LEAST_BARS:
            return None
        return external.request(symbol, *found, self._clock())

    def _answered(self, symbol: str, body: bytes, name: str, config: QuantServerConfig) -> None:
        """Raises ValueError for an answer that is refused."""
        now_ns = self._clock()
        judged = external.judge(
            body, symbol, name, now_ns, ttl_ns=round(config.ttl_s * NS), confidence=config.confidence
        )
        if judged.signals:
            self._on_signals(list(judged.signals))
        if judged.block:
            self._on_block(symbol, judged.block, now_ns + round(config.block_s * NS))


class _Checked(ContextFeeds):
    def _refuse(self, venue: str, error: ConfigError) -> None:
        raise error


def check_context(config: Config, environ: Mapping[str, str]) -> None:
    """Raises ConfigError for a source or a server that an engine would leave out."""
    _Checked(
        config,
        clock=time.time_ns,
        symbols=tuple,
        bars=lambda symbol, count: None,
        on_signals=lambda signals: None,
        on_block=lambda symbol, why, until_ns: None,
        token=environ.get(TOKEN, ""),
        rng=random.Random(0),
    )


async def keep_running(watched: Watched, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run until it returns, and again after a bug in it: told in the row, and logged with its traceback."""
    pause_s = FIRST_PAUSE_S
    while True:
        began_s = time.monotonic()
        try:
            await run()
            return
        except Exception as error:
            if time.monotonic() - began_s > MAX_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            detail = f"internal error ({type(cause).__name__}), see engine.log; starts again in {pause_s:g} s"
            watched.stats.state, watched.stats.detail = FeedState.DOWN, detail
            log.error("%s: %s", watched.venue, detail, exc_info=error)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, MAX_PAUSE_S)
