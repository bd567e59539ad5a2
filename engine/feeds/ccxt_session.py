"""One life of a ccxt exchange: what it brings, watched, until it fails or falls silent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.events import NS, Malformed, MarketEvent, Trade
from engine.feeds import ccxt_wire as wire
from engine.feeds.asking import Asking
from engine.feeds.base import UnknownSymbolsError
from engine.feeds.book import Text
from engine.feeds.books import Books
from engine.feeds.candles import RunningCandles
from engine.feeds.contract import Contract
from engine.feeds.watchdog import Health, Patience, Watchdog
from engine.task_group import TaskGroup
from engine.text import clean

_LOOK_S = 0.1
_OLD_NS = 5 * NS
_WRONG = 5
"""Times in a row that a book is wrong before everything starts over."""
_INCURABLE = frozenset({"BadSymbol", "NotSupported", "AuthenticationError", "PermissionDenied"})
"""ccxt's errors that trying again does not cure."""
_T = TypeVar("_T")
Deliver = Callable[[list[MarketEvent], bool], None]
"""Takes events, and whether trades among them may come a second time."""


class Exchange(Protocol):
    """What is used of a ccxt.pro exchange."""

    has: Mapping[str, Any]
    timeframes: Any
    markets: Any
    precisionMode: int

    async def load_markets(self) -> Any: ...
    async def watch_trades(self, symbol: str) -> Sequence[Mapping[str, Any]]: ...
    async def watch_bids_asks(self, symbols: list[str]) -> Mapping[str, Mapping[str, Any]]: ...
    async def watch_ticker(self, symbol: str) -> Mapping[str, Any]: ...
    async def watch_order_book(self, symbol: str) -> Mapping[str, Any]: ...
    async def watch_ohlcv(self, symbol: str, timeframe: str) -> Sequence[Sequence[Any]]: ...
    async def fetch_trades(self, symbol: str) -> Sequence[Mapping[str, Any]]: ...
    async def fetch_ohlcv(
        self, symbol: str, timeframe: str, since: int | None = None, limit: int | None = None
    ) -> Sequence[Sequence[Any]]: ...
    async def close(self) -> Any: ...


class EndedError(Exception):
    """The session is over, or cannot be; its text says why."""

    def __init__(self, why: str, kinds: frozenset[str] = frozenset()) -> None:
        super().__init__(why)
        self.kinds = kinds
        """Names of the classes of the error behind it."""


async def ask(venue: str, answer: Awaitable[_T]) -> _T:
    """What ccxt answers. Raises EndedError for what it raises, FeedError where trying again is no cure."""
    try:
        return await answer
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise EndedError("ccxt gave up") from None
    except Exception as error:  # of a hundred venues' code, whatever it may be
        kinds = frozenset(kind.__name__ for kind in type(error).__mro__)
        why = f"{type(error).__name__}: {clean(error, 100)}"
        if kinds & _INCURABLE:
            raise FeedError(f"{venue}: {why}; correct feeds.{venue}") from None
        if "BaseError" not in kinds and not isinstance(error, OSError | TimeoutError):
            logging.getLogger(f"engine.feeds.{venue}").warning("ccxt failed: %s", why, exc_info=error)
        raise EndedError(why, kinds) from None


def unknown(venue: str, natives: Iterable[str], exchange: Exchange) -> UnknownSymbolsError | None:
    """What to raise of those which the venue does not have, ``known`` without any; None: it has all."""
    names = [native for native in natives if native not in exchange.markets]
    if not names:
        return None
    return UnknownSymbolsError(
        f"{venue} does not know {clean(', '.join(names), 100)}: correct feeds.{venue}.symbols, in ccxt's "
        "spelling (BTC/USDT, BTC/USDT:USDT)",
        names,
        (),
    )


class Session:
    """``run`` once. ``started`` is called when the venue's markets are known, ``stale`` with a reason while
    nothing comes."""

    def __init__(
        self,
        venue: str,
        exchange: Exchange,
        symbols: Mapping[str, str],
        config: FeedConfig,
        patience: Patience,
        *,
        clock: Callable[[], int],
        deliver: Deliver,
        started: Callable[[], None],
        stale: Callable[[str], None],
    ) -> None:
        """``symbols``: the engine's by the venue's."""
        self._venue = venue
        self._exchange = exchange
        self._symbols = symbols
        self._config = config
        self._patience = patience
        self._clock = clock
        self._deliver = deliver
        self._started = started
        self._stale = stale
        has = exchange.has
        self._has_best = bool(has.get("watchBidsAsks"))
        self._has_book = bool(has.get("watchOrderBook"))
        self.books = Books(config.book_levels, quotes=self._has_book and not self._has_best)
        self._units: dict[str, Contract] = {}
        self._since_ns = clock()
        self._told_best: dict[str, Any] = {}
        self._told_books: dict[str, Any] = {}
        """By native symbol, as ccxt told them last; it goes on changing its books."""
        self._seen: dict[str, tuple[list[Text], list[Text]]] = {}
        """The best levels of these when they were looked at last."""
        self._end = ""
        """Why it must end."""
        self._live_s: tuple[float, float] | None = None
        self._watchdog: Watchdog
        self.tasks: asyncio.TaskGroup

    @property
    def steady_s(self) -> float:
        """For how long it delivered."""
        return self._live_s[1] - self._live_s[0] if self._live_s else 0.0

    async def run(self) -> str:
        """Returns why it ended. Raises UnknownSymbolsError for symbols the venue does not have, or no more,
        FeedError for a configuration that cannot work."""
        ends: list[EndedError] = []
        try:
            await self._run()
        except* EndedError as group:
            ends += _all(group)
        return str(ends[0]) if ends else "ccxt has nothing to watch"

    async def _run(self) -> None:
        await ask(self._venue, self._exchange.load_markets())
        self._learn()
        self._watchdog = Watchdog(self._patience, self._now_ns())
        async with TaskGroup() as self.tasks:
            for native in self._symbols:
                for work in self._works(native):
                    self.tasks.create_task(work)
            self.tasks.create_task(self._guard())
            self._started()

    def _now_ns(self) -> int:
        return int(asyncio.get_running_loop().time() * NS)

    def _learn(self) -> None:
        if (error := unknown(self._venue, self._symbols, self._exchange)) is not None:
            raise error
        if not self._exchange.has.get("watchTrades"):
            raise FeedError(
                f"{self._venue}: ccxt has no live trades of this venue; disable feeds.{self._venue}"
            )
        for native in self._symbols:
            try:
                self._units[native] = wire.contract(self._exchange.markets[native])
            except wire.FLAWS as error:
                raise EndedError(f"ccxt tells of {clean(native, 40)} what is no market: {error}") from None

    def _works(self, native: str) -> list[Coroutine[Any, Any, None]]:
        has = self._exchange.has
        works = [self._trades(native)]
        if self._has_best:
            works.append(self._best(native))
        if self._has_book and (self._config.book_levels or not self._has_best):
            works.append(self._book(native))
        elif not self._has_book and not self._has_best and has.get("watchTicker"):
            works.append(self._ticker(native))
        if self._config.candles and has.get("watchOHLCV"):
            works.append(self._candles(native))
        return works

    async def recent(self, native: str) -> list[Trade]:
        """The venue's most recent trades by REST, in order of time. Raises EndedError."""
        if not self._exchange.has.get("fetchTrades"):
            raise EndedError("ccxt has no past trades of this venue")
        rows = await ask(self._venue, self._exchange.fetch_trades(native))
        events = [event for row in rows if isinstance(event := self._trade(native, row), Trade)]
        return sorted(events, key=lambda trade: trade.event_ns)

    async def _trades(self, native: str) -> None:
        first = True
        while True:
            # A copy: what is told may be the cache itself.
            rows = list(await ask(self._venue, self._exchange.watch_trades(native)))
            cache = self._cache("trades", native)
            if cache is not None:
                cache.clear()
            # What a venue begins with may be what it brought before.
            self._print(native, rows, first)
            first = False
            await asyncio.sleep(0)

    def _print(self, native: str, rows: Iterable[Any], repeats: bool) -> None:
        events: list[MarketEvent] = []
        for row in rows:
            event = self._trade(native, row)
            if type(event) is Trade and event.event_ns < self._since_ns - _OLD_NS:
                event = msgspec.structs.replace(event, backfilled=True)
            events.append(event)
        if any(type(event) is Trade and not event.backfilled for event in events):
            self._heard("trade")
        if events:
            self._deliver(events, repeats)

    def _cache(self, kind: str, native: str) -> Any:
        """Where ccxt keeps what it has read; None: it has nothing yet, or no such place."""
        return getattr(self._exchange, kind, {}).get(native)

    def _leftover(self, native: str) -> None:
        """What ccxt read while nobody was waiting for it would be handed on with the next message only."""
        trades = self._cache("trades", native)
        if trades is not None and len(trades):
            rows = list(trades)
            trades.clear()
            self._print(native, rows, False)
        best = self._cache("bidsasks" if self._has_best else "tickers", native)
        if best is not None and native in self._told_best and best is not self._told_best[native]:
            self._quote(native, best)
        if native in self._told_books:
            out: list[MarketEvent] = []
            self._look(native, out)
            self._deliver(out, False)

    def _trade(self, native: str, row: Any) -> Trade | Malformed:
        now_ns = self._clock()
        try:
            return wire.trade(self._symbols[native], row, self._units[native], now_ns)
        except wire.FLAWS as error:
            return self._malformed(row, error)

    def _malformed(self, told: Any, error: Exception) -> Malformed:
        return Malformed(self._venue, clean(told, 120), clean(error, 120), self._clock())

    async def _best(self, native: str) -> None:
        while True:
            rows = await ask(self._venue, self._exchange.watch_bids_asks([native]))
            self._quote(native, rows.get(native))
            await asyncio.sleep(0)

    async def _ticker(self, native: str) -> None:
        while True:
            self._quote(native, await ask(self._venue, self._exchange.watch_ticker(native)))
            await asyncio.sleep(0)

    def _quote(self, native: str, row: Any) -> None:
        self._told_best[native] = row
        try:
            quote = wire.quote(self._symbols[native], row or {}, self._units[native], self._clock())
        except wire.FLAWS as error:
            self._deliver([self._malformed(row, error)], False)
            return
        if quote is not None:
            self._heard("quote")
            self._deliver([quote], False)

    async def _book(self, native: str) -> None:
        """ccxt keeps the book; it is looked at each time it changed, but not more often than it is told."""
        symbol, asking = self._symbols[native], Asking()
        while True:
            out: list[MarketEvent] = []
            try:
                told = await ask(self._venue, self._exchange.watch_order_book(native))
                self._heard("book")
                if self._told_books.get(native) is not told:
                    self._told_books[native] = told
                    self._look(native, out)
            except EndedError as error:
                if "ChecksumError" not in error.kinds:
                    raise
                # ccxt has thrown the book away, and asks for it anew when it is watched again.
                self._told_books.pop(native, None)
                self._seen.pop(native, None)
                self.books.fail(symbol, "does not match the venue's checksum", self._clock(), out)
                self._deliver(out, False)
                if not asking.wrong(native, self._now_ns()):
                    raise EndedError(f"the book of {clean(native, 40)} stays wrong") from None
                while not asking.due(self._now_ns()):
                    await asyncio.sleep(_LOOK_S)
                continue
            self._deliver(out, False)
            await asyncio.sleep(0)

    def _look(self, native: str, out: list[MarketEvent]) -> None:
        """Take the book as it is now."""
        symbol, unit, now_ns = self._symbols[native], self._units[native], self._clock()
        told = self._told_books[native]
        try:
            count = max(self._config.book_levels, 1)
            sides = wire.levels(told["bids"], count, unit), wire.levels(told["asks"], count, unit)
            event_ns = wire.time_ns(told.get("timestamp"), now_ns)
        except wire.FLAWS as error:
            out.append(self._malformed(told, error))
            self._wrong(native, self.books.fail(symbol, "carries a level that is none", now_ns, out))
            return
        if self._seen.get(native) != sides:
            self._seen[native] = sides
            self.books.begin(symbol, *sides)
            if not self.books.changed(symbol, event_ns, now_ns, out):
                self._seen.pop(native)
                self._wrong(native, self.books.broken[symbol])

    def _wrong(self, native: str, times: int) -> None:
        if times >= _WRONG:
            self._end = f"the book of {clean(native, 40)} stays wrong"

    async def _candles(self, native: str) -> None:
        running = RunningCandles()
        while True:
            rows = await ask(self._venue, self._exchange.watch_ohlcv(native, "1m"))
            out: list[MarketEvent] = []
            for row in rows:
                try:
                    running.push(wire.candle(self._symbols[native], 60, row, self._clock()), out)
                except wire.FLAWS as error:
                    out.append(self._malformed(row, error))
            self._deliver(out, False)
            await asyncio.sleep(0)

    def _heard(self, channel: str) -> None:
        now_ns = self._now_ns()
        self._watchdog.data(channel, now_ns)
        now_s = now_ns / NS
        self._live_s = (self._live_s[0] if self._live_s else now_s), now_s

    async def _guard(self) -> None:
        """Ends the session when nothing has come for too long."""
        beat = 0.0
        while True:
            await asyncio.sleep(_LOOK_S)
            for native in self._symbols:
                self._leftover(native)
            if self._end:
                raise EndedError(self._end)
            pongs = [getattr(one, "lastPong", None) or 0 for one in self._sockets()]
            if max(pongs, default=0) > beat:
                beat = max(pongs)
                self._watchdog.heartbeat(self._now_ns())
            verdict = self._watchdog.check(self._now_ns())
            if verdict.health in (Health.DEAD, Health.DOUBTFUL):
                raise EndedError(verdict.reason)
            if verdict.health is Health.STALE:
                self._stale(verdict.reason)

    def _sockets(self) -> list[Any]:
        return list(getattr(self._exchange, "clients", {}).values())


def _all(group: BaseExceptionGroup[EndedError]) -> list[EndedError]:
    found: list[EndedError] = []
    for error in group.exceptions:
        found += _all(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
