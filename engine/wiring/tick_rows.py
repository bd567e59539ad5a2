"""A row per symbol, made in slices: no tick and no order waits until a thousand of them are made."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from engine.api.protocol import TickRow
from engine.instruments import Instrument, venue_of
from engine.slices import Work, in_slices
from engine.wiring.desk import Desk
from engine.wiring.market_news import POLLED
from engine.wiring.shown_numbers import age_ms, number, rounded

SPARK_BARS = 24
MOST_AGE_S = 0.05
"""Rows that are no older are told again."""


class TickRows:
    """``stale_ns()``: of this age on, a symbol's data counts as stale."""

    def __init__(self, desk: Desk, stale_ns: Callable[[], int]) -> None:
        self._desk = desk
        self._stale_ns = stale_ns
        self._made: tuple[TickRow, ...] = ()
        self._made_s = -math.inf
        self._lock = asyncio.Lock()
        self._sparks: dict[int, tuple[int, tuple[float, ...]]] = {}
        """By symbol: after how many bars, and the closes."""
        self.spent_ns = 0
        """Taken by slices since it was set to 0."""

    async def prepare(self, now_ns: Callable[[], int]) -> None:
        """Make what ``rows`` tells in the next ``MOST_AGE_S``, letting others go first; all that ask wait for
        the same."""
        async with self._lock:
            if not self._are_fresh():
                self._made = await in_slices(self._making(now_ns), self.add_spent)
                self._made_s = time.monotonic()

    def rows(self, now_ns: int) -> tuple[TickRow, ...]:
        """Of every symbol."""
        if self._are_fresh():
            return self._made
        return tuple([self._row(one, now_ns) for one in self._desk.instruments])

    def _making(self, now_ns: Callable[[], int]) -> Work[tuple[TickRow, ...]]:
        rows: list[TickRow] = []
        for instrument in self._desk.instruments:  # it may grow meanwhile
            rows.append(self._row(instrument, now_ns()))
            yield
        return tuple(rows)

    def add_spent(self, ns: int) -> None:
        self.spent_ns += ns

    def _are_fresh(self) -> bool:
        known = len(self._made) == len(self._desk.instruments)
        return known and time.monotonic() - self._made_s <= MOST_AGE_S

    def _row(self, instrument: Instrument, now_ns: int) -> TickRow:
        desk, index = self._desk, instrument.index
        reason = desk.freshness.reason(index, now_ns, self._stale_ns())
        # A row that is stale shows what was known last, and is marked; any other only what is believed.
        quote = desk.features.quote if reason else desk.features.live_quote
        bid, bid_size, ask, ask_size, last = quote(index)
        row = desk.features.row(index)
        age = desk.freshness.age_ns(index, now_ns)
        polled = venue_of(instrument.symbol) == POLLED
        if polled and (candle := desk.news.candles.get(instrument.symbol)) is not None:
            last, age = candle.close, desk.freshness.candle_age_ns(index, now_ns)
        return TickRow(
            symbol=instrument.symbol,
            bid=number(bid),
            bid_size=number(bid_size),
            ask=number(ask),
            ask_size=number(ask_size),
            last=number(last),
            change_pct=rounded(number(row.window_change_pct), 3),
            volume=round(row.window_volume, 6) if row.window_volume > 0 else 0.0,
            age_ms=None if age is None else age_ms(age),
            stale=bool(reason),
            stale_reason=reason,
            gapped=row.window_gapped == 1.0 or row.volume_gapped == 1.0,
            book_fault=desk.freshness.book_fault(index),
            rsi=rounded(number(row.rsi), 1),
            score=rounded(desk.signals.blender.score(instrument.symbol, now_ns), 3),
            spark=self._spark(index),
        )

    def _spark(self, index: int) -> tuple[float, ...]:
        features = self._desk.features
        done, known = features.open_bar(index)[0], self._sparks.get(index)
        if known is None or known[0] != done:
            known = self._sparks[index] = done, tuple(features.closes(index, SPARK_BARS))
        return known[1]
