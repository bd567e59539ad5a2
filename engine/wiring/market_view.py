"""The market of one symbol as its watchers are shown it. Only reads, and only what is watched, a few times a
second: nothing here is on the way of a tick."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable

from engine.api.market_port import Bars, Book, Levels
from engine.api.market_protocol import MOST_FILLS, MOST_TRADES, FillRow, LatencyDetail, TradeRow
from engine.errors import StoreError
from engine.events import NS, Depth, Fill, JournalEvent
from engine.features.look_back import LookBack
from engine.instruments import Instrument
from engine.slices import Work, in_slices
from engine.store.hot_cache import HotCache
from engine.store.read import Reader
from engine.wiring.chart import Chart, Stored, interval_of, names
from engine.wiring.decimal_text import plain
from engine.wiring.desk import Desk
from engine.wiring.latency import Stages
from engine.wiring.shown_numbers import age_ms, number

log = logging.getLogger("engine.market")

MOST_CHARTS = 64
"""Charts that are kept up to date at once; one that another takes the place of is made anew."""
MOST_RECALLED = 64
"""Symbols whose fills are at hand."""
RECALL_S = 1.0
"""A slow disk must not keep a watcher from the market: the past is left out then."""


class _Fills:
    """The newest of one symbol, and how many there were."""

    def __init__(self, past: list[Fill]) -> None:
        self._known = {fill.trade_id for fill in past}
        self.rows = deque((fill_row(fill) for fill in past), maxlen=MOST_FILLS)
        self.count = len(past)

    def add(self, fill: Fill) -> None:
        if fill.trade_id not in self._known:
            self.rows.append(fill_row(fill))
            self.count += 1

    def after(self, number: int) -> tuple[FillRow, ...]:
        new = min(max(0, self.count - number), len(self.rows))
        return tuple(self.rows)[len(self.rows) - new :]


class LiveMarket:
    """Implements ``engine.api.market_port.MarketPort``. ``cache``: of stored bars; None on a tape."""

    def __init__(
        self,
        desk: Desk,
        now_ns: Callable[[], int],
        reader: Callable[[], Reader],
        stages: Stages,
        cache: HotCache | None = None,
    ) -> None:
        self._desk = desk
        self.now_ns = now_ns
        self._reader = reader
        self._stages = stages
        self._cache = cache
        self._back = LookBack(desk.features)
        self._bar_ns = round(desk.config.features.bar_s * NS)
        self._charts: OrderedDict[tuple[str, int], Chart] = OrderedDict()
        self._fills: OrderedDict[str, _Fills] = OrderedDict()
        self._newest: deque[Fill] = deque(maxlen=MOST_FILLS)
        """Of all symbols: they may not be on disk yet."""
        self._reading: set[str] = set()
        self.framed, self.sent = stages.market.add, stages.sent.add

    # --- the book ---

    def book(self, symbol: str) -> Book:
        instrument = self._desk.instruments.get(symbol)
        if instrument is None:
            return Book((), (), False, None, "", "", False)
        now_ns, fresh = self.now_ns(), self._desk.freshness
        fault = fresh.book_fault(instrument.index)
        depth = self._desk.news.depths.get(symbol)
        if depth is not None and not fault:
            return _book(instrument, depth.bids, depth.asks, True, _age(depth, now_ns), "")
        bid, bid_size, ask, ask_size, _ = self._desk.features.quote(instrument.index)
        age_ns = fresh.quote_age_ns(instrument.index, now_ns)
        if age_ns is None:  # none yet, or not to be believed
            return _book(instrument, (), (), False, None, fault)
        return _book(instrument, _side(bid, bid_size), _side(ask, ask_size), False, age_ms(age_ns), fault)

    # --- prints and bars ---

    def trades(self, symbol: str, after: int) -> tuple[int, tuple[TradeRow, ...]]:
        instrument = self._desk.instruments.get(symbol)
        if instrument is None:
            return 0, ()
        count = self._back.trade_count(instrument.index)
        if count <= after:
            return count, ()
        found = self._back.trades(instrument.index, after, MOST_TRADES)
        return count, tuple([TradeRow(*each) for each in found])

    def bars(self, symbol: str, interval_s: int, generation: int, after: int) -> Work[Bars]:
        config = self._desk.config.features
        interval_s = interval_of(interval_s, self._bar_ns)
        instrument = self._desk.instruments.get(symbol)
        if instrument is None or not interval_s:
            return Bars(interval_s, names(config), 0, 0, ())
        chart = self._charts.get((symbol, interval_s))
        if chart is None:
            stored = None
            if self._cache is not None:
                cache = self._cache
                stored = Stored(cache.interval_s * NS, lambda count: cache.bars(symbol, count))
            chart = Chart(self._back, instrument.index, interval_s, config, stored)
            self._charts[symbol, interval_s] = chart
            if len(self._charts) > MOST_CHARTS:
                self._charts.popitem(last=False)
        self._charts.move_to_end((symbol, interval_s))
        yield
        yield from chart.looking()
        yield
        return chart.bars(generation, after)

    # --- our fills ---

    async def recall(self, symbol: str) -> None:
        """Fills of the past are read on a thread; of a symbol that the desk does not have there are none."""
        if symbol in self._fills or symbol in self._reading or self._desk.instruments.get(symbol) is None:
            return
        self._reading.add(symbol)
        try:
            async with asyncio.timeout(RECALL_S):
                past = await asyncio.to_thread(lambda: self._reader().fills_of(symbol, MOST_FILLS))
        except (StoreError, TimeoutError) as error:
            log.warning("%s: its fills of the past are not shown: %s", symbol, error or "the disk is slow")
            past = []
        finally:
            self._reading.discard(symbol)
        fills = self._fills[symbol] = _Fills(past[::-1])
        for fill in self._newest:
            if fill.symbol == symbol:
                fills.add(fill)
        if len(self._fills) > MOST_RECALLED:
            self._fills.popitem(last=False)

    def fills(self, symbol: str, after: int) -> tuple[int, tuple[FillRow, ...]]:
        fills = self._fills.get(symbol)
        if fills is None:
            return after, ()
        self._fills.move_to_end(symbol)
        return fills.count, fills.after(after)

    def on_event(self, event: JournalEvent) -> None:
        """An event that is durable."""
        if isinstance(event, Fill):
            self._newest.append(event)
            if event.symbol in self._fills:
                self._fills[event.symbol].add(event)

    # --- how long it takes ---

    async def latency(self) -> LatencyDetail:
        return LatencyDetail(self.now_ns(), await in_slices(self._stages.making()))


def fill_row(fill: Fill) -> FillRow:
    return FillRow(fill.ns, fill.side.value, plain(fill.quantity), plain(fill.price), fill.client_order_id)


def _book(
    instrument: Instrument, bids: Levels, asks: Levels, depth: bool, age: float | None, fault: str
) -> Book:
    return Book(bids, asks, depth, age, fault, plain(instrument.tick_size), True)


def _age(depth: Depth, now_ns: int) -> float:
    return age_ms(now_ns - depth.recv_ns)


def _side(price: float, size: float) -> Levels:
    return () if number(price) is None else ((price, number(size) or 0.0),)
