"""The bars of a venue by way of ccxt (the extra ``tickdesk[ccxt]``): best effort, as its feed.

ccxt asks, keeps each venue's pace and reads the answer: rows of ms, open, high, low, close, volume.
https://docs.ccxt.com/#/README?id=ohlcv-candlestick-charts
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from msgspec.structs import replace

from engine.errors import FeedError
from engine.events import NS, Candle, FeedState
from engine.feeds import ccxt_wire as wire
from engine.feeds.base import FeedStats, UnreachableError
from engine.feeds.ccxt_session import EndedError, Exchange, ask
from engine.feeds.rest import RefusedError
from engine.feeds.sources.candles import closed_by_age, in_order
from engine.feeds.sources.source import Action
from engine.text import clean

TIMEFRAMES = {60: "1m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 14_400: "4h", 86_400: "1d"}
PAGE = 500
"""Bars that are asked for at once; some venues tell fewer."""
TIMEOUT_S = 30.0
_LATEST_BARS = 3
_CLOSE_S = 5.0


class CcxtCandles:
    """See Source. ``name`` is the feed's, with its prefix; ``make`` gives ccxt's exchange."""

    split_adjusted = True
    dividends_adjusted = False
    tells_actions = False
    delay_s = 120
    intervals_s: frozenset[int] = frozenset()

    def __init__(self, name: str, make: Callable[[], Exchange], clock: Callable[[], int]) -> None:
        self.name = name
        self.venue = f"source:{name}"
        self.stats = FeedStats(state=FeedState.CONNECTING, detail="not asked yet")
        self.stats.best_effort = True
        self._make = make
        self._clock = clock
        self._exchange: Exchange | None = None
        self._opening = asyncio.Lock()

    def native_of(self, canonical: str) -> str:
        """Of its feed's symbols alone: what else a venue calls them only its markets say."""
        return ""

    def earliest_ns(self, interval_s: int, now_ns: int) -> int:
        return 0

    def wait_ns(self, now_ns: int) -> int:
        return 0

    async def latest(self, symbol: str, native: str) -> list[Candle]:
        return (await self._page(symbol, native, 60, None, _LATEST_BARS))[-_LATEST_BARS:]

    async def bars(
        self, symbol: str, native: str, interval_s: int, start_ns: int, end_ns: int
    ) -> AsyncIterator[list[Candle]]:
        at_ns, step_ns = start_ns, interval_s * NS
        while at_ns < end_ns:
            told = await self._page(symbol, native, interval_s, at_ns, PAGE)
            page = [bar for bar in told if at_ns <= bar.open_ns < end_ns]
            yield closed_by_age(page, self._clock())
            # An empty answer speaks of no more than was asked for.
            at_ns = page[-1].open_ns + step_ns if page else at_ns + PAGE * step_ns

    async def actions(self, symbol: str, native: str, start_ns: int, end_ns: int) -> list[Action]:
        return []

    async def close(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            try:
                await asyncio.wait_for(ask(self.name, exchange.close()), _CLOSE_S)
            except (EndedError, FeedError, TimeoutError) as error:
                self.stats.detail = f"ccxt did not close: {clean(error, 100)}"

    # --- asking ---

    async def _page(
        self, symbol: str, native: str, interval_s: int, start_ns: int | None, count: int
    ) -> list[Candle]:
        """In order. Raises RefusedError, UnreachableError."""
        since = None if start_ns is None else start_ns // wire.MS
        try:
            exchange = await self._opened()
            timeframe = TIMEFRAMES.get(interval_s, "")
            offered = exchange.timeframes or TIMEFRAMES.values()
            if not exchange.has.get("fetchOHLCV") or timeframe not in offered:
                raise RefusedError(f"{self.name} has no bars of {interval_s} s")
            async with asyncio.timeout(TIMEOUT_S):
                rows = await ask(self.name, exchange.fetch_ohlcv(native, timeframe, since, count))
            recv_ns = self._clock()
            bars = [self._candle(symbol, interval_s, row, recv_ns) for row in rows]
        except RefusedError:
            raise
        except FeedError as error:  # what trying again does not cure
            self._failed(error)
            raise RefusedError(clean(error, 160)) from None
        except (EndedError, TimeoutError, *wire.FLAWS) as error:
            self._failed(error)
            raise UnreachableError(f"{self.name} sent no bars: {clean(error, 120) or 'no answer'}") from None
        self.stats.state, self.stats.detail = FeedState.UP, "ccxt answers, best effort"
        self.stats.messages += 1
        self.stats.last_data_ns = recv_ns
        return in_order(bars)

    def _candle(self, symbol: str, interval_s: int, row: Any, recv_ns: int) -> Candle:
        return replace(wire.candle(symbol, interval_s, row, recv_ns), closed=False, source=self.name)

    async def _opened(self) -> Exchange:
        async with self._opening:
            if self._exchange is None:
                # Beside the loop: importing a hundred venues takes a second.
                exchange = await asyncio.to_thread(self._make)
                self._exchange = exchange
                async with asyncio.timeout(TIMEOUT_S):
                    await ask(self.name, exchange.load_markets())
            return self._exchange

    def _failed(self, error: BaseException) -> None:
        self.stats.state, self.stats.detail = FeedState.DOWN, clean(error, 160) or "no answer"
