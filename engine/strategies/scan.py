"""Which rows a shipped strategy may have something to say about: all symbols in one compiled call.

Each kernel repeats the conditions of its strategy's ``on_bar``, which stays the definition, and leaves out
those it would not speak of again yet. ``memory`` holds two int64 per symbol index, as the strategy's own
memory has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import carray  # type: ignore[attr-defined]

from engine.feature_table import COLUMN, FLOAT_FIELDS, FeatureTable
from engine.kernels import kernel, part, pointer, warm

Mask = np.typing.NDArray[np.bool_]

Floats = np.typing.NDArray[np.float64]
Integers = np.typing.NDArray[np.int64]

SCANS = ("trend", "mean_reversion", "golden_cross", "ema_cross", "breakout", "rapid_rise")
"""Whose kernels these are, by number."""
TREND, MEAN_REVERSION, GOLDEN_CROSS, EMA_CROSS, BREAKOUT, RAPID_RISE = range(len(SCANS))
PARAMETERS = 2
"""Most that one of them takes."""
GROW = -1
"""The memory has no room for one of the symbols."""
ALWAYS = np.iinfo(np.int64).min
"""A time from which on everything is allowed."""
_FILLED, _CLOSE, _RSI, _ATR = COLUMN["filled"], COLUMN["close"], COLUMN["rsi"], COLUMN["atr"]
_HIGH, _LOW = COLUMN["high"], COLUMN["low"]
_VOLUME, _VOLUME_MA = COLUMN["volume"], COLUMN["volume_ma"]
_LOWER, _UPPER = COLUMN["bb_lower"], COLUMN["bb_upper"]
_EMA_FAST, _EMA_SLOW = COLUMN["ema_fast"], COLUMN["ema_slow"]
_HISTOGRAM, _MOMENTUM = COLUMN["macd_hist"], COLUMN["momentum"]
_SMA_FAST, _SMA_SLOW = COLUMN["sma_fast"], COLUMN["sma_slow"]
_CHANGE = COLUMN["window_change_pct"]


class Scan:
    """A kernel with its parameters and what it needs of the strategy's memory.

    ``recall(symbol)`` tells the two numbers of a symbol now; ``start`` is what they are before it is ever
    let through. They can only change in ``on_bar``, so only symbols that were let through are asked for.
    """

    def __init__(
        self,
        kernel: Callable[..., int],
        parameters: tuple[float, ...],
        recall: Callable[[str], tuple[int, int]],
        start: int,
    ) -> None:
        self._kernel = kernel
        # An int would be another type to compile for.
        self._parameters = tuple(float(parameter) for parameter in parameters)
        self._recall = recall
        self._start = start
        self._memory = np.full((64, 2), start)
        self._found = np.zeros(0, np.bool_)
        self._passed: list[tuple[int, str]] = []

    def __call__(self, table: FeatureTable) -> Mask:
        """True at the positions to look at, never at filled bars; good until the next call."""
        self.settle()
        if len(self._found) != len(table.indices):
            self._found = np.zeros(len(table.indices), np.bool_)
        count = self._run(table)
        if count == GROW:
            self.make_room(int(table.indices.max()) + 1)
            count = self._run(table)
        self.let_through(table, self._found.nonzero()[0].tolist() if count else ())
        return self._found

    def let_through(self, table: FeatureTable, positions: Sequence[int]) -> None:
        """These are looked at now, and asked for before the next call."""
        self._passed = [(int(table.indices[position]), table.symbol(position)) for position in positions]

    def settle(self) -> None:
        """Take up what the strategy remembers by now of the symbols that were let through."""
        for index, symbol in self._passed:
            self._memory[index] = self._recall(symbol)
        self._passed = []

    def seen_from_outside(self, symbols: int) -> tuple[Callable[..., int], tuple[float, ...], Integers]:
        """(kernel, its parameters, its memory) with room for so many symbols, for who calls the kernel
        himself between two calls; see ``settle``."""
        self.settle()
        self.make_room(symbols)
        return self._kernel, self._parameters, self._memory

    @property
    def memory(self) -> Integers:
        """What its kernel reads; another array once there are more symbols."""
        return self._memory

    def make_room(self, symbols: int) -> None:
        if symbols > len(self._memory):
            self._grow(2 * symbols)

    def recall(self, symbols: Sequence[str]) -> None:
        """The strategy remembers what another scan saw: ask it for all symbols, by index."""
        self.make_room(len(symbols))
        for index, symbol in enumerate(symbols):
            self._memory[index] = self._recall(symbol)

    def _run(self, table: FeatureTable) -> int:
        return self._kernel(
            table.values, table.indices, self._memory, self._found, table.ns, *self._parameters
        )

    def _grow(self, count: int) -> None:
        grown = np.full((count, 2), self._start)
        grown[: len(self._memory)] = self._memory
        self._memory = grown


class ChannelScan(Scan):
    """The scan of ``breakout``, which keeps the ranges of the last bars itself.

    As far as it has seen them: of bars before the strategy was switched on it knows nothing, and so lets
    through more than it has to. A bar's place follows from its number, so it must see every bar once.
    """

    def __init__(
        self, bars: int, parameters: tuple[float, ...], recall: Callable[[str], tuple[int, int]]
    ) -> None:
        super().__init__(breakout, parameters, recall, ALWAYS)
        self._bars = bars
        self._ranges = self._unknown(len(self._memory))

    @property
    def ranges(self) -> Floats:
        """(symbols, bars, 2): what it keeps itself."""
        return self._ranges

    def _unknown(self, count: int) -> Floats:
        """(symbols, bars, 2): high and low by bar number modulo ``bars``; unknown ones exclude nothing."""
        ranges = np.empty((count, self._bars, 2))
        ranges[:, :, 0], ranges[:, :, 1] = -np.inf, np.inf
        return ranges

    def _run(self, table: FeatureTable) -> int:
        return breakout(
            table.values,
            table.indices,
            self._memory,
            self._found,
            table.ns,
            self._parameters[0],
            self._parameters[1],
            table.bars,
            self._ranges,
        )

    def _grow(self, count: int) -> None:
        super()._grow(count)
        grown = self._unknown(count)
        grown[: len(self._ranges)] = self._ranges
        self._ranges = grown


def quiet_since(spoken: tuple[int, bool] | None, cooldown_ns: int) -> tuple[int, int]:
    """From when on it may (sell, buy) again, given when it last spoke and whether to buy."""
    if spoken is None:
        return ALWAYS, ALWAYS
    until = spoken[0] + cooldown_ns
    return (ALWAYS, until) if spoken[1] else (until, ALWAYS)


@kernel
def trend(
    values: Any, indices: Any, memory: Any, found: Any, ns: int, min_gap: float, min_momentum: float
) -> int:
    count = 0
    for position in range(len(indices)):
        index = indices[position]
        if index >= len(memory):
            return GROW
        row = values[position]
        found[position] = False
        if row[_FILLED] == 1.0:
            continue
        gap, least = row[_EMA_FAST] - row[_EMA_SLOW], min_gap * row[_ATR]
        momentum, least_momentum = row[_MOMENTUM], min_momentum * row[_ATR]
        if gap >= least:
            fits = row[_HISTOGRAM] > 0.0 and momentum >= least_momentum and least_momentum > 0.0
            found[position] = fits and ns >= memory[index, 1]
            count += found[position]
        elif -gap >= least:
            fits = row[_HISTOGRAM] < 0.0 and -momentum >= least_momentum and least_momentum > 0.0
            found[position] = fits and ns >= memory[index, 0]
            count += found[position]
    return count


@kernel
def mean_reversion(
    values: Any, indices: Any, memory: Any, found: Any, ns: int, oversold: float, overbought: float
) -> int:
    count = 0
    for position in range(len(indices)):
        index = indices[position]
        if index >= len(memory):
            return GROW
        row = values[position]
        found[position] = False
        if row[_FILLED] == 1.0 or not row[_LOWER] < row[_UPPER]:
            continue
        if row[_RSI] <= oversold:
            found[position] = row[_CLOSE] <= row[_LOWER] and ns >= memory[index, 1]
            count += found[position]
        elif row[_RSI] >= overbought:
            found[position] = row[_CLOSE] >= row[_UPPER] and ns >= memory[index, 0]
            count += found[position]
    return count


@kernel
def golden_cross(values: Any, indices: Any, memory: Any, found: Any, ns: int, min_gap: float) -> int:
    """``memory[index, 0]``: +1 when the fast average was last seen above, -1 below, 0 not seen."""
    count = 0
    for position in range(len(indices)):
        index = indices[position]
        if index >= len(memory):
            return GROW
        row = values[position]
        found[position] = False
        if row[_FILLED] == 1.0:
            continue
        side, gap = memory[index, 0], row[_SMA_FAST] - row[_SMA_SLOW]
        if gap != gap:
            found[position] = side != 0
        elif side == 0:
            found[position] = True
        else:
            crossed = gap < 0.0 if side > 0 else gap > 0.0
            found[position] = crossed and abs(gap) >= min_gap * row[_ATR]
        count += found[position]
    return count


@kernel
def ema_cross(values: Any, indices: Any, memory: Any, found: Any, ns: int, min_gap: float) -> int:
    """``memory[index, 0]``: +1 when the fast average was last seen above, -1 below, 0 not seen."""
    count = 0
    for position in range(len(indices)):
        index = indices[position]
        if index >= len(memory):
            return GROW
        row = values[position]
        found[position] = False
        gap = row[_EMA_FAST] - row[_EMA_SLOW]
        if row[_FILLED] == 1.0 or gap == 0.0 or gap != gap:
            continue
        side = memory[index, 0]
        if side == 0:
            found[position] = True
        elif gap < 0.0 if side > 0 else gap > 0.0:
            found[position] = min_gap == 0.0 or abs(gap) >= min_gap * row[_ATR]
        count += found[position]
    return count


@kernel
def breakout(
    values: Any,
    indices: Any,
    memory: Any,
    found: Any,
    ns: int,
    min_margin: float,
    min_ratio: float,
    bars: Any,
    ranges: Any,
) -> int:
    """Also keeps each bar's range."""
    count, kept = 0, ranges.shape[1]
    for position in range(len(indices)):
        if indices[position] >= len(memory):
            return GROW
    for position in range(len(indices)):
        index, row = indices[position], values[position]
        found[position] = False
        least, atr = min_ratio * row[_VOLUME_MA], row[_ATR]
        if row[_FILLED] != 1.0 and row[_VOLUME] >= least and least > 0.0 and atr > 0.0:
            high, low = -np.inf, np.inf
            for slot in range(kept):
                high, low = max(high, ranges[index, slot, 0]), min(low, ranges[index, slot, 1])
            margin = min_margin * atr
            if row[_CLOSE] - high > margin:
                found[position] = ns >= memory[index, 1] or low - row[_CLOSE] > margin
            elif low - row[_CLOSE] > margin:
                found[position] = ns >= memory[index, 0]
            count += found[position]
        slot = bars[position] % kept
        ranges[index, slot, 0], ranges[index, slot, 1] = row[_HIGH], row[_LOW]
    return count


@kernel
def rapid_rise(
    values: Any, indices: Any, memory: Any, found: Any, ns: int, min_change: float, falls: float
) -> int:
    """Needs nothing of the strategy's memory."""
    count = 0
    for position in range(len(indices)):
        if indices[position] >= len(memory):
            return GROW
        row = values[position]
        change = row[_CHANGE]
        large = change >= min_change or (falls != 0.0 and change <= -min_change)
        found[position] = large and row[_FILLED] != 1.0
        count += found[position]
    return count


@part
def _memory(places: Any, number: int) -> Any:
    return carray(pointer(places[number, 0]), (places[number, 1], 2), np.int64)


@kernel
def scan_all(
    values: Any, indices: Any, bars: Any, ns: int, wanted: int, asked: Any, places: Any, found: Any
) -> int:
    """The numbers, as bits, of those scans ``wanted`` (as bits, too) that let something through; GROW when
    one's memory has no room.

    By number: ``asked`` has their parameters, ``places`` the address and the length of their memories, and
    after the last that of the ranges, with bars and symbols; ``found`` (scans, rows) gets where.
    """
    spoke, short = 0, False
    if wanted & 1 << TREND:
        memory, limits = _memory(places, TREND), asked[TREND]
        count = trend(values, indices, memory, found[TREND], ns, limits[0], limits[1])
        spoke, short = spoke | (count != 0) << TREND, short or count < 0
    if wanted & 1 << MEAN_REVERSION:
        memory, limits = _memory(places, MEAN_REVERSION), asked[MEAN_REVERSION]
        count = mean_reversion(values, indices, memory, found[MEAN_REVERSION], ns, limits[0], limits[1])
        spoke, short = spoke | (count != 0) << MEAN_REVERSION, short or count < 0
    if wanted & 1 << GOLDEN_CROSS:
        memory = _memory(places, GOLDEN_CROSS)
        count = golden_cross(values, indices, memory, found[GOLDEN_CROSS], ns, asked[GOLDEN_CROSS, 0])
        spoke, short = spoke | (count != 0) << GOLDEN_CROSS, short or count < 0
    if wanted & 1 << EMA_CROSS:
        memory = _memory(places, EMA_CROSS)
        count = ema_cross(values, indices, memory, found[EMA_CROSS], ns, asked[EMA_CROSS, 0])
        spoke, short = spoke | (count != 0) << EMA_CROSS, short or count < 0
    if wanted & 1 << BREAKOUT:
        memory, limits, at = _memory(places, BREAKOUT), asked[BREAKOUT], places[len(SCANS)]
        ranges = carray(pointer(at[0]), (at[1], at[2], 2), np.float64)
        count = breakout(values, indices, memory, found[BREAKOUT], ns, limits[0], limits[1], bars, ranges)
        spoke, short = spoke | (count != 0) << BREAKOUT, short or count < 0
    if wanted & 1 << RAPID_RISE:
        memory, limits = _memory(places, RAPID_RISE), asked[RAPID_RISE]
        count = rapid_rise(values, indices, memory, found[RAPID_RISE], ns, limits[0], limits[1])
        spoke, short = spoke | (count != 0) << RAPID_RISE, short or count < 0
    return GROW if short else spoke


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernels ready: load them, or compile them at the first start (``report`` gets a line)."""
    warm(_exercise, "scan", report)


def _exercise() -> None:
    values, indices = np.zeros((1, len(FLOAT_FIELDS))), np.zeros(1, np.int64)
    memory, found = np.zeros((1, 2), np.int64), np.zeros(1, np.bool_)
    trend(values, indices, memory, found, 0, 1.0, 1.0)
    mean_reversion(values, indices, memory, found, 0, 1.0, 1.0)
    golden_cross(values, indices, memory, found, 0, 1.0)
    ema_cross(values, indices, memory, found, 0, 1.0)
    breakout(values, indices, memory, found, 0, 1.0, 1.0, indices, np.zeros((1, 1, 2)))
    rapid_rise(values, indices, memory, found, 0, 1.0, 0.0)
    asked, places = np.zeros((len(SCANS), PARAMETERS)), np.zeros((len(SCANS) + 1, 3), np.int64)
    scan_all(values, indices, indices, 0, 0, asked, places, np.zeros((len(SCANS), 1), np.bool_))
