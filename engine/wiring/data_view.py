"""How good the market data is, by symbol, and what was not believed of it: for the API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
import numpy as np

from engine.api.rows import BarsRow, DepthRow, QuarantineRow, SymbolDataRow
from engine.errors import AmbiguousSymbolError, StoreError, SymbolError
from engine.events import Depth
from engine.store.bars_read import BarReader
from engine.store.hot_cache import HotCache
from engine.store.quarantine import prune
from engine.store.read import Reader
from engine.store.store import Store
from engine.symbols import find
from engine.wiring.desk import Desk
from engine.wiring.shown_numbers import age_ms, number
from engine.wiring.store_query import queried

log = logging.getLogger("engine.market")

PRUNE_S = 60.0


class LiveData:
    """Implements ``engine.api.data_port.DataPort``."""

    def __init__(
        self,
        desk: Desk,
        now_ns: Callable[[], int],
        reader: Callable[[], Reader],
        bars: HotCache | None = None,
        bar_reader: Callable[[], BarReader | None] = lambda: None,
    ) -> None:
        self._bars = bars
        self._bar_reader = bar_reader
        self._desk = desk
        self._now_ns = now_ns
        self._reader = reader

    def symbols(self) -> tuple[SymbolDataRow, ...]:
        now_ns = self._now_ns()
        return tuple(self._row(one.symbol, one.index, now_ns) for one in self._desk.instruments)

    def _row(self, symbol: str, index: int, now_ns: int) -> SymbolDataRow:
        desk, fresh = self._desk, self._desk.freshness
        row, depth = desk.features.row(index), desk.news.depths.get(symbol)
        return SymbolDataRow(
            symbol=symbol,
            trade_age_ms=_ms(fresh.trade_age_ns(index, now_ns)),
            quote_age_ms=_ms(fresh.quote_age_ns(index, now_ns)),
            book_age_ms=_ms(fresh.book_age_ns(index, now_ns)),
            candle_age_ms=_ms(fresh.candle_age_ns(index, now_ns)),
            stale_reason=fresh.reason(index, now_ns, desk.limits.stale_ns),
            gapped=row.window_gapped == 1.0 or row.volume_gapped == 1.0,
            gaps=desk.news.gaps.get(symbol, 0),
            book_fault=fresh.book_fault(index),
            book_old=fresh.book_is_old(index, now_ns),
            imbalance=None if depth is None else round(depth.imbalance(_levels(depth)), 3),
            trade_old=fresh.trade_is_old(index, now_ns),
        )

    def bars(self, symbol: str, count: int) -> BarsRow | None:
        if self._bars is None:
            return None
        symbol = self.called(symbol)
        opens, values = self._bars.bars(symbol, count)
        # The link has no NaN: what is not told is null.
        rows = tuple((*row[:4], number(row[4]), number(row[5])) for row in values.tolist())
        return BarsRow(symbol, self._bars.interval_s, tuple(opens.tolist()), rows) if rows else None

    async def bars_of(
        self, symbol: str, interval_s: int, since_ns: int, until_ns: int, count: int
    ) -> BarsRow | None:
        reader = self._bar_reader()
        if reader is None:
            return None
        symbol = self.called(symbol)
        interval_s = interval_s or self._desk.config.history.interval_s
        found = await asyncio.to_thread(reader.last, symbol, interval_s, count, until_ns)
        if not len(found):
            # That a range has no bars is not that there are none.
            stored = await asyncio.to_thread(reader.last, symbol, interval_s, 1)
            return BarsRow(symbol, interval_s, (), ()) if len(stored) else None
        found = found.part(slice(int(np.searchsorted(found.open_ns, since_ns)), None))
        rows = tuple((*row[:4], number(row[4]), number(row[5])) for row in found.values.tolist())
        return BarsRow(symbol, interval_s, tuple(found.open_ns.tolist()), rows)

    def depth(self, symbol: str) -> DepthRow | None:
        symbol = self.called(symbol)
        depth = self._desk.news.depths.get(symbol)
        if depth is None:
            return None
        return DepthRow(
            symbol=symbol,
            bids=depth.bids,
            asks=depth.asks,
            imbalance=round(depth.imbalance(_levels(depth)), 3),
            age_ms=age_ms(self._now_ns() - depth.recv_ns),
        )

    def called(self, text: str) -> str:
        """The symbol that is called so, in any spelling that orders take; ``text`` when none is."""
        try:
            return find(text, (one.symbol for one in self._desk.instruments), self._desk.config.symbols)
        except AmbiguousSymbolError:
            raise
        except SymbolError:
            return text

    async def quarantine(
        self, *, symbol: str, reason: str, since_ns: int, limit: int
    ) -> tuple[QuarantineRow, ...]:
        found = await asyncio.to_thread(
            lambda: self._reader().quarantine(symbol=symbol, reason=reason, since_ns=since_ns, limit=limit)
        )
        return tuple(QuarantineRow(*msgspec.structs.astuple(one)) for one in found)


async def bound_quarantine(store: Store, rows: int) -> None:
    """Keep the quarantine's table to its newest ``rows``, until cancelled or the store fails."""
    while True:
        try:
            gone = await queried(store, lambda connection: prune(connection, rows))
        except StoreError as error:
            log.warning("the quarantine is not bounded any more: %s", error)
            return
        if gone:
            log.info("quarantine: the oldest %d rows deleted, %d are kept", gone, rows)
        await asyncio.sleep(PRUNE_S)


def _ms(age_ns: int | None) -> float | None:
    return None if age_ns is None else age_ms(age_ns)


def _levels(depth: Depth) -> int:
    return max(len(depth.bids), len(depth.asks))
