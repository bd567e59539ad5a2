"""Whether a boundary of bars is quiet: what the desk would decide at it is nothing (compiled).

The parts of ``play_kernel`` that judge it. Each changes only what can be put back, until ``valued`` notes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.features.triggers import _exit_crossed as exit_crossed
from engine.features.triggers import quoted
from engine.kernels import part
from engine.strategies.scan import (
    BREAKOUT,
    EMA_CROSS,
    GOLDEN_CROSS,
    MEAN_REVERSION,
    TREND,
    breakout,
    ema_cross,
    golden_cross,
    mean_reversion,
    trend,
)
from engine.strategies.scan import SCANS as ALL_SCANS

DAY_NS = 86_400_000_000_000
SCANS = ALL_SCANS[: BREAKOUT + 1]
"""Those that are run here, in the order of the rows of their parameters."""
FIRST, BEFORE_TURN, TURN, HIGH, PEAK, LAST = range(6)
"""Moments that the account has to be told afterwards, rows of ``key_ns``: the first boundary, the one before
the day turned last, that one, the day's highest, the highest of all, the last."""
KEYS = 6
_NEAR = 1e-9
"""Of equity: what is nearer than this may be more or less when counted exactly."""
_SURE = 1e-6
"""Percent: the same of a loss."""
PERMIT = np.dtype(
    [
        *(("quiet", "<i8"), ("due_ns", "<i8"), ("enabled", "<i8")),
        *(("sweep_ns", "<i8"), ("next_sweep_ns", "<i8"), ("ttl_ns", "<i8")),
        *(("bar_ns", "<i8"), ("day", "<i8"), ("held", "<i8")),
        *(("day_start", "<f8"), ("day_high", "<f8"), ("peak", "<f8"), ("equity", "<f8")),
        *(("cash", "<f8"), ("reduce_pct", "<f8")),
        # what was gone through
        *(("skipped", "<i8"), ("bars", "<i8"), ("blends", "<i8"), ("last_ns", "<i8")),
        # a level that is being told: quotes still to come, where, and of which tick
        *(("pending", "<i8"), ("passed", "<i8")),
    ]
)
"""What is asked of a boundary to be quiet, what it counts, and where a level is being told.

``due_ns``: from then on Python looks, whatever is quiet. ``held``: positions, whose symbols, quantities and
ticks are in arrays. Equity and what it was are float64: what is near a limit or a maximum is Python's to
count."""
Permit = npt.NDArray[np.void]


@part
def _owned(found: Any, indices: Any, owned: Any, count: int) -> bool:
    """Whether a strategy may speak of one of the symbols that it sees."""
    if count == 0:
        return False
    speaks = count < 0  # its memory has no room
    for position in range(len(indices)):
        speaks |= found[position] and owned[indices[position]] != 0
    return speaks


@part
def spoken(
    permit: Any,
    values: Any,
    indices: Any,
    counts: Any,
    ns: int,
    found: Any,
    asked: Any,
    owned: Any,
    memories: Any,
    ranges: Any,
) -> bool:
    """Whether a strategy may have something to say."""
    on = permit.enabled
    if on & 1 << TREND:
        count = trend(values, indices, memories[TREND], found, ns, asked[TREND, 0], asked[TREND, 1])
        if _owned(found, indices, owned[TREND], count):
            return True
    if on & 1 << MEAN_REVERSION:
        row = asked[MEAN_REVERSION]
        count = mean_reversion(values, indices, memories[MEAN_REVERSION], found, ns, row[0], row[1])
        if _owned(found, indices, owned[MEAN_REVERSION], count):
            return True
    if on & 1 << GOLDEN_CROSS:
        count = golden_cross(values, indices, memories[GOLDEN_CROSS], found, ns, asked[GOLDEN_CROSS, 0])
        if _owned(found, indices, owned[GOLDEN_CROSS], count):
            return True
    if on & 1 << EMA_CROSS:
        count = ema_cross(values, indices, memories[EMA_CROSS], found, ns, asked[EMA_CROSS, 0])
        if _owned(found, indices, owned[EMA_CROSS], count):
            return True
    if on & 1 << BREAKOUT:
        row = asked[BREAKOUT]
        count = breakout(values, indices, memories[BREAKOUT], found, ns, row[0], row[1], counts, ranges)
        if _owned(found, indices, owned[BREAKOUT], count):
            return True
    return False


@part
def swept(permit: Any, state: Any, desk: Any, held_at: Any, ns: int) -> bool:
    """Whether a sweep, where one is due, finds every level watched and none crossed; then it is done."""
    if ns < permit.next_sweep_ns:
        return True
    for at in range(permit.held):
        s = state[held_at[at]]
        if s.exit_side == 0 or s.exit_armed == 0 or exit_crossed(s, ns, desk.quote_max_age_ns):
            return False
    permit.next_sweep_ns = ns + permit.sweep_ns
    return True


@part
def valued(
    permit: Any,
    state: Any,
    desk: Any,
    ns: int,
    held_at: Any,
    quantities: Any,
    grid: Any,
    marks: Any,
    now_marks: Any,
    key_ns: Any,
    key_marks: Any,
) -> bool:
    """Whether the account's worth is told without doubt, and no limit is near; then it is noted.

    ``marks``: of the boundary before, in ticks.
    """
    held, day = permit.held, ns // DAY_NS
    turned = day > permit.day
    same = True
    equity = permit.cash
    for at in range(held):
        s = state[held_at[at]]
        known = quoted(s, ns, desk.quote_max_age_ns)
        mid = (s.bid + s.ask) / 2 if known else s.last
        now_marks[at] = np.rint(mid / grid[at])
        if not (now_marks[at] > 0.0 and now_marks[at] < np.inf):
            return False
        same = same and now_marks[at] == marks[at]
        equity += quantities[at] * now_marks[at] * grid[at]
    start, high = (permit.equity, permit.equity) if turned else (permit.day_start, permit.day_high)
    best, top = 0, 0
    if held and not same:
        near = _NEAR * abs(equity)
        if equity > high + near:
            best, high = 1, equity
        elif equity > high - near:
            return False
        if equity > permit.peak + near:
            top = 1
        elif equity > permit.peak - near:
            return False
    if not start > 0.0:
        return False
    # With nothing held, too: the fill that closed the last position may have brought the loss.
    loss, fall = (start - equity) / start * 100.0, (high - equity) / high * 100.0
    if not (loss < permit.reduce_pct - _SURE and fall < permit.reduce_pct - _SURE):
        return False
    if turned:
        _keep(key_ns, key_marks, BEFORE_TURN, key_ns[LAST], key_marks[LAST], held)
        _keep(key_ns, key_marks, TURN, ns, now_marks, held)
        key_ns[HIGH] = 0
    if best:
        _keep(key_ns, key_marks, HIGH, ns, now_marks, held)
    if top:
        permit.peak = equity
        _keep(key_ns, key_marks, PEAK, ns, now_marks, held)
    if key_ns[FIRST] == 0:
        _keep(key_ns, key_marks, FIRST, ns, now_marks, held)
    _keep(key_ns, key_marks, LAST, ns, now_marks, held)
    for at in range(held):
        marks[at] = now_marks[at]
    permit.day, permit.day_start, permit.day_high, permit.equity = day, start, high, equity
    return True


@part
def _keep(key_ns: Any, key_marks: Any, key: int, ns: int, marks: Any, held: int) -> None:
    key_ns[key] = ns
    for at in range(held):
        key_marks[key, at] = marks[at]


@part
def copy_words(source: Any, target: Any) -> None:
    for at in range(len(source)):
        target[at] = source[at]


@part
def fresh(wanted: Any, candidates: int, refused: Any) -> bool:
    """Whether one of the candidates may become something; those that are refused with no news are counted."""
    for at in range(candidates):
        if wanted[at, 1] == 0 or wanted[at, 2] != 0:
            return True
    for at in range(candidates):
        refused[wanted[at, 1]] += 1
    return False


@part
def expires(standing: Any, symbols: int, ns: int) -> bool:
    """Whether an opportunity is over."""
    over = False
    for index in range(symbols):
        over |= standing[index].side != 0 and standing[index].expires_ns <= ns
    return over
