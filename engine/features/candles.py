"""Finished candles through the code that makes and measures the live bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import FeaturesConfig
from engine.feature_table import COLUMN, FLOAT_FIELDS
from engine.features.bars import keep_bar
from engine.features.memory import bars_of, desk_at, fields_of, rows_of
from engine.features.state import (
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    VOLUME,
    VWAP,
    Array,
    new_bars,
    new_desk,
    new_marks,
    new_ring,
    new_state,
    point,
    start_row,
)
from engine.kernels import kernel, warm

Floats = npt.NDArray[np.float64]

_UNKNOWN = [
    COLUMN[name]
    for name in FLOAT_FIELDS
    if (name.startswith("window_") and name != "window_gapped") or name in ("trade_count", "last")
]


def candle_values(bars: Floats, config: FeaturesConfig) -> Floats:
    """The rows' float fields at each of ``bars`` (n, 6): (n, fields), columns as in ``FLOAT_FIELDS``.

    ``bars``: open, high, low, close, volume and vwap, oldest first; they must be sound, see
    ``first_unsound``. A vwap of NaN stands for the bar's typical price. What candles cannot tell (window,
    quote, last trade, trade count) is NaN.
    """
    return Candles(config).add(bars)


class Candles:
    """``candle_values`` of candles that come one after the other."""

    def __init__(self, config: FeaturesConfig) -> None:
        self._desk, self._ring = new_desk(config, 1.0), new_ring(1)
        self._memory = new_state(1), new_bars(1), new_marks(1)
        start_row(self._memory[0], 0, 1)

    def add(self, bars: Floats) -> Floats:
        """The values at each of ``bars`` that follow those before."""
        return self._take(bars, self._memory)

    def peek(self, bars: Floats) -> Floats:
        """What ``add`` would return; nothing is kept."""
        state, ring, marks = self._memory
        return self._take(bars, (state.copy(), ring.copy(), marks))

    def _take(self, bars: Floats, memory: tuple[Array, Array, Array]) -> Floats:
        rows = np.array(bars, np.float64, order="C")
        with np.errstate(over="ignore"):  # prices that add up to no number have no typical one
            typical = (rows[:, HIGH] + rows[:, LOW] + rows[:, CLOSE]) / 3.0
        rows[:, VWAP] = np.where(np.isnan(rows[:, VWAP]), typical, rows[:, VWAP])
        point(self._desk, *memory, self._ring)
        values = np.empty((len(rows), len(FLOAT_FIELDS)))
        _take(rows, int(self._desk.ctypes.data), values)
        values[:, _UNKNOWN] = np.nan
        return values


def first_unsound(bars: Floats) -> int | None:
    """Position of the first bar that no market made: not finite, a price not above 0, a volume below 0."""
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(bars[:, : VOLUME + 1]).all(axis=1)
        sound &= (bars[:, : CLOSE + 1] > 0.0).all(axis=1) & (bars[:, VOLUME] >= 0.0)
        sound &= ~np.isinf(bars[:, VWAP])
    unsound: Array = np.flatnonzero(~sound)
    return int(unsound[0]) if len(unsound) else None


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""
    warm(_exercise, "candles", report)


def _exercise() -> None:
    candle_values(np.ones((1, 6)), FeaturesConfig())


@kernel
def _take(rows: Any, address: int, values: Any) -> None:
    desk = desk_at(address)
    s, ring = rows_of(desk)[0], bars_of(desk)[0]
    fields = fields_of(desk)
    for position in range(rows.shape[0]):
        s.open, s.high, s.low = rows[position, OPEN], rows[position, HIGH], rows[position, LOW]
        s.close, s.volume, s.filled = rows[position, CLOSE], rows[position, VOLUME], 0.0
        keep_bar(s, desk, ring, (rows[position, VWAP] - s.open) * s.volume)
        values[position, :] = fields
