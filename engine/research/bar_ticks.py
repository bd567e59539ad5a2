"""Bars as ticks: a quote and a print at the open, at both extremes and at the close of each bar.

The four prices of a bar are all that is known of it, and their order only in part: which extreme came first
is a guess (``Plan.path``). A quarter of the volume is printed at each of them, and a quarter of what we may
trade (``Plan.participation_pct``) is quoted there, half the spread to either side. The open comes as the bar
begins, the close just before it ends; so what is decided at a bar's close meets the next bar's open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.events import NS
from engine.ticks import QUOTE, TICK, TRADE

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Path = Literal["near", "open_high_low_close", "open_low_high_close"]

POINTS = 4
PER_BAR = 2 * POINTS
ANY_SIZE = 1e12
"""Of a quote that trades whatever is asked for: of bars that tell no volume."""
_BEFORE_END_NS = 1_000_000
OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


class Series(NamedTuple):
    """The bars of one symbol, rising, no two in one interval."""

    begin_ns: Integers
    """On the grid: multiples of the interval."""
    values: Floats
    """(n, 5 or more): open, high, low, close, volume, ...; volume NaN: not told."""
    volumes_ns: int = 0
    """A volume of 0 before that is not told either: nobody had told one of the symbol yet."""


def median_bar_pct(series: Sequence[Series]) -> float | None:
    """Of (high - low) / open of all bars, percent; None without one."""
    values = np.concatenate([one.values for one in series]) if series else np.empty((0, 5))
    values = values[values[:, OPEN] > 0]
    if not len(values):
        return None
    return float(np.median((values[:, HIGH] - values[:, LOW]) / values[:, OPEN])) * 100.0


def on_grid(begin_ns: Integers, interval_s: int) -> Integers:
    """Where each bar stands on the desk's grid, which counts intervals from the epoch, UTC. A bar that
    begins between two of them (a session's, or a day's of another time zone) stands at the one before."""
    step = interval_s * NS
    gridded: Integers = begin_ns // step * step
    return gridded


def pack(
    series: Sequence[Series],
    interval_s: int,
    *,
    path: Path = "near",
    spread_bps: float = 0.0,
    participation_pct: float = 10.0,
) -> npt.NDArray[np.void]:
    """TICK rows of all series, by time, then in their order, which is each symbol's index."""
    blocks = [
        _pack_one(index, one, interval_s, path, spread_bps, participation_pct)
        for index, one in enumerate(series)
    ]
    if not blocks:
        return np.zeros(0, TICK)
    ticks = np.concatenate(blocks) if len(blocks) > 1 else blocks[0]
    if len(blocks) > 1:
        ticks = ticks[np.argsort(ticks["recv_ns"], kind="stable")]
    return ticks


def _pack_one(
    index: int, series: Series, interval_s: int, path: Path, spread_bps: float, participation_pct: float
) -> npt.NDArray[np.void]:
    count, step = len(series.begin_ns), interval_s * NS
    prices = _prices(series.values, path)
    told = series.values[:, VOLUME]
    volume = np.nan_to_num(told, nan=0.0)
    size = volume * (participation_pct / 100.0 / POINTS)
    size[np.isnan(told) | (series.begin_ns < series.volumes_ns)] = ANY_SIZE
    offsets = np.array([0, step // 3, 2 * step // 3, step - _BEFORE_END_NS])
    ticks = np.zeros((count, POINTS, 2), TICK)
    ticks["recv_ns"] = ticks["event_ns"] = (series.begin_ns[:, None] + offsets)[:, :, None]
    ticks["trade_id"] = -1
    ticks["symbol"] = index
    quotes, prints = ticks[:, :, 0], ticks[:, :, 1]
    quotes["kind"], prints["kind"] = QUOTE, TRADE
    half = spread_bps / 2e4
    quotes["a"], quotes["b"] = prices * (1.0 - half), prices * (1.0 + half)
    quotes["c"] = quotes["d"] = size[:, None]
    prints["a"] = prices
    prints["b"] = (volume / POINTS)[:, None]
    return ticks.reshape(-1)


def _prices(values: Floats, path: Path) -> Floats:
    """(n, 4): open, both extremes in the order that ``path`` says, close."""
    opened, high, low, close = (values[:, column] for column in (OPEN, HIGH, LOW, CLOSE))
    if path == "near":
        high_first = high - opened < opened - low
    else:
        high_first = np.full(len(values), path == "open_high_low_close")
    first, second = np.where(high_first, high, low), np.where(high_first, low, high)
    return np.stack((opened, first, second, close), axis=1)
