"""Stored bars of a short interval made into longer ones, by what makes them for models on a live desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.bar_merge import BarMerge, Merged
from engine.events import NS
from engine.feature_table import COLUMN, FLOAT_FIELDS, FeatureTable
from engine.models.training.label import Floats, Series, Times

_PRICES = [COLUMN[name] for name in ("open", "high", "low", "close", "volume")]
_TRADES = COLUMN["trade_count"]
_VOLUME, _VWAP = 4, 5


def longer_bars(
    bars: Mapping[str, Series],
    bar_s: int,
    interval_s: int,
    never_closes: Callable[[str], bool],
    progress: Callable[[float], None],
) -> dict[str, Series]:
    """Bars of ``interval_s`` from those of ``bar_s`` seconds; symbols that have none are left out.

    The last one of a symbol needs a bar, of any, that begins at its end or after it or closes then. Where a
    market never closes, one of which short bars are missing is missing too: nobody knows how it moved. Raises
    ValueError where the short bars do not make up the long ones.
    """
    names = tuple(sorted(bars))
    merge = BarMerge(interval_s, bar_s, never_closes=never_closes)
    found: list[Merged] = []
    for share, table, vwaps in _boundaries(names, bars, bar_s * NS):
        found += merge.take(table, vwaps)
        progress(share)
    if not found:
        return {}
    rows = np.concatenate([one.indices for one in found])
    opens = np.concatenate([np.full(len(one.indices), one.start_ns) for one in found])
    values = np.concatenate([one.values for one in found])
    trades = np.concatenate([one.trades for one in found])
    made = {}
    for row, name in enumerate(names):
        mine = rows == row
        if never_closes(name):
            mine[mine] = _whole(bars[name].open_ns, opens[mine], interval_s, bar_s)
        if mine.any():
            made[name] = Series(opens[mine], _known(values[mine]), trades[mine] == 0)
    return made


def _boundaries(
    names: Sequence[str], bars: Mapping[str, Series], step_ns: int
) -> Iterator[tuple[float, FeatureTable, Floats]]:
    """What the desk would have had at the end of each short bar: a table, its vwaps, and how far that is."""
    index = np.repeat(np.arange(len(names)), [len(bars[name].open_ns) for name in names])
    opens = np.concatenate([bars[name].open_ns for name in names])
    values = np.concatenate([bars[name].values for name in names])
    filled = np.concatenate([bars[name].filled for name in names])
    order = np.lexsort((index, opens))
    edges = np.flatnonzero(np.r_[True, np.diff(opens[order]) != 0, True]).tolist()
    for start, stop in pairwise(edges):
        at = order[start:stop]
        told = np.zeros((len(at), len(FLOAT_FIELDS)))
        told[:, _PRICES] = values[at, :_VWAP]
        # how many trades is often not told: whether there were any is
        told[:, _TRADES] = ~filled[at]
        starts = opens[at]
        table = FeatureTable(names, index[at], int(starts[0]) + step_ns, starts, np.zeros_like(starts), told)
        yield stop / len(order), table, values[at, _VWAP]


def _whole(short_ns: Times, long_ns: Times, interval_s: int, bar_s: int) -> npt.NDArray[np.bool_]:
    """Which of the long bars have all their short ones."""
    first, end = np.searchsorted(short_ns, (long_ns, long_ns + interval_s * NS))
    found: npt.NDArray[np.bool_] = end - first == interval_s // bar_s
    return found


def _known(values: Floats) -> Floats:
    """Without a volume nobody knows the vwap."""
    values[np.isnan(values[:, _VOLUME]), _VWAP] = np.nan
    return values
