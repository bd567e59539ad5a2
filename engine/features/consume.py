"""The hot path: ticks in, state forward, a return at each trigger (compiled).

Entry points take addresses: of packed ticks, and of the desk's row (``FeatureEngine.address``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.feature_table import COLUMN
from engine.features.bars import add_quote, add_trade, close_bar, miss_trades
from engine.features.fetch import MANY, fetch_bars, fetch_next_trades, fetch_row_ahead
from engine.features.memory import bars_of, desk_at, fields_at, marks_of, ring_of, rows_of, runs_of, ticks_at
from engine.features.state import BARS_KEPT, VWAP
from engine.features.triggers import EXIT_BIT, WAKE_BIT, fired, quoted
from engine.features.window import expire, measure, push
from engine.kernels import kernel, part
from engine.ticks import BACKFILLED, TRADE

NONE, BARS, RISE, EXIT, WAKE = 0, 1, 2, 3, 4
GROW = 5
"""Internal: the symbol's ring is full; make room and resume at the same tick."""

BID, ASK_SIZE = COLUMN["bid"], COLUMN["ask_size"]
"""The first and the last column of the quote in a row."""


@part
def _close_bars(now_ns: int, desk: Any) -> bool:
    """Close the interval that ended at the boundary; False when nobody had a bar to close.

    The clock then stands at the boundary, so a bar's row is the same whether a tick or a timer closed it.
    """
    end_ns = desk.boundary_ns
    step = desk.bar_ns
    closed = False
    if end_ns > 0:
        state, bars, marks, ring = rows_of(desk), bars_of(desk), marks_of(desk), ring_of(desk)
        for index in range(desk.count):
            if index + 1 < desk.count:
                fetch_bars(state[index + 1], index + 1, desk)
            if close_bar(state[index], desk, bars[index], marks[index], end_ns):
                closed = True
            expire(state[index], ring, end_ns - desk.window_ns)
    if not closed:
        desk.boundary_ns = (now_ns // step + 1) * step
        return False
    desk.now_ns = end_ns
    desk.closed_ns = end_ns
    desk.boundary_ns = end_ns + step
    return True


@part
def _next_pending(desk: Any) -> int:
    bits = desk.pending
    desk.symbol = desk.pending_symbol
    if bits & EXIT_BIT:
        desk.pending = bits & ~EXIT_BIT
        return EXIT
    if bits & WAKE_BIT:
        desk.pending = bits & ~WAKE_BIT
        return WAKE
    desk.pending = 0
    return RISE


@part
def consume_ticks(ticks: Any, start: int, stop: int, desk: Any) -> int:
    """Consume ``ticks[start:stop]`` up to the first trigger; its code.

    Unless that is NONE, ``desk.position`` is where to go on, and ``desk.symbol`` whose trigger it is (-1:
    everybody's). Raises IndexError for a tick of a symbol that was not added.
    """
    desk.position = start
    if desk.pending != 0:
        return _next_pending(desk)
    state, ring, runs = rows_of(desk), ring_of(desk), runs_of(desk)
    many, rows = desk.count > MANY, desk.state
    for position in range(start, stop):
        if many:
            fetch_row_ahead(rows, ticks, position, stop)
        tick = ticks[position]
        if tick.reject != 0:
            continue
        index = tick.symbol
        if index < 0 or index >= desk.count:
            raise IndexError("tick of a symbol that was not added")
        if tick.flags & BACKFILLED:
            miss_trades(state[index], desk, max(desk.now_ns, tick.recv_ns))
            continue
        if tick.recv_ns > desk.now_ns:
            if tick.recv_ns >= desk.boundary_ns and _close_bars(tick.recv_ns, desk):
                desk.position, desk.symbol = position, -1
                return BARS
            desk.now_ns = tick.recv_ns
        now = desk.now_ns
        s = state[index]
        is_trade = tick.kind == TRADE
        if is_trade:
            expire(s, ring, now - desk.window_ns)
            if s.tail - s.head == s.capacity:
                desk.position, desk.symbol = position, index
                return GROW
            push(s, ring, runs, now, tick.a, tick.b, tick.aggressor > 0)
            add_trade(s, tick.a, tick.b)
            s.trade_ns = now
            s.aggressor = tick.aggressor
            if tick.aggressor == 0:
                s.untold = 1
                s.untold_ns = now
            fetch_next_trades(s, desk)
        else:
            s.bid, s.ask, s.bid_size, s.ask_size = tick.a, tick.b, tick.c, tick.d
            s.quotes += 1
            s.quote_ns = now
            add_quote(s, 0.5 * (tick.a + tick.b))
        s.updates += 1
        s.recv_ns = now
        bits = fired(s, ring, now, is_trade, desk.quote_max_age_ns, now - desk.window_ns)
        if bits != 0:
            desk.pending = bits
            desk.pending_symbol = index
            desk.position = position + 1
            return _next_pending(desk)
    return NONE


@kernel
def consume(ticks: int, start: int, stop: int, desk: int) -> int:
    """``consume_ticks`` by address."""
    return consume_ticks(ticks_at(ticks, stop), start, stop, desk_at(desk))


@kernel
def pass_time(now_ns: int, address: int) -> int:
    """Move the clock; BARS once per boundary passed, else NONE."""
    desk = desk_at(address)
    if now_ns > desk.now_ns:
        if now_ns >= desk.boundary_ns and _close_bars(now_ns, desk):
            return BARS
        desk.now_ns = now_ns
    return NONE


@kernel
def close_first(address: int) -> bool:
    """Close the open bar of the first symbol before its time, on a copy that is made for this; False when it
    has none."""
    desk = desk_at(address)
    s = rows_of(desk)[0]
    if s.bar_live == 0:
        return False
    return close_bar(s, desk, bars_of(desk)[0], marks_of(desk)[0], desk.boundary_ns)


@kernel
def note_missing(index: int, now_ns: int, address: int) -> None:
    """Trades of the symbol were missed, as is known at ``now_ns``."""
    desk = desk_at(address)
    miss_trades(rows_of(desk)[index], desk, max(desk.now_ns, now_ns))


@kernel
def refresh(indices: Any, address: int) -> None:
    """Bring the window fields of these rows up to the clock."""
    desk = desk_at(address)
    state, ring, runs = rows_of(desk), ring_of(desk), runs_of(desk)
    for index in indices:
        if index < 0 or index >= desk.count:
            raise IndexError("a symbol that was not added")
        measure(state[index], ring, runs, desk.now_ns - desk.window_ns)


@kernel
def refresh_one(index: int, address: int) -> None:
    """``refresh`` of one row, without an array to hand over."""
    desk = desk_at(address)
    measure(rows_of(desk)[index], ring_of(desk), runs_of(desk), desk.now_ns - desk.window_ns)


@kernel
def find_mids(indices: Any, mids: Any, address: int) -> None:
    """The mids of these rows by ``live_quote``, the last trade where that knows no quote."""
    desk = desk_at(address)
    state = rows_of(desk)
    for position in range(len(indices)):
        if indices[position] < 0 or indices[position] >= desk.count:
            raise IndexError("a symbol that was not added")
        s = state[indices[position]]
        known = quoted(s, desk.now_ns, desk.quote_max_age_ns)
        mids[position] = (s.bid + s.ask) / 2 if known else s.last


@kernel
def take_vwaps(indices: Any, vwaps: Any, address: int) -> None:
    """The vwap of the last closed bar of these symbols, which have one."""
    desk = desk_at(address)
    state, bars = rows_of(desk), bars_of(desk)
    for position in range(len(indices)):
        index = indices[position]
        if index < 0 or index >= desk.count:
            raise IndexError("a symbol that was not added")
        vwaps[position] = bars[index, (state[index].bar_count - 1) & (BARS_KEPT - 1), VWAP]


@kernel
def take_closed(indices: Any, starts: Any, counts: Any, values: Any, address: int) -> int:
    """``refresh`` the symbols whose bar closed at the last BARS, and copy index, bar start, number of bars
    and row of each, rising; returns how many they are. There is room for all symbols. Quotes as by
    ``live_quote``."""
    desk = desk_at(address)
    state, ring, runs = rows_of(desk), ring_of(desk), runs_of(desk)
    start_ns = desk.closed_ns - desk.bar_ns
    found = 0
    for index in range(desk.count):
        s = state[index]
        if s.bar_start_ns != start_ns or desk.closed_ns == 0:
            continue
        measure(s, ring, runs, desk.now_ns - desk.window_ns)
        indices[found], starts[found], counts[found] = index, start_ns, s.bar_count
        fields = fields_at(desk, index)
        for column in range(len(fields)):
            values[found, column] = fields[column]
        if not quoted(s, desk.now_ns, desk.quote_max_age_ns):
            for column in range(BID, ASK_SIZE + 1):
                values[found, column] = np.nan
        found += 1
    return found
