"""The way in: market events become packed ticks, are screened, and run through the feature kernel.

Live, a batch is what one socket read held; on a tape it is a whole block. The kernel returns at each trigger
and goes on where it stopped, so the result does not depend on the batch size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.events import (
    GridChange,
    MarketEvent,
    OtherEvent,
    Quote,
    Trade,
)
from engine.features.engine import NONE, FeatureEngine
from engine.feeds.news import News, Placed
from engine.feeds.registry import ids_rise
from engine.instruments import Instrument, Instruments, venue_of
from engine.market.quarantine import Tick
from engine.market.screen import REJECTS, Screen
from engine.ticks import BACKFILLED, QUOTE, TICK, TRADE, pack_tick
from engine.wiring.intake_kernel import FULL, REJECTED, TAPE_HEAD, take

CAPACITY = 1024
"""Events packed before the kernel runs."""

BLOCK = 8192
"""Ticks that are kept for a recorder before it gets them, at most."""

_MOST_NEWS = 1024
_ROW = TICK.itemsize

Ticks = NDArray[np.void]


class Intake:
    """Packs, screens and feeds ticks; calls ``on_trigger(code, symbol index)`` at each trigger."""

    def __init__(
        self,
        instruments: Instruments,
        screen: Screen,
        features: FeatureEngine,
        *,
        on_trigger: Callable[[int, int], None],
        on_other: Callable[[OtherEvent], None],
        on_reject: Callable[[str, Tick], None],
        on_symbol: Callable[[int], None],
    ) -> None:
        self._instruments = instruments
        self._screen = screen
        self._features = features
        self._on_trigger = on_trigger
        self._on_other = on_other
        self._on_reject = on_reject
        self._on_symbol = on_symbol
        self._index: dict[str, int] = {}
        self.symbols: list[str] = []
        """By index."""
        self._on_block: Callable[[Ticks, list[Placed]], None] | None = None
        self._news: list[Placed] = []
        """Told between the ticks that the recorder is still to get."""
        self._tape = np.zeros(TAPE_HEAD, np.int64)
        """What a recorder is still to get, as ``intake_kernel`` keeps it."""
        self._tape_address = 0
        self._buffer = bytearray(CAPACITY * _ROW)
        self._ticks: Ticks = np.frombuffer(self._buffer, TICK)
        self._address = int(self._ticks.ctypes.data)
        self.feed = features.feed
        """What consumes ticks; another that answers alike may take its place."""
        self.trades = 0
        self.quotes = 0
        self.rejected: Counter[str] = Counter()

    @property
    def grids(self) -> list[Instrument]:
        """The instruments, by index."""
        return list(self._instruments)

    def record(self, on_block: Callable[[Ticks, list[Placed]], None]) -> None:
        """From now on hand over all ticks that arrive as events, in blocks, which are the taker's own, and
        what was told between them."""
        self._tape = np.zeros(TAPE_HEAD + (BLOCK + CAPACITY) * (_ROW // 8), np.int64)
        self._tape[1] = BLOCK
        self._tape_address = int(self._tape.ctypes.data)
        self._on_block = on_block

    def cut(self) -> None:
        """Hand over what is kept for the recorder."""
        count = int(self._tape[0])
        if (count or self._news) and self._on_block is not None:
            block = self._tape[TAPE_HEAD : TAPE_HEAD + count * (_ROW // 8)].copy().view(TICK)
            news, self._news = self._news, []
            self._tape[0] = 0
            self._on_block(block, news)

    def add_symbol(self, symbol: str, price: float = 1.0) -> int:
        """Give ``symbol`` a row in every compiled stage; its grid is assumed from ``price`` if unknown."""
        instrument = self._instruments.add(symbol, price=price)
        index = instrument.index
        if symbol not in self._index:
            rise = ids_rise(venue_of(symbol))
            rows = self._screen.add_symbol(ids_rise=rise), self._features.add_symbol(symbol)
            if rows != (index, index):
                raise RuntimeError(f"{symbol}: instrument {index} got rows {rows}")
            self._index[symbol] = index
            self.symbols.append(symbol)
            self._on_symbol(index)
        return index

    def reset_counts(self) -> None:
        """Count from zero: what came before was history."""
        self.trades = self.quotes = 0
        self.rejected.clear()

    def events(self, events: Sequence[MarketEvent]) -> None:
        """Take decoded events in arrival order."""
        index_of = self._index.get
        buffer = self._buffer
        count = offset = trades = 0
        for event in events:
            # By type: to find that a struct is no instance of another takes as long as to pack a tick.
            kind = type(event)
            if kind is Quote:
                assert isinstance(event, Quote)
                index = index_of(event.symbol)
                if index is None:
                    index = self.add_symbol(event.symbol, event.bid)
                pack_tick(
                    buffer, offset, event.recv_ns, event.event_ns, -1, index, QUOTE, 0, 0, 0,
                    event.bid, event.ask, event.bid_size, event.ask_size,
                )  # fmt: skip
            elif kind is Trade:
                assert isinstance(event, Trade)
                index = index_of(event.symbol)
                if index is None:
                    index = self.add_symbol(event.symbol, event.price)
                flags = BACKFILLED if event.backfilled else 0
                pack_tick(
                    buffer, offset, event.recv_ns, event.event_ns, event.trade_id, index, TRADE, 0,
                    event.aggressor, flags, event.price, event.size, 0.0, 0.0,
                )  # fmt: skip
                trades += 1
            else:
                assert not isinstance(event, Quote | Trade)
                self._run_packed(count, trades)
                count = offset = trades = 0
                if self._tape_address and isinstance(event, News):
                    self._note_news(event)
                self._on_other(event)
                continue
            count += 1
            offset += _ROW
            if count == CAPACITY:
                self._run_packed(count, trades)
                count = offset = trades = 0
        self._run_packed(count, trades)

    def block(self, ticks: Ticks, symbols: Sequence[str]) -> None:
        """Take over a block of packed ticks whose ``symbol`` counts in ``symbols``: it is written to."""
        if len(self._index) < len(symbols):
            new = [at for at in np.unique(ticks["symbol"]) if symbols[at] not in self._index]
            firsts = [int(np.argmax(ticks["symbol"] == at)) for at in new]
            for first in ticks[sorted(firsts)]:  # in order of arrival, whatever the blocks' size
                self.add_symbol(symbols[first["symbol"]], float(first["a"]))
        table = np.array([self._index.get(symbol, -1) for symbol in symbols], dtype=np.int32)
        if not np.array_equal(table, np.arange(len(symbols))):
            ticks["symbol"] = table[ticks["symbol"]]
        count, quotes = len(ticks), int(np.count_nonzero(ticks["kind"]))
        self.trades += count - quotes
        self.quotes += quotes
        if self._screen.check(ticks, 0, count):
            self._note_rejects(ticks)
        self._answer(ticks, count, *self.feed(ticks, 0, count))

    def screened(self, ticks: Ticks) -> None:
        """Take ticks that were screened elsewhere; their ``symbol`` is the instrument's index."""
        count, quotes = len(ticks), int(np.count_nonzero(ticks["kind"]))
        self.trades += count - quotes
        self.quotes += quotes
        self._answer(ticks, count, *self.feed(ticks, 0, count))

    def note_rejected(self, reason: str, count: int) -> None:
        """So many ticks were not believed elsewhere."""
        self.rejected[reason] += count

    def _note_news(self, event: News) -> None:
        if isinstance(event, GridChange):
            self.cut()  # what came before is recorded under the grid that it came on
        self._news.append((int(self._tape[0]), event))
        if len(self._news) >= _MOST_NEWS:
            self.cut()

    def _run_packed(self, count: int, trades: int) -> None:
        if not count:
            return
        self.trades += trades
        self.quotes += count - trades
        screen, features = self._screen, self._features
        result = take(self._address, count, screen.address, len(screen), features.address, self._tape_address)
        if result == NONE:
            return
        if result >> FULL:
            self.cut()
            result &= (1 << FULL) - 1
        ticks = self._ticks
        if result >> REJECTED:
            self._note_rejects(ticks[:count])
        code = result & (1 << REJECTED) - 1
        self._answer(ticks, count, *features.go_on(code, ticks, count))

    def _answer(self, ticks: Ticks, count: int, code: int, position: int, symbol: int) -> None:
        """Answer each trigger, then go on where it was."""
        feed, on_trigger = self.feed, self._on_trigger
        while code != NONE:
            on_trigger(code, symbol)
            code, position, symbol = feed(ticks, position, count)

    def _note_rejects(self, part: Ticks) -> None:
        for row in part[part["reject"] != 0]:
            self.rejected[REJECTS[row["reject"]]] += 1
            self._on_reject(self._instruments[int(row["symbol"])].symbol, row.item())
            if row["kind"] == TRADE:
                self.trades -= 1
            else:
                self.quotes -= 1
