"""The collection loop: every second all symbols at once, each from the first source that can be asked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.errors import FeedError
from engine.events import NS, Candle, FeedState
from engine.feeds.base import FeedStats, Sink, UnreachableError
from engine.feeds.sources.newest import Newest
from engine.feeds.sources.source import ExhaustedError, Source
from engine.text import clean

VENUE = "poll"
"""Collected symbols are called ``poll:<canonical name>``, whichever source answers."""
PATIENCE_CYCLES = 5
"""So long a symbol that was just answered waits for the better source, before a lesser one is asked."""
FIRST_REST_NS, MAX_REST_NS = 600 * NS, 6 * 3600 * NS
"""A source that refuses a symbol is not asked for it again so soon: doubling."""
EMPTY_REST_NS = 60 * NS
"""Nor one that knows it and has no price."""


class Collected(NamedTuple):
    """One symbol, and who can be asked for it: (source, its spelling there), the preferred first."""

    symbol: str
    choices: tuple[tuple[Source, str], ...]


class _Rest(NamedTuple):
    until_ns: int
    length_ns: int


class Collection:
    """Asks until cancelled.

    A symbol goes to the first of its sources that may be asked now. When that one fails, or has nothing, the
    next is asked in the same cycle; when it is exhausted, or its circuit is open, the next is asked instead.
    One that is only out of step (its pace allows the next request within a few seconds) is waited for while
    the symbol's last answer is as young as that: lesser sources keep their budgets for when they are needed.
    Symbols whose last answer is oldest go first, so that a small budget goes round.

    A symbol that is not answered within its turn (a source hangs) is waited for while the others have their
    next turns; nothing is asked for twice at a time.
    """

    venue = VENUE

    def __init__(
        self,
        symbols: Sequence[Collected],
        sink: Sink,
        *,
        interval_s: float,
        concurrency: int,
        clock: Callable[[], int],
    ) -> None:
        """``sink`` takes Candles; at most ``concurrency`` symbols are asked for at the same time."""
        self.stats = FeedStats(detail="not started", state=FeedState.CONNECTING)
        self.cycles = 0
        self.late = 0
        """Turns at whose end some symbol was still waited for."""
        self.cycle_s = 0.0
        """How long the last one took."""
        self.unanswered: dict[str, str] = {}
        """Symbol -> why nothing came when it was asked for last."""
        self._symbols = list(symbols)
        self._sink = sink
        self._interval_s = interval_s
        self._patience_ns = round(PATIENCE_CYCLES * interval_s * NS)
        self._turns = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._newest = Newest()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._answered_ns: dict[str, int] = {}
        self._rests: dict[tuple[str, str], _Rest] = {}
        self._log = logging.getLogger("engine.feeds.collection")

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        try:
            while True:
                next_s += self._interval_s
                await self.cycle(max(0.0, next_s - loop.time()))
                behind_s = loop.time() - next_s
                if behind_s > 0:
                    next_s += behind_s // self._interval_s * self._interval_s
                await asyncio.sleep(next_s - loop.time())
        finally:
            asked = [*self._asking.values()]
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def cycle(self, most_s: float | None = None) -> None:
        """Once round all symbols that are not being asked for still; ``most_s``: for no longer than that."""
        began_s = time.perf_counter()
        by_age = sorted(self._symbols, key=lambda each: self._answered_ns.get(each.symbol, 0))
        for collected in by_age:
            if collected.symbol not in self._asking:
                self._asking[collected.symbol] = asyncio.create_task(self._turn(collected))
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=most_s)
        done = [symbol for symbol, task in self._asking.items() if task.done()]
        ended = [self._asking.pop(symbol) for symbol in done]
        self.cycles += 1
        self.late += bool(self._asking)
        self.cycle_s = time.perf_counter() - began_s
        self._tell()
        for task in ended:
            task.result()  # a bug is not kept from who runs us

    # --- one symbol ---

    async def _turn(self, collected: Collected) -> None:
        async with self._turns:
            why = await self._ask(collected)
        self.unanswered.pop(collected.symbol, None)
        if why:
            self.unanswered[collected.symbol] = why

    async def _ask(self, collected: Collected) -> str:
        """Ask for one symbol; returns why nothing came, "" when something did, or was not due yet."""
        symbol, why = collected.symbol, "no source knows it"
        for source, native in collected.choices:
            now_ns = self._clock()
            rest = self._rests.get((source.name, symbol))
            if rest is not None and now_ns < rest.until_ns:
                why = f"{source.name} has nothing of it"
                continue
            wait_ns = source.wait_ns(now_ns)
            if wait_ns > 0:
                if max(wait_ns, now_ns - self._answered_ns.get(symbol, 0)) <= self._patience_ns:
                    return ""
                why = f"{source.name} may not be asked yet"
                continue
            try:
                bars = await source.latest(symbol, native)
            except ExhaustedError as error:
                why = str(error)
            except UnreachableError as error:
                why = str(error)
            except FeedError as error:
                why = str(error)
                self._let_rest(source, symbol, why)
            else:
                if bars:
                    self._rests.pop((source.name, symbol), None)
                    self._take(symbol, bars)
                    return ""
                why = f"{source.name} has no price of it"
                self._rests[source.name, symbol] = _Rest(now_ns + EMPTY_REST_NS, EMPTY_REST_NS)
        return why

    def _let_rest(self, source: Source, symbol: str, why: str) -> None:
        known = self._rests.get((source.name, symbol))
        length_ns = FIRST_REST_NS if known is None else min(MAX_REST_NS, 2 * known.length_ns)
        length_ns = max(FIRST_REST_NS, length_ns)
        self._rests[source.name, symbol] = _Rest(self._clock() + length_ns, length_ns)
        self._log.warning(
            "%s: %s; not asked there again for %d min", clean(symbol, 40), why, length_ns // (60 * NS)
        )

    def _take(self, symbol: str, bars: list[Candle]) -> None:
        self._answered_ns[symbol] = self.stats.last_data_ns = self._clock()
        self.stats.messages += 1
        news = self._newest.news(bars)
        if news:
            self._sink(list(news))

    # --- health ---

    def _tell(self) -> None:
        young_ns = self._clock() - self._patience_ns
        waiting = [
            symbol
            for symbol in self._asking
            if symbol not in self.unanswered and self._answered_ns.get(symbol, 0) < young_ns
        ]
        missing = len(self.unanswered)
        answered = len(self._symbols) - missing - len(waiting)
        text = f"{answered} of {len(self._symbols)} symbols served; a cycle takes {self.cycle_s * 1e3:.0f} ms"
        if self.late:
            text += f"; {self.late} turns late"
        if self._asking:
            text += f"; {len(self._asking)} waited for, as {clean(next(iter(self._asking)), 40)}"
        if missing:
            symbol, why = next(iter(self.unanswered.items()))
            text += f"; {clean(symbol, 40)}: {clean(why, 120)}"
        state = FeedState.UP if answered or not self._symbols else FeedState.DOWN
        if state is not self.stats.state:
            self.stats.reconnects += state is FeedState.UP and self.stats.state is FeedState.DOWN
            self._log.log(logging.WARNING if state is FeedState.DOWN else logging.INFO, "%s", text)
        self.stats.state, self.stats.detail = state, text
