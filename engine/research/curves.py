"""Curves out of fills and marks: equity, exposure, what holding would have come to, and charts; vectorised.

A curve's time is the end of a bar: what filled before it is in it. Money is float64 here; what is exact is
the ledger's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.events import NS
from engine.portfolio.performance import drawdowns_pct
from engine.research.bar_ticks import CLOSE, HIGH, LOW, OPEN, Series
from engine.research.result import Chart

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CHART_POINTS = 1000
"""Candles of a chart, at most."""
CURVE_POINTS = 20_000
"""Points of a curve, at most; beside them those of the deepest falls."""


class Flow(NamedTuple):
    """What a fill or a payment changed, in ``currency`` ("": the account's own)."""

    ns: int
    symbol: int
    """By index; -1: cash alone."""
    quantity: float
    """Signed: above zero was bought."""
    cash: float
    currency: str = ""
    price: float = 0.0
    """Of a fill."""


class Curves(NamedTuple):
    ns: Integers
    equity: Floats
    exposure: Floats
    """Gross, percent of equity."""
    benchmark: Floats
    step_ns: int
    mean_exposure: float | None = None
    """As ``mean_exposure``."""


def times_and_marks(series: Sequence[Series], interval_s: int) -> tuple[Integers, Floats]:
    """(ends of the bars of all symbols, (times, symbols) their closes), each close carried on until the next;
    NaN before the first."""
    ends = np.unique(np.concatenate([one.begin_ns for one in series])) + interval_s * NS
    marks = np.full((len(ends), len(series)), np.nan)
    for column, one in enumerate(series):
        newest = np.searchsorted(one.begin_ns + interval_s * NS, ends, side="right") - 1
        known = newest >= 0
        marks[known, column] = one.values[newest[known], CLOSE]
    return ends, marks


def curves(
    ns: Integers,
    marks: Floats,
    flows: Sequence[Flow],
    start: float,
    firsts: Floats,
    currencies: Sequence[str],
    rates: Mapping[str, Floats],
    step_ns: int,
) -> Curves:
    """Curves at ``ns``, where ``marks`` (times, symbols) are what symbols are worth.

    ``firsts``: the price of each symbol that holding begins with. ``currencies``: of each symbol, "" the
    account's own; ``rates``: of the others, by time.
    """
    held, cash = _held(ns, marks.shape[1], flows)
    values = np.where(held != 0.0, held * marks, 0.0)
    for column, currency in enumerate(currencies):
        if currency:
            values[:, column] = _worth(values[:, column], rates.get(currency))
    equity = start + values.sum(axis=1)
    for currency, path in cash.items():
        equity = equity + (_worth(path, rates.get(currency)) if currency else path)
    with np.errstate(invalid="ignore", divide="ignore"):
        exposure = np.where(equity > 0.0, np.abs(values).sum(axis=1) / equity * 100.0, 0.0)
        grown = np.where(np.isfinite(marks), marks / firsts, 1.0)
    for column, currency in enumerate(currencies):
        if currency:
            grown[:, column] *= _rate_grown(marks[:, column], rates.get(currency))
    benchmark = start * grown.mean(axis=1) if marks.shape[1] else np.full(len(ns), start)
    mean = mean_exposure(ns, marks, flows, np.append(start, equity), currencies, rates, step_ns)
    return _thinned(Curves(ns, equity, exposure, benchmark, step_ns, mean), start)


def _worth(amounts: Floats, rate: Floats | None) -> Floats:
    """In the account's currency; what is nothing is worth nothing at any rate."""
    found: Floats = np.where(amounts != 0.0, amounts * (np.nan if rate is None else rate), 0.0)
    return found


def _rate_grown(marks: Floats, rate: Floats | None) -> Floats:
    """How much more its currency is worth than when its symbol was bought to be held, 1 before that."""
    bought = np.isfinite(marks)
    if rate is None:
        return np.where(bought, np.nan, 1.0)
    priced = np.flatnonzero(bought & np.isfinite(rate))
    return np.where(bought, rate / rate[priced[0]] if len(priced) else np.nan, 1.0)


def mean_exposure(
    ns: Integers,
    marks: Floats,
    flows: Sequence[Flow],
    equity: Floats,
    currencies: Sequence[str],
    rates: Mapping[str, Floats],
    step_ns: int,
) -> float | None:
    """Gross, percent of equity, of all the time from one step before ``ns``; also of what is held only
    between two points. A position is worth its newest fill's price until the next mark. ``equity``: the
    start's before that at ``ns``. None where no time is known."""
    if not len(ns):
        return None
    fills = sorted([flow for flow in flows if flow.symbol >= 0], key=attrgetter("ns"))
    filled_ns = np.array([flow.ns for flow in fills], np.int64)
    symbols = np.array([flow.symbol for flow in fills], np.int64)
    quantities = np.array([flow.quantity for flow in fills])
    paid = np.array([flow.price for flow in fills])
    begin, end = int(ns[0]) - step_ns, int(ns[-1])
    times = np.unique(np.concatenate(([begin], ns, np.clip(filled_ns, begin, end))))
    newest = np.searchsorted(ns, times, side="right") - 1
    row = np.maximum(newest, 0)
    gross = np.zeros(len(times))
    for symbol in {flow.symbol for flow in fills}:
        own = np.flatnonzero(symbols == symbol)
        own_ns = np.clip(filled_ns[own], begin, end)
        held = np.cumsum(quantities[own])
        held[np.abs(held) < 1e-9 * np.abs(quantities[own]).max()] = 0.0
        last = np.searchsorted(own_ns, times, side="right") - 1
        prices = paid[own][last]
        marked = (newest >= 0) & (own_ns[last] < ns[row]) & np.isfinite(marks[row, symbol])
        value = np.where(last >= 0, np.abs(held[last]), 0.0) * np.where(marked, marks[row, symbol], prices)
        if currencies[symbol]:
            rate = rates.get(currencies[symbol], np.full(len(ns), np.nan))[row]
            value = np.where(value > 0.0, value * rate, 0.0)
        gross += value
    worth = equity[newest + 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        used = np.where(worth > 0.0, gross / worth * 100.0, 0.0)[:-1]
    known = np.isfinite(used) & np.isfinite(worth[:-1])
    spans = np.diff(times)
    whole = float(spans[known].sum())
    return float((used[known] * spans[known]).sum()) / whole if whole > 0 else None


def _held(ns: Integers, symbols: int, flows: Sequence[Flow]) -> tuple[Floats, dict[str, Floats]]:
    """((times, symbols) quantities held, by currency the cash that came and went) at ``ns``."""
    held = np.zeros((len(ns) + 1, symbols))
    cash: dict[str, Floats] = {}
    # A fill at a bar's end is the next one's; a payment is of that very moment.
    after = np.searchsorted(ns, [flow.ns for flow in flows], side="right").tolist()
    at = np.searchsorted(ns, [flow.ns for flow in flows], side="left").tolist()
    places = [at[number] if flow.symbol < 0 else after[number] for number, flow in enumerate(flows)]
    for place, flow in zip(places, flows, strict=True):
        if flow.symbol >= 0:
            held[place, flow.symbol] += flow.quantity
        cash.setdefault(flow.currency, np.zeros(len(ns) + 1))[place] += flow.cash
    quantities = np.cumsum(held, axis=0)[:-1]
    # Sums of what was bought and sold again are not quite zero.
    quantities[np.abs(quantities) < 1e-9 * np.abs(held).max(initial=0.0)] = 0.0
    return quantities, {name: np.cumsum(path)[:-1] for name, path in cash.items()}


def _thinned(found: Curves, start: float) -> Curves:
    """Every so many points, the last one among them, and those of the deepest falls."""
    stride = -(-len(found.ns) // CURVE_POINTS)
    if stride <= 1:
        return found
    even = np.arange(len(found.ns) - 1, -1, -stride)
    falls = [place for curve in (found.equity, found.benchmark) for place in _deepest_fall(curve, start)]
    kept = np.unique(np.append(even, np.array(falls, np.int64)))
    return Curves(
        *(found.ns[kept], found.equity[kept], found.exposure[kept], found.benchmark[kept]),
        found.step_ns * stride,
        found.mean_exposure,
    )


def _deepest_fall(curve: Floats, start: float) -> list[int]:
    """Places of the high before it (where that is not the start), of its end, and of the next such high."""
    known = np.flatnonzero(np.isfinite(curve))
    falls = drawdowns_pct(np.append(start, curve[known]))[1:]
    if not len(falls) or not falls.max() > 0.0:
        return []
    deepest = int(falls.argmax())
    dry = np.flatnonzero(falls <= 0.0)
    found = [*dry[dry < deepest][-1:].tolist(), deepest, *dry[dry > deepest][:1].tolist()]
    return [int(known[place]) for place in found]


def chart(symbol: str, series: Series, interval_s: float) -> Chart:
    """Candles of a symbol: of several bars each where there are too many."""
    count = len(series.begin_ns)
    each = max(1, -(-count // CHART_POINTS))
    starts = np.arange(0, count, each)
    ends = np.minimum(starts + each, count) - 1
    values = series.values
    return Chart(
        symbol,
        float(interval_s * each),
        tuple(series.begin_ns[starts].tolist()),
        tuple(values[starts, OPEN].tolist()),
        tuple(np.maximum.reduceat(values[:, HIGH], starts).tolist()),
        tuple(np.minimum.reduceat(values[:, LOW], starts).tolist()),
        tuple(values[ends, CLOSE].tolist()),
    )


def candles(ns: Integers, prices: Floats) -> Series:
    """A candle between every two of the prices, which were looked at at ``ns``."""
    opened, closed = prices[:-1], prices[1:]
    high, low = np.maximum(opened, closed), np.minimum(opened, closed)
    return Series(ns[:-1], np.stack((opened, high, low, closed, np.zeros(len(opened))), axis=1))
