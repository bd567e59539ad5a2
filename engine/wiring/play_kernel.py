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
from numba import carray  # type: ignore[attr-defined]

from engine.features.consume import BARS, NONE, consume_ticks, take_closed
from engine.features.memory import desk_at, rows_of, ticks_at
from engine.kernels import kernel, part, pointer, warm
from engine.opportunities.blend_kernel import BLENDED, HELD, SOURCE, blend_many, hold
from engine.opportunities.rules import STANDING, sift
from engine.quant.registry import score_bars
from engine.quant.speed import CLOSES
from engine.ticks import TICK
from engine.wiring.level_kernel import any_level, level_between, next_level, quote_at
from engine.wiring.quiet_kernel import PERMIT, copy_words, expires, fresh, spoken, swept, valued

_WEEK_MINUTES, _MINUTE_NS, _EPOCH = 7 * 24 * 60, 60_000_000_000, 3 * 24 * 60
PLACES = 44
"""Arrays that ``Play`` gathers."""


@part
def _go(
    packed: Any,
    start: int,
    stop: int,
    address: int,
    permit: Any,
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
    """``told``: two TICK rows of room. ``words``: what a boundary changes (``ranges``, ``closes``, ``held``,
    ``standing``), each as one-dimensional int64, and ``kept_words`` as much room. The rest: see ``Play``.
    """
    desk = desk_at(address)
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
        if desk.pending == 0 and any_level(rows_of(desk), desk):
            limit, level = next_level(packed, position, stop, rows_of(desk), desk, permit.passed)
            if level != level and limit < stop:
                limit += 1  # closes the bar
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
            copy_words(words[at], kept_words[at])
        sweep_ns = permit.next_sweep_ns
        quiet = not spoken(
            permit, rows, indices, bar_counts, ns, found, asked, owned, memories, ranges
        ) and swept(permit, rows_of(desk), desk, held_at, ns)
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
            quiet = not fresh(wanted, candidates, refused) and not expires(standing, symbols, ns)
        if quiet:
            state = rows_of(desk)
            quiet = valued(
                permit, state, desk, ns, held_at, quantities, grid, marks, now_marks, key_ns, key_marks
            )
        if not quiet:
            permit.next_sweep_ns = sweep_ns
            for at in range(len(words)):
                copy_words(kept_words[at], words[at])
            return code
        permit.skipped += 1
        permit.bars += count
        permit.blends += blends
        permit.last_ns = ns
        refusals += refused
        position = desk.position


@kernel
def play(ticks: int, start: int, stop: int, address: int, places: Any) -> int:
    """``consume_ticks`` from ``start`` to ``stop``, past quiet boundaries and by way of levels; its code.

    ``places``: of each array that ``Play`` gathers, in its order, the address and up to three lengths. To
    hand them over one by one took longer than most calls.
    """
    return _go(
        ticks_at(ticks, stop),
        start,
        stop,
        address,
        carray(pointer(places[0, 0]), 1, PERMIT)[0],
        carray(pointer(places[1, 0]), 2, TICK),
        _floats2(places, 2),
        carray(pointer(places[3, 0]), (places[3, 1], places[3, 2]), np.uint8),
        (
            _ints2(places, 4),
            _ints2(places, 5),
            _ints2(places, 6),
            _ints2(places, 7),
            _ints2(places, 8),
        ),
        carray(pointer(places[9, 0]), (places[9, 1], places[9, 2], places[9, 3]), np.float64),
        carray(pointer(places[10, 0]), places[10, 1], CLOSES),
        carray(pointer(places[11, 0]), (places[11, 1], places[11, 2]), HELD),
        carray(pointer(places[12, 0]), places[12, 1], SOURCE),
        _floats(places, 13),
        _floats2(places, 14),
        carray(pointer(places[15, 0]), places[15, 1], STANDING),
        _floats(places, 16),
        carray(pointer(places[17, 0]), places[17, 1], np.uint8),
        _ints(places, 18),
        _ints(places, 19),
        _ints2(places, 20),
        _floats2(places, 21),
        carray(pointer(places[22, 0]), places[22, 1], np.bool_),
        _floats2(places, 23),
        _floats2(places, 24),
        carray(pointer(places[25, 0]), places[25, 1], BLENDED),
        _ints2(places, 26),
        _ints(places, 27),
        _ints(places, 28),
        (_ints(places, 29), _ints(places, 30), _ints(places, 31), _ints(places, 32)),
        (_ints(places, 33), _ints(places, 34), _ints(places, 35), _ints(places, 36)),
        _ints(places, 37),
        _floats(places, 38),
        _floats(places, 39),
        _floats(places, 40),
        _floats(places, 41),
        _ints(places, 42),
        _floats2(places, 43),
    )


@part
def _floats(places: Any, at: int) -> Any:
    return carray(pointer(places[at, 0]), places[at, 1], np.float64)


@part
def _floats2(places: Any, at: int) -> Any:
    return carray(pointer(places[at, 0]), (places[at, 1], places[at, 2]), np.float64)


@part
def _ints(places: Any, at: int) -> Any:
    return carray(pointer(places[at, 0]), places[at, 1], np.int64)


@part
def _ints2(places: Any, at: int) -> Any:
    return carray(pointer(places[at, 0]), (places[at, 1], places[at, 2]), np.int64)


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""
    warm(_exercise, "play_kernel", report, shown="backtest")


def _exercise() -> None:
    from engine.config import Config
    from engine.wiring.play import Play

    Play.of_nothing(Config())
