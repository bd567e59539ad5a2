"""One run of missing bars, from one source: judged, filled where markets never close, stored page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from engine.events import NS, Candle
from engine.feeds.sources.source import Source
from engine.market.candle_check import CandleCheck, Split
from engine.market.gap_fill import fill
from engine.store.bar import Bar, Span, bar_of
from engine.wiring.store_query import queried

if TYPE_CHECKING:
    from engine.wiring.history_load import HistoryLoad


class _Page(NamedTuple):
    bars: list[Bar]
    refused: list[tuple[Candle, str]]
    to_ns: int
    """Up to where it tells all there is."""


class Hole:
    """One run of missing bars, from one source; ``go_on`` goes on where the last page ended."""

    def __init__(
        self, load: HistoryLoad, source: Source, symbol: str, native: str, start_ns: int, end_ns: int
    ) -> None:
        self._load = load
        self._source = source
        self._symbol = symbol
        self._native = native
        self._interval_s = load._history.interval_s
        self.at_ns = start_ns
        self._end_ns = end_ns
        self._fills = load.fills(symbol)
        self._before: Candle | None = None
        self._check = CandleCheck()

    async def begin(self) -> None:
        """Read what the first bar follows."""
        await asyncio.to_thread(self._begin)

    def _begin(self) -> None:
        reader = self._load._reader
        bars = reader.last(self._symbol, self._interval_s, 1, self.at_ns)
        self._before = bars.bar(0).candle() if len(bars) else None
        splits = [
            Split(action.ex_ns, action.value)
            for action in reader.actions(self._symbol)
            # Prices of a source that has applied it do not jump, except from those that were told before it.
            if action.kind == "split"
            and not (
                self._source.split_adjusted and (self._before is None or self._before.recv_ns >= action.ex_ns)
            )
        ]
        self._check = CandleCheck(self._load._quality.daily_return_pct, splits=splits, before=self._before)

    async def go_on(self) -> None:
        # One more than is wanted: what shows that a bar is closed is often its successor.
        until_ns = self._end_ns + self._load._step_ns
        pages = self._source.bars(self._symbol, self._native, self._interval_s, self.at_ns, until_ns)
        whole = True
        async for candles in pages:
            # Pages of a thousand bars would hold the loop up for milliseconds.
            page = await asyncio.to_thread(self._read, candles, self._load._clock())
            await self._store(page)
            whole = whole and all(candle.closed or candle.open_ns >= self._end_ns for candle in candles)
        if whole:
            await self._store(_Page([], [], self._end_ns))

    async def _store(self, page: _Page) -> None:
        load, status = self._load, self._load.status
        late_ns = load._clock() - self._source.delay_s * NS - load._step_ns
        # What is this young and missing may only be late.
        to_ns = min(page.to_ns, max(late_ns, page.bars[-1].open_ns + load._step_ns if page.bars else 0))
        span = Span(self._symbol, self._interval_s, self.at_ns, to_ns) if to_ns > self.at_ns else None
        if page.bars or span is not None:
            job = load._store.page(page.bars, span, split_adjusted=self._source.split_adjusted)
            stored = await queried(load._store, job)
            status.stored += stored
            load._stored_of[self._symbol] = load._stored_of.get(self._symbol, 0) + stored
        for candle, reason in page.refused:
            load._refuse(candle, reason)
        status.refused += len(page.refused)
        reached_ns = min(max(page.to_ns, self.at_ns), self._end_ns)
        status.done += (reached_ns - self.at_ns) // load._step_ns
        status.symbol = self._symbol
        self.at_ns = reached_ns
        load._changed()

    def _read(self, candles: Sequence[Candle], now_ns: int) -> _Page:
        closed = []
        for candle in candles:
            if not candle.closed:
                break
            if self.at_ns <= candle.open_ns < self._end_ns:
                closed.append(candle)
        sifted = self._check.sift(closed, now_ns)
        kept = sifted.kept
        if self._fills:
            most = self._load._quality.max_fill_bars
            kept = fill(kept, max_fill_bars=most, before=self._before).candles
        if sifted.kept:
            self._before = sifted.kept[-1]
        to_ns = closed[-1].open_ns + self._load._step_ns if closed else self.at_ns
        aside = [(one.candle, one.reason) for one in sifted.aside]
        return _Page([bar_of(candle) for candle in kept], aside, to_ns)
