"""The hot path: ticks in, state forward, a return at each trigger (compiled entry points)."""

from __future__ import annotations

from typing import Any

from engine.features.bars import add_quote, add_trade, close_bar
from engine.features.state import (
    BAR_NS,
    BOUNDARY,
    CLOSED,
    COUNT,
    NOW,
    PENDING,
    PENDING_SYMBOL,
    QUOTE_MAX_AGE_NS,
    WINDOW_NS,
)
from engine.features.triggers import EXIT_BIT, WAKE_BIT, fired
from engine.features.window import expire, measure, push
from engine.kernels import kernel, part
from engine.ticks import BACKFILLED, TRADE

NONE, BARS, RISE, EXIT, WAKE = 0, 1, 2, 3, 4
GROW = 5
"""Internal: the symbol's ring is full; make room and resume at the same tick."""


@part
def _close_bars(now_ns: int, state: Any, clock: Any, ring: Any) -> bool:
    """Close the interval that ended at the boundary; False when nobody had a bar to close.

    The clock then stands at the boundary, so a bar's row is the same whether a tick or a timer closed it.
    """
    end_ns = clock[BOUNDARY]
    step = clock[BAR_NS]
    closed = False
    if end_ns > 0:
        for index in range(clock[COUNT]):
            if close_bar(state[index], end_ns):
                closed = True
            expire(state[index], ring, end_ns - clock[WINDOW_NS])
    if not closed:
        clock[BOUNDARY] = (now_ns // step + 1) * step
        return False
    clock[NOW] = end_ns
    clock[CLOSED] = end_ns
    clock[BOUNDARY] = end_ns + step
    return True


@part
def _next_pending(clock: Any) -> int:
    bits = clock[PENDING]
    if bits & EXIT_BIT:
        clock[PENDING] = bits & ~EXIT_BIT
        return EXIT
    if bits & WAKE_BIT:
        clock[PENDING] = bits & ~WAKE_BIT
        return WAKE
    clock[PENDING] = 0
    return RISE


@kernel
def consume(ticks: Any, start: int, stop: int, state: Any, clock: Any, ring: Any) -> tuple[int, int, int]:
    """Consume ``ticks[start:stop]`` up to the first trigger: (code, next position, symbol index or -1)."""
    if clock[PENDING] != 0:
        return _next_pending(clock), start, clock[PENDING_SYMBOL]
    for position in range(start, stop):
        tick = ticks[position]
        if tick.reject != 0 or tick.flags & BACKFILLED:
            continue
        index = tick.symbol
        if index < 0 or index >= clock[COUNT]:
            raise IndexError("tick of a symbol that was not added")
        if tick.recv_ns > clock[NOW]:
            if tick.recv_ns >= clock[BOUNDARY] and _close_bars(tick.recv_ns, state, clock, ring):
                return BARS, position, -1
            clock[NOW] = tick.recv_ns
        now = clock[NOW]
        s = state[index]
        is_trade = tick.kind == TRADE
        if is_trade:
            expire(s, ring, now - clock[WINDOW_NS])
            if s.tail - s.head == s.capacity:
                return GROW, position, index
            push(s, ring, now, tick.a, tick.b, tick.b if tick.aggressor > 0 else 0.0)
            add_trade(s, tick.a, tick.b)
            s.trade_ns = now
        else:
            s.bid, s.ask, s.bid_size, s.ask_size = tick.a, tick.b, tick.c, tick.d
            s.quotes += 1
            s.quote_ns = now
            add_quote(s, 0.5 * (tick.a + tick.b))
        s.updates += 1
        s.recv_ns = now
        bits = fired(s, ring, now, is_trade, clock[QUOTE_MAX_AGE_NS])
        if bits != 0:
            clock[PENDING] = bits
            clock[PENDING_SYMBOL] = index
            return _next_pending(clock), position + 1, index
    return NONE, stop, -1


@kernel
def pass_time(now_ns: int, state: Any, clock: Any, ring: Any) -> int:
    """Move the clock; BARS once per boundary passed, else NONE."""
    if now_ns > clock[NOW]:
        if now_ns >= clock[BOUNDARY] and _close_bars(now_ns, state, clock, ring):
            return BARS
        clock[NOW] = now_ns
    return NONE


@kernel
def refresh(indices: Any, state: Any, clock: Any, ring: Any) -> None:
    """Bring the window fields of these rows up to the clock."""
    oldest = clock[NOW] - clock[WINDOW_NS]
    for index in indices:
        measure(state[index], ring, oldest)
