"""Stored bars of a period as arrays, for training and export: as they were told, or adjusted."""

from __future__ import annotations

import numpy as np

from engine.store.adjust import adjusted
from engine.store.bars_read import BarReader, Bars


def read_period(
    reader: BarReader, symbol: str, interval_s: int, since_ns: int, until_ns: int, *, adjust: bool
) -> Bars:
    """Bars that begin in ``since_ns <= open < until_ns``, oldest first; none where none are stored.

    ``adjust``: prices and volumes adjusted for splits and dividends, also for those after ``until_ns``: see
    ``adjust.py``. Raises StoreError when the file cannot be read.
    """
    if not adjust:
        return reader.bars(symbol, interval_s, since_ns, until_ns)
    # A factor rests on all that came later.
    whole = adjusted(reader.bars(symbol, interval_s, since_ns), reader.actions(symbol))
    return whole.part(slice(0, int(np.searchsorted(whole.open_ns, until_ns))))
