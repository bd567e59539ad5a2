"""Prices of the past in today's shares, and without the jumps that dividends make.

The formula is the one that Yahoo publishes for its adjusted close, after CRSP
(https://help.yahoo.com/kb/SLN28256.html): a split of ``n`` new shares for one old divides the prices before
it by ``n`` and multiplies their volumes; a dividend ``d`` multiplies the prices before its ex-date by
``1 - d / c``, where ``c`` is the last close before it. Factors multiply backwards from the newest bar, whose
prices are as they traded.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from engine.events import NS
from engine.store.bar import StoredAction
from engine.store.bars_read import CLOSE, VOLUME, Bars

Floats = npt.NDArray[np.float64]

_DAY_NS = 86_400 * NS
_EARLY_NS = 6 * 3600 * NS
"""Trading before the session that an ex-date names begins this much earlier at most (New York: 5.5 hours),
and the evening before it ends earlier than that."""


def adjusted(bars: Bars, actions: Sequence[StoredAction]) -> Bars:
    """``bars`` with prices (vwap too) and volumes adjusted for ``actions``, of any source and in any order.

    What is not positive and finite, or a dividend that is no less than the price, adjusts nothing.
    """
    if not len(bars) or not actions:
        return bars
    prices, shares = factors(bars, actions)
    values = bars.values * prices[:, None]
    values[:, VOLUME] = bars.values[:, VOLUME] * shares
    return msgspec.structs.replace(bars, values=values)


def factors(bars: Bars, actions: Sequence[StoredAction]) -> tuple[Floats, Floats]:
    """What the prices and the volumes of each bar are to be multiplied by."""
    splits = [one for one in actions if one.kind == "split" and 0.0 < one.value < np.inf]
    shares = _share_factors(bars, splits)
    prices = 1.0 / shares
    closes = bars.values[:, CLOSE] / shares
    for action in actions:
        if action.kind != "dividend" or not 0.0 < action.value < np.inf:
            continue
        before = _before(bars, action.ex_ns)
        if not before:
            continue
        amount = action.value / _later_splits(splits, action)
        if amount < closes[before - 1]:
            prices[:before] *= 1.0 - amount / closes[before - 1]
    return prices, shares


def _share_factors(bars: Bars, splits: Sequence[StoredAction]) -> Floats:
    """New shares for one of each bar's. A source that adjusts has applied the splits of before it spoke."""
    shares = np.ones(len(bars))
    adjusts = np.array([*bars.split_adjusted, False])[bars.source]
    for split in splits:
        due = np.arange(len(bars)) < _before(bars, split.ex_ns)
        due &= ~(adjusts & (bars.told_ns >= split.ex_ns))
        shares[due] *= split.value
    return shares


def _later_splits(splits: Sequence[StoredAction], dividend: StoredAction) -> float:
    """Today's shares for one that ``dividend`` is told per."""
    shares = 1.0
    for split in splits:
        applied = dividend.split_adjusted and dividend.told_ns >= split.ex_ns
        if split.ex_ns > dividend.ex_ns and not applied:
            shares *= split.value
    return shares


def _before(bars: Bars, ex_ns: int) -> int:
    """How many bars traded before an ex-date. Bars of days, and ex-dates without a time, are told by day."""
    if bars.interval_s * NS >= _DAY_NS:
        return int(np.searchsorted(bars.open_ns // _DAY_NS, ex_ns // _DAY_NS))
    first_ns = ex_ns if ex_ns % _DAY_NS == 0 else ex_ns - _EARLY_NS
    return int(np.searchsorted(bars.open_ns, first_ns))
