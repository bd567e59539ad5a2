"""Closed bars into the longer ones that are being made (compiled): ``BarMerge`` says by which rules.

A module of its own: the compiler takes longer to import than a command that only reads bars runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.feature_table import COLUMN, FLOAT_FIELDS
from engine.kernels import kernel, warm

_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _TRADES = (
    COLUMN[name] for name in ("open", "high", "low", "close", "volume", "trade_count")
)


@kernel
def merge_bars(
    indices: Any, told: Any, vwaps: Any, values: Any, own_vwaps: Any, count: Any, known_ns: Any
) -> bool:
    """Merge the rows ``told`` of the symbols ``indices`` into ``values``, ``own_vwaps`` and ``count``, which
    are by symbol; False, and nothing is done, where one of them was not seen before.

    NaN spreads, as by NumPy's maximum and minimum.
    """
    for index in indices:
        if index >= len(known_ns) or known_ns[index] == 0:
            return False
    for position in range(len(indices)):
        index = indices[position]
        bar, kept, vwap = told[position], values[index], vwaps[position]
        traded, volume = bar[_TRADES] > 0.0, bar[_VOLUME]
        # As venues do: a bar opens with its first trade, and where nothing trades no price is made.
        if count[index] == 0 or (traded and kept[6] == 0.0):
            kept[0], kept[1], kept[2], kept[3] = bar[_OPEN], bar[_HIGH], bar[_LOW], bar[_CLOSE]
            kept[4] = kept[5] = kept[6] = 0.0
        elif traded or kept[6] == 0.0:
            high, low = bar[_HIGH], bar[_LOW]
            if high > kept[1] or np.isnan(high):
                kept[1] = high
            if low < kept[2] or np.isnan(low):
                kept[2] = low
            kept[3] = bar[_CLOSE]
        if volume > 0.0:
            own_vwaps[index] = vwap if kept[4] == 0.0 else np.nan
            kept[5] += vwap * volume
        kept[4] += volume
        kept[6] += bar[_TRADES]
        count[index] += 1
    return True


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        none, told = np.zeros(0, np.int64), np.zeros((0, len(FLOAT_FIELDS)))
        merge_bars(none, told, told[:, 0].copy(), np.zeros((0, 7)), np.zeros(0), none.copy(), none.copy())

    warm(exercise, "bar_merge_kernel", report, shown="bars")
