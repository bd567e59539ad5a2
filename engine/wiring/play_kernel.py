"""Ticks consumed up to the first moment that Python has to see (compiled).

At most bar closes nothing is decided: no strategy speaks, no blend is worth a look, nothing is due. Such a
boundary is gone through right here, by the kernels that the desk itself calls, in its order: scans of the
strategies, quant modules, blends, the rules of opportunities, the account's worth. As soon as one of them
wants more than numbers, all that the boundary changed is put back, and Python does it as always. So it makes
no difference to the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.features.consume import BARS, NONE, consume_ticks, take_closed
from engine.features.memory import desk_at, rows_of, ticks_at
from engine.features.triggers import _exit_crossed as exit_crossed
from engine.features.triggers import quoted
from engine.kernels import kernel, part, warm
from engine.opportunities.blend_kernel import blend_many, hold
from engine.opportunities.rules import sift
from engine.quant.registry import score_bars
from engine.strategies.scan import breakout, ema_cross, golden_cross, mean_reversion, trend
from engine.wiring.level_kernel import level_between, next_level, quote_at

DAY_NS = 86_400_000_000_000
_WEEK_MINUTES, _MINUTE_NS, _EPOCH = 7 * 24 * 60, 60_000_000_000, 3 * 24 * 60
SCANS = ("trend", "mean_reversion", "golden_cross", "ema_cross", "breakout")
"""In the order of the rows of their parameters."""
TREND, MEAN_REVERSION, GOLDEN_CROSS, EMA_CROSS, BREAKOUT = range(len(SCANS))
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
def _spoken(
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
def _swept(permit: Any, state: Any, desk: Any, held_at: Any, ns: int) -> bool:
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
def _valued(
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
        key_ns[BEFORE_TURN] = key_ns[LAST]
        key_marks[BEFORE_TURN, :held] = key_marks[LAST, :held]
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
    marks[:held] = now_marks[:held]
    permit.day, permit.day_start, permit.day_high, permit.equity = day, start, high, equity
    return True


@part
def _keep(key_ns: Any, key_marks: Any, key: int, ns: int, marks: Any, held: int) -> None:
    key_ns[key] = ns
    key_marks[key, :held] = marks[:held]


@part
def _copy(source: Any, target: Any) -> None:
    for at in range(len(source)):
        target[at] = source[at]


@part
def _fresh(wanted: Any, candidates: int, refused: Any) -> bool:
    """Whether one of the candidates may become something; those that are refused with no news are counted."""
    for at in range(candidates):
        if wanted[at, 1] == 0 or wanted[at, 2] != 0:
            return True
    for at in range(candidates):
        refused[wanted[at, 1]] += 1
    return False


@part
def _expires(standing: Any, symbols: int, ns: int) -> bool:
    """Whether an opportunity is over."""
    over = False
    for index in range(symbols):
        over |= standing[index].side != 0 and standing[index].expires_ns <= ns
    return over


@kernel
def play(
    ticks: int,
    start: int,
    stop: int,
    address: int,
    permits: Any,
    told: Any,
    asked: Any,
    owned: Any,
    memories: Any,
    ranges: Any,
    closes: Any,
    held: Any,
    sources: Any,
    weights: Any,
    parts: Any,
    standing: Any,
    limits: Any,
    open_minutes: Any,
    columns: Any,
    ttl_ns: Any,
    numbers: Any,
    values: Any,
    found: Any,
    scores: Any,
    confidences: Any,
    blended: Any,
    wanted: Any,
    refused: Any,
    refusals: Any,
    words: Any,
    kept_words: Any,
    held_at: Any,
    quantities: Any,
    grid: Any,
    marks: Any,
    now_marks: Any,
    key_ns: Any,
    key_marks: Any,
) -> int:
    """``consume_ticks`` from ``start`` to ``stop``, past quiet boundaries and by way of levels; its code.

    ``told``: two TICK rows of room. ``words``: what a boundary changes (``ranges``, ``closes``, ``held``,
    ``standing``), each as one-dimensional int64, and ``kept_words`` as much room. The rest: see ``Play``.
    """
    packed, desk, permit = ticks_at(ticks, stop), desk_at(address), permits[0]
    position = start
    while True:
        if permit.pending > 0:
            # The level is quoted twice: the first time sets the exit off, the second is what it meets.
            at = 2 - permit.pending
            if desk.pending == 0:
                permit.pending -= 1
                code = consume_ticks(told, at, at + 1, desk)
            else:
                code = consume_ticks(told, at, at, desk)
            desk.position = position
            if code != NONE:
                return code
            continue
        limit, level = stop, np.nan
        if desk.pending == 0:
            limit, level = next_level(packed, position, stop, rows_of(desk), desk, permit.passed)
            if limit == position and level != level and limit < stop:
                limit = position + 1  # closes the bar
        code = consume_ticks(packed, position, limit, desk)
        if code == NONE:
            position = limit
            desk.position = position
            if level == level:
                # What came before it may have changed the level.
                tick = packed[position]
                s = rows_of(desk)[tick.symbol]
                level = level_between(s, tick) if s.exit_armed != 0 and s.exit_side != 0 else np.nan
                permit.passed = position
                if level == level:
                    quote_at(told[0], tick, s.exit_side, level)
                    quote_at(told[1], tick, s.exit_side, level)
                    permit.pending = 2
                continue
            if limit < stop:
                continue
            permit.passed = -1
            return NONE
        if code != BARS or permit.quiet == 0:
            return code
        ns, symbols = desk.now_ns, desk.count
        if ns >= permit.due_ns:
            return code
        count = take_closed(numbers[0], numbers[1], numbers[2], values, address)
        indices, starts, bar_counts = numbers[0, :count], numbers[1, :count], numbers[2, :count]
        rows = values[:count]
        for at in range(len(words)):
            _copy(words[at], kept_words[at])
        sweep_ns = permit.next_sweep_ns
        quiet = not _spoken(
            permit, rows, indices, bar_counts, ns, found, asked, owned, memories, ranges
        ) and _swept(permit, rows_of(desk), desk, held_at, ns)
        blends = 0
        if quiet:
            mine, sure = scores[:, :count], confidences[:, :count]
            score_bars(rows, indices, starts, permit.bar_ns, closes, mine, sure)
            hold(indices, ns, columns, ttl_ns, mine, sure, held)
            blend_many(indices, ns, held, sources, weights, parts, blended[:count])
            is_open = open_minutes[(ns // _MINUTE_NS + _EPOCH) % _WEEK_MINUTES] == 1
            blends, candidates = sift(
                rows, indices, ns, blended[:count], standing, limits, is_open, permit.ttl_ns, wanted, refused
            )
            quiet = not _fresh(wanted, candidates, refused) and not _expires(standing, symbols, ns)
        if quiet:
            state = rows_of(desk)
            quiet = _valued(
                permit, state, desk, ns, held_at, quantities, grid, marks, now_marks, key_ns, key_marks
            )
        if not quiet:
            permit.next_sweep_ns = sweep_ns
            for at in range(len(words)):
                _copy(kept_words[at], words[at])
            return code
        permit.skipped += 1
        permit.bars += count
        permit.blends += blends
        permit.last_ns = ns
        refusals += refused
        position = desk.position


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""
    warm(_exercise, "play_kernel", report, shown="backtest")


def _exercise() -> None:
    from engine.config import Config
    from engine.wiring.play import Play

    Play.of_nothing(Config())
