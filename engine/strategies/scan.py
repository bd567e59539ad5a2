"""Which rows a shipped strategy may have something to say about: all symbols in one compiled call.

Each kernel repeats the conditions of its strategy's ``on_bar``, which stays the definition, and leaves out
those it would not speak of again yet. ``memory`` holds two int64 per symbol index, as the strategy's own
memory has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.feature_table import COLUMN, FLOAT_FIELDS, FeatureTable
from engine.kernels import kernel, warm

Mask = np.typing.NDArray[np.bool_]

ALWAYS = np.iinfo(np.int64).min
"""A time from which on everything is allowed."""
_FILLED, _CLOSE, _RSI, _ATR = COLUMN["filled"], COLUMN["close"], COLUMN["rsi"], COLUMN["atr"]
_LOWER, _UPPER = COLUMN["bb_lower"], COLUMN["bb_upper"]
_EMA_FAST, _EMA_SLOW = COLUMN["ema_fast"], COLUMN["ema_slow"]
_HISTOGRAM, _MOMENTUM = COLUMN["macd_hist"], COLUMN["momentum"]
_SMA_FAST, _SMA_SLOW = COLUMN["sma_fast"], COLUMN["sma_slow"]


class Scan:
    """A kernel with its parameters and what it needs of the strategy's memory.

    ``recall(symbol)`` tells the two numbers of a symbol now; ``start`` is what they are before it is ever
    let through. They can only change in ``on_bar``, so only symbols that were let through are asked for.
    """

    def __init__(
        self,
        kernel: Callable[..., Mask],
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
        self._passed: list[tuple[int, str]] = []

    def __call__(self, table: FeatureTable) -> Mask:
        """True at the positions to look at; never at filled bars."""
        for index, symbol in self._passed:
            self._memory[index] = self._recall(symbol)
        indices = table.indices
        mask = self._kernel(table.values, indices, self._memory, table.ns, *self._parameters)
        if len(mask) != len(indices):
            grown = np.full((2 * int(indices.max()) + 1, 2), self._start)
            grown[: len(self._memory)] = self._memory
            self._memory = grown
            mask = self._kernel(table.values, indices, self._memory, table.ns, *self._parameters)
        self._passed = [
            (int(indices[position]), table.symbol(position)) for position in mask.nonzero()[0].tolist()
        ]
        return mask


def quiet_since(spoken: tuple[int, bool] | None, cooldown_ns: int) -> tuple[int, int]:
    """From when on it may (sell, buy) again, given when it last spoke and whether to buy."""
    if spoken is None:
        return ALWAYS, ALWAYS
    until = spoken[0] + cooldown_ns
    return (ALWAYS, until) if spoken[1] else (until, ALWAYS)


@kernel
def trend(values: Any, indices: Any, memory: Any, ns: int, min_gap: float, min_momentum: float) -> Any:
    found = np.zeros(len(indices), np.bool_)
    for position in range(len(indices)):
        index = indices[position]
        if index >= len(memory):
            return np.zeros(0, np.bool_)
        row = values[position]
        if row[_FILLED] == 1.0:
            continue
        gap, least = row[_EMA_FAST] - row[_EMA_SLOW], min_gap * row[_ATR]
        momentum, least_momentum = row[_MOMENTUM], min_momentum * row[_ATR]
        if gap >= least:
            fits = row[_HISTOGRAM] > 0.0 and momentum >= least_momentum and least_momentum > 0.0
            found[position] = fits and ns >= memory[index, 1]
        elif -gap >= least:
            fits = row[_HISTOGRAM] < 0.0 and -momentum >= least_momentum and least_momentum > 0.0
            found[position] = fits and ns >= memory[index, 0]
    return found


@kernel
def mean_reversion(
    values: Any, indices: Any, memory: Any, ns: int, oversold: float, overbought: float
) -> Any:
    found = np.zeros(len(indices), np.bool_)
    for position in range(len(indices)):
        index = indices[position]
        if index >= len(memory):
            return np.zeros(0, np.bool_)
        row = values[position]
        if row[_FILLED] == 1.0 or not row[_LOWER] < row[_UPPER]:
            continue
        if row[_RSI] <= oversold:
            found[position] = row[_CLOSE] <= row[_LOWER] and ns >= memory[index, 1]
        elif row[_RSI] >= overbought:
            found[position] = row[_CLOSE] >= row[_UPPER] and ns >= memory[index, 0]
    return found


@kernel
def golden_cross(values: Any, indices: Any, memory: Any, ns: int, min_gap: float) -> Any:
    """``memory[index, 0]``: +1 when the fast average was last seen above, -1 below, 0 not seen."""
    found = np.zeros(len(indices), np.bool_)
    for position in range(len(indices)):
        index = indices[position]
        if index >= len(memory):
            return np.zeros(0, np.bool_)
        row = values[position]
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
    return found


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernels ready: load them, or compile them at the first start (``report`` gets a line)."""
    warm(_exercise, "scan", report)


def _exercise() -> None:
    values, indices = np.zeros((1, len(FLOAT_FIELDS))), np.zeros(1, np.int64)
    memory = np.zeros((1, 2), np.int64)
    trend(values, indices, memory, 0, 1.0, 1.0)
    mean_reversion(values, indices, memory, 0, 1.0, 1.0)
    golden_cross(values, indices, memory, 0, 1.0)
