"""The quant modules that rest on bars, all of them for all symbols of a bar boundary in one compiled call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.events import NS, Family
from engine.feature_table import FLOAT_FIELDS, FeatureTable, Floats
from engine.kernels import kernel, warm
from engine.quant import microstructure, speed, volatility

_MODULES = (speed, microstructure, volatility)
"""In the order of the compiled calls below."""
NAMES: tuple[str, ...] = tuple(module.NAME for module in _MODULES)
FAMILIES: tuple[Family, ...] = tuple(module.FAMILY for module in _MODULES)
TTL_NS: tuple[int, ...] = tuple(module.TTL_NS for module in _MODULES)

_speed, _microstructure, _volatility = speed.speed, microstructure.microstructure, volatility.volatility


@kernel
def score_bars(
    values: Any, indices: Any, starts: Any, bar_ns: int, closes: Any, scores: Any, confidences: Any
) -> None:
    """The modules' scores and confidences of the rows ``values``, each (modules, rows)."""
    for position in range(len(indices)):
        if indices[position] >= len(closes):
            raise IndexError("bar of a symbol that was not added")
        row = values[position]
        scores[0, position], confidences[0, position] = _speed(
            row, closes[indices[position]], starts[position], bar_ns
        )
        scores[1, position], confidences[1, position] = _microstructure(row)
        scores[2, position], confidences[2, position] = _volatility(row)


class QuantSet:
    """Runs all modules. They see every bar; at a filled one they have no new opinion, and the last one ages.

    Scores come without a reason text: it would cost more than they do, and the numbers they rest on are in
    the feature row, from which an explanation is written when somebody asks.
    """

    def __init__(self, bar_ns: int = NS) -> None:
        """``bar_ns``: length of a bar, by which a hole between two bars is told; 0: the next bar follows the
        last one however long that is ago."""
        self._bar_ns = bar_ns
        self._count = 0
        self._closes = np.zeros(64, speed.CLOSES)

    @property
    def closes(self) -> npt.NDArray[np.void]:
        """What modules look back on, by index; another array once it needs room."""
        return self._closes

    @property
    def bar_ns(self) -> int:
        return self._bar_ns

    def add_symbol(self) -> int:
        """The symbol's index: dense, from 0, in the order of the calls."""
        index = self._count
        self._count += 1
        if index == len(self._closes):
            closes = np.zeros(2 * index, speed.CLOSES)
            closes[:index] = self._closes
            self._closes = closes
        return index

    def on_bars(self, table: FeatureTable) -> tuple[Floats, Floats]:
        """Scores in [-1, 1] and confidences in [0, 1], each (modules, rows); NaN: the module is absent.

        Raises IndexError for a symbol that was not added.
        """
        shape = (len(_MODULES), len(table))
        scores, confidences = np.empty(shape), np.empty(shape)
        score_bars(
            table.values, table.indices, table.bar_start_ns, self._bar_ns, self._closes, scores, confidences
        )
        return scores, confidences

    def memory(self) -> bytes:
        """The closes of all symbols that modules look back on."""
        return self._closes[: self._count].tobytes()

    def take_up(self, memory: bytes) -> None:
        """Go on with ``memory()`` of another that had the same symbols, in the same order.

        Raises ValueError for what cannot be that.
        """
        found = np.frombuffer(memory, speed.CLOSES)
        if len(found) != self._count:
            raise ValueError(f"{len(found)} symbols of {self._count}")
        self._closes[: self._count] = found


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        none, nothing = np.zeros(0, np.int64), np.zeros((len(_MODULES), 0))
        rows = np.zeros((0, len(FLOAT_FIELDS)))
        score_bars(rows, none, none, NS, np.zeros(1, speed.CLOSES), nothing, nothing)

    warm(exercise, "registry", report, shown="quant")
