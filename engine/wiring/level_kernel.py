"""Exit levels inside a bar: the path from one price to the next passes every level between (compiled).

A bar tells four prices. A stop that lies between two of them was reached on the way, and is not to be filled
at the far end: there the market is quoted once more, at the level, before it goes on. At a bar's open nothing
lies between: a gap fills at the open.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.kernels import part
from engine.ticks import QUOTE

_BEYOND = 1e-11
"""Of a price: so far past its level that rounding cannot miss it; far less than a tick."""


@part
def level_between(s: Any, tick: Any) -> float:
    """The level of a watched position that the quote ``tick`` passes, NaN when it passes none. A long leaves
    at the bid, a short at the ask."""
    if s.exit_side > 0:
        price, stop, target = tick.a, s.exit_stop, s.exit_target
        trailing = s.exit_best * s.exit_share - s.exit_slack
        if not (stop >= trailing or trailing != trailing):
            stop = trailing
        if price < stop:
            return float(stop * (1.0 - _BEYOND))
        if price > target:
            return float(target * (1.0 + _BEYOND))
    else:
        price, stop, target = tick.b, s.exit_stop, s.exit_target
        trailing = s.exit_best * s.exit_share + s.exit_slack
        if not (stop <= trailing or trailing != trailing):
            stop = trailing
        if price > stop:
            return float(stop * (1.0 + _BEYOND))
        if price < target:
            return float(target * (1.0 - _BEYOND))
    return np.nan


@part
def any_level(state: Any, desk: Any) -> bool:
    """Whether a position is watched."""
    watched = False
    for index in range(desk.count):
        watched |= state[index].exit_side != 0 and state[index].exit_armed != 0
    return watched


@part
def next_level(ticks: Any, start: int, stop: int, state: Any, desk: Any, passed: int) -> tuple[int, float]:
    """(first position from ``start`` on whose quote passes a level of its symbol, that level); without one in
    the open bar (its end, or ``stop``, NaN). The tick at ``passed`` was told already."""
    for position in range(start, stop):
        tick = ticks[position]
        if tick.recv_ns >= desk.boundary_ns and desk.boundary_ns > 0:
            return position, np.nan
        if tick.kind != QUOTE or position == passed:
            continue
        s = state[tick.symbol]
        if s.exit_side == 0 or s.exit_armed == 0 or tick.recv_ns % desk.bar_ns == 0:
            continue
        level = level_between(s, tick)
        if level == level:
            return position, level
    return stop, np.nan


@part
def quote_at(target: Any, tick: Any, side: int, level: float) -> None:
    """``target`` becomes ``tick`` with its bid (of a long, ``side`` above 0) or ask at ``level``."""
    target.recv_ns, target.event_ns, target.trade_id = tick.recv_ns, tick.event_ns, tick.trade_id
    target.symbol, target.kind = tick.symbol, tick.kind
    target.reject, target.aggressor, target.flags = 0, 0, 0
    target.c, target.d = tick.c, tick.d
    if side > 0:
        target.a, target.b = level, level * (tick.b / tick.a)
    else:
        target.a, target.b = level * (tick.a / tick.b), level
