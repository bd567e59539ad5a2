"""Stored bars of a period as arrays, for training and export: as they were told, or adjusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.errors import StoreError
from engine.store.adjust import adjusted
from engine.store.bars_read import BarReader, Bars
from engine.text import clean


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


def read_periods(
    reader: BarReader,
    symbols: Sequence[str],
    interval_s: int,
    since_ns: int = 0,
    until_ns: int = 1 << 62,
    *,
    adjust: bool = False,
    filled: bool = True,
) -> dict[str, Bars]:
    """The bars of each of ``symbols`` (as the engine calls them): ``values`` are the rows (n, 6) that
    features and the trainer take.

    ``filled``: with bars in which nothing was traded. Raises StoreError, naming them, for symbols of which no
    bars of that interval are stored.
    """
    known = {symbol for symbol, interval in reader.series() if interval == interval_s}
    unknown = [symbol for symbol in symbols if symbol not in known]
    if unknown:
        raise StoreError(
            f"no bars of {interval_s} s are stored of {clean(', '.join(unknown), 100)}: "
            "`tickdesk history list` shows of what, `tickdesk history load` loads them"
        )
    found = {}
    for symbol in dict.fromkeys(symbols):
        bars = read_period(reader, symbol, interval_s, since_ns, until_ns, adjust=adjust)
        found[symbol] = bars if filled else bars.traded()
    return found
