"""Every other venue, by way of ccxt (the extra ``tickdesk[ccxt]``): best effort.

ccxt hands on what it has read: floats, without sequence numbers, and of a burst what its caches hold. So what
is missing cannot be noticed here. Where it checks a venue's checksums that is switched on; its caches are
made large and emptied as they are read; trades are told apart by id, and asked for anew after a cut.

https://docs.ccxt.com/#/ccxt.pro.manual
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import random
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from engine.config import FeedConfig
from engine.errors import ConfigError, FeedError
from engine.events import NS, Candle, Depth, FeedState, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds import ccxt_wire as wire
from engine.feeds.backoff import Backoff
from engine.feeds.base import FeedStats, InstrumentSpec, Sink, UnknownSymbolsError, UnreachableError
from engine.feeds.ccxt_session import EndedError, Exchange, Session, ask, unknown
from engine.feeds.continuity import Missing
from engine.feeds.identity import Identity
from engine.feeds.registry import CCXT
from engine.feeds.relay import Relay
from engine.feeds.status import Status
from engine.feeds.watchdog import Patience
from engine.text import clean

TRADES = 50_000
"""Of a symbol that ccxt may hold while nobody reads."""
_CLOSE_S = 5.0
_TICK_S = 0.1
_STEADY_S = 30.0
_ATTEMPTS = 3
_LAG_S = 1.0
"""REST's recent trades come a little after the socket's."""
_STREAMING = "streaming by ccxt, best effort"
OPTIONS: dict[str, Any] = {
    "enableRateLimit": True,
    "newUpdates": True,
    "aiohttp_trust_env": True,
    "options": {"tradesLimit": TRADES, "checksum": True, "watchOrderBook": {"checksum": True}},
}


def exchange_maker(venue: str) -> Callable[[], Exchange]:
    """How to get ccxt's exchange. Raises ConfigError where ccxt is not installed or the name is none."""
    key, name = f"feeds.{clean(venue, 40)}", venue.removeprefix(CCXT)
    if not re.fullmatch(r"[a-z0-9]{1,40}", name):
        raise ConfigError(f"{key}: write it as feeds.{CCXT}kucoin, with ccxt's own name of the venue")
    spec = importlib.util.find_spec("ccxt")
    if spec is None:
        raise ConfigError(f"{key} needs ccxt: pip install 'tickdesk[ccxt]'")
    # Its files tell without an import, which takes a second.
    if spec.origin and not (Path(spec.origin).parent / "pro" / f"{name}.py").is_file():
        raise ConfigError(f"{key}: ccxt has no socket for a venue of this name")

    def make() -> Exchange:
        module = importlib.import_module("ccxt.pro")
        if name not in module.exchanges:
            raise FeedError(f"{key}: ccxt has no socket for a venue of this name")
        exchange: Exchange = getattr(module, name)(OPTIONS)
        return exchange

    return make


class CcxtFeed:
    """Feed of one venue: sessions of ccxt, one after the other."""

    def __init__(
        self,
        venue: str,
        config: FeedConfig,
        *,
        clock: Callable[[], int],
        rng: random.Random,
        make: Callable[[], Exchange] | None = None,
    ) -> None:
        """``venue`` with its prefix; ``make`` gives a new exchange for each session. Raises ConfigError."""
        if config.ws_url or config.rest_url:
            raise ConfigError(
                f"feeds.{venue}: ccxt knows the addresses itself; leave ws_url and rest_url out"
            )
        self.venue = venue
        self._make = make or exchange_maker(venue)
        self._config = config
        self._clock = clock
        self._status = Status(venue, clock, lambda status: self._pass_on([status]))
        self.stats: FeedStats = self._status.stats
        self.stats.best_effort = True
        self._backoff = Backoff(0.5, config.backoff_max_s, rng)
        self._patience = Patience(int(config.silence_s * NS))
        self._symbols = {native: f"{venue}:{clean(native, 40)}" for native in config.symbols}
        self._natives = {symbol: native for native, symbol in self._symbols.items()}
        self._left_out: list[str] = []
        self._order = Identity(self._natives)
        self._relay = Relay()
        self._session: Session
        self._resyncs = 0
        """Of the sessions that have ended."""
        self._sink: Sink

    async def instruments(self) -> list[InstrumentSpec]:
        """Raises UnknownSymbolsError for symbols that the venue does not have, UnreachableError where it is
        away."""
        exchange = await self._made()
        try:
            await ask(self.venue, exchange.load_markets())
            error = unknown(self.venue, self._symbols, exchange)
            told = [
                wire.spec(self.venue, native, exchange.markets[native], exchange.precisionMode)
                for native in self._symbols
                if error is None or native not in error.natives
            ]
        except (EndedError, *wire.FLAWS) as flaw:
            raise UnreachableError(f"{self.venue} sent no instruments: {clean(flaw, 120)}") from None
        finally:
            await self._close(exchange)
        specs = [spec for spec in told if spec is not None]
        if error is not None:
            raise UnknownSymbolsError(str(error), error.natives, specs)
        return specs

    @property
    def left_out(self) -> Collection[str]:
        """See LeavesOut. Not asked for again: only a new start brings them."""
        return ()

    def take_back(self) -> None:
        """See LeavesOut."""

    def leave_out(self, natives: Collection[str]) -> None:
        """See LeavesOut."""
        symbols = [self._symbols.pop(native) for native in natives]
        for symbol in symbols:
            del self._natives[symbol]
        self._left_out += natives
        self._status.left_out = f"without {clean(', '.join(self._left_out), 60)}, which it does not know"
        out: list[MarketEvent] = []
        self._order.leave_out(symbols, f"{self.venue} does not know it any more", self._clock(), out)
        self._pass_on(out)

    async def run(self, sink: Sink) -> None:
        """Deliver until cancelled. What ``sink`` raises comes in an ExceptionGroup."""
        self._sink = sink
        again = ""
        while True:
            self._status.tell(FeedState.CONNECTING, f"{again}connecting by ccxt")
            exchange = await self._made()
            session = self._session = Session(
                self.venue,
                exchange,
                self._symbols,
                self._config,
                self._patience,
                clock=self._clock,
                deliver=self._deliver,
                started=self._started,
                stale=lambda why: self._status.tell(FeedState.STALE, why),
            )
            try:
                why = await session.run()
            except UnknownSymbolsError as error:  # what it had when the engine asked, and delisted since
                if len(error.natives) == len(self._symbols):
                    raise
                self.leave_out(error.natives)
                self._status.log.warning("%s; the feed goes on without", error)
                why = self._status.left_out
            finally:
                await self._close(exchange)
            self._lost(session, why)
            wait_s, again = self._backoff.next(), f"{why}; "
            self._status.tell(FeedState.DOWN, f"{why}; next attempt in {wait_s:.1f} s")
            await asyncio.sleep(wait_s)
            self.stats.reconnects += 1

    async def _made(self) -> Exchange:
        # Beside the loop: importing a hundred venues takes a second, and making one some of it.
        return await asyncio.to_thread(self._make)

    async def _close(self, exchange: Exchange) -> None:
        try:
            await asyncio.wait_for(ask(self.venue, exchange.close()), _CLOSE_S)
        except (EndedError, FeedError, TimeoutError) as error:
            self._status.log.warning("ccxt did not close: %s", error)

    def _started(self) -> None:
        session = self._session
        self._order.connected(self._clock())
        wanted, self._order.wanted = self._order.wanted, []
        for missing in wanted:
            session.tasks.create_task(self._backfill(session, missing))
        session.tasks.create_task(self._tick(session))

    def _lost(self, session: Session, why: str) -> None:
        if session.steady_s >= _STEADY_S:
            self._backoff.reset()
        self._resyncs += session.books.resyncs
        self._order.cut()
        out: list[MarketEvent] = []
        self._relay.lost((), why, session.books.quotes, self._clock(), out)
        self._pass_on(out)

    async def _backfill(self, session: Session, missing: Missing) -> None:
        native, why = self._natives[missing.symbol], "ccxt's recent trades do not reach what comes now"
        try:
            for _ in range(_ATTEMPTS):
                await asyncio.sleep(_LAG_S)
                missing.found[:] = await session.recent(native)
                if self._order.joined(missing):
                    why = ""
                    break
        except (EndedError, FeedError) as error:
            why = f"backfill failed: {clean(error, 100)}"
        out: list[MarketEvent] = []
        self._order.fill(missing, why, out)
        self._pass_on(out)

    async def _tick(self, session: Session) -> None:
        """What waited for long enough waits no longer."""
        while True:
            await asyncio.sleep(_TICK_S)
            out: list[MarketEvent] = []
            self._order.expire(self._clock(), out)
            self._order.given_up.clear()  # their answers are dropped
            session.books.flush(self._clock(), out)
            self._pass_on(out)
            stats = self.stats
            stats.duplicates, stats.reordered = self._order.duplicates, self._order.reordered
            stats.books, stats.books_broken = len(session.books), len(session.books.broken)
            stats.resyncs = self._resyncs + session.books.resyncs

    def _deliver(self, events: list[MarketEvent], repeats: bool) -> None:
        passed: list[MarketEvent] = []
        self._relay.first(events, self._session.books.quotes, passed)
        out: list[MarketEvent] = []
        self._order.push(passed, out, repeats=repeats)
        self.stats.messages += 1
        if any(map(_live, events)):
            self._status.tell(FeedState.UP, _STREAMING)
        self._pass_on(out)

    def _pass_on(self, out: list[MarketEvent]) -> None:
        stats = self.stats
        for event in out:
            if isinstance(event, Trade | Quote | Depth | Candle):
                stats.last_data_ns = event.recv_ns
                stats.backfilled += type(event) is Trade and event.backfilled
            elif type(event) is Gap:
                stats.gaps += 1
            elif type(event) is Malformed:
                stats.malformed += 1
        if out:
            self._sink(out)


def _live(event: MarketEvent) -> bool:
    return isinstance(event, Quote | Depth) or (isinstance(event, Trade) and not event.backfilled)
