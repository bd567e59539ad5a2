"""Alpha158 once more, slowly, in long double and window by window: to judge the compiled one by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

D = (5, 10, 20, 30, 60)
EPS = np.longdouble("1e-12")
CALM = np.longdouble("2e-5")
NAN = np.longdouble("nan")
ZERO = np.longdouble(0)

Window = np.ndarray[Any, Any]


class Cell:
    """The value of a cell, and whether rounding decides if it is there at all."""

    def __init__(self, value: Any, edge: bool = False) -> None:
        self.value, self.edge = value, edge


def row(bars: np.ndarray) -> list[Cell]:
    """The 158 cells of the newest of ``bars`` (n, 6)."""
    with np.errstate(all="ignore"):
        return _row(bars.astype(np.longdouble))


def _row(bars: Window) -> list[Cell]:
    o, h, lo, c, v, w = bars.T
    before = shifted(c)
    r, q = c / before, np.log(v / shifted(v) + 1)
    z = np.abs(r - 1) * v
    now, volume = c[-1], v[-1]
    cells = [Cell(value) for value in candle(o[-1], h[-1], lo[-1], now, w[-1])]

    def each(work: Callable[[int], Any]) -> None:
        for d in D:
            found = work(d)
            cells.append(found if isinstance(found, Cell) else Cell(found))

    def last(x: Window, d: int) -> Window:
        return x[-d:]

    each(lambda d: c[-1 - d] / now if len(c) > d else NAN)
    each(lambda d: mean(last(c, d)) / now)
    each(lambda d: std(last(c, d)) / now)
    each(lambda d: line(last(c, d))[0] / now)
    each(lambda d: calm(line(last(c, d))[1], last(c, d)))
    each(lambda d: line(last(c, d))[2] / now)
    each(lambda d: extreme(last(h, d), max) / now)
    each(lambda d: extreme(last(lo, d), min) / now)
    each(lambda d: quantile(last(c, d), 8) / now)
    each(lambda d: quantile(last(c, d), 2) / now)
    each(lambda d: rank(last(c, d)))
    each(
        lambda d: (
            (now - extreme(last(lo, d), min)) / (extreme(last(h, d), max) - extreme(last(lo, d), min) + EPS)
        )
    )
    each(lambda d: place(last(h, d), max) / d)
    each(lambda d: place(last(lo, d), min) / d)
    each(lambda d: (place(last(h, d), max) - place(last(lo, d), min)) / d)
    each(lambda d: correlation(last(c, d), last(np.log(v + 1), d)))
    each(lambda d: correlation(last(r, d), last(q, d)))
    ups, downs = (c > before).astype(np.longdouble), (c < before).astype(np.longdouble)
    each(lambda d: mean(last(ups, d)))
    each(lambda d: mean(last(downs, d)))
    each(lambda d: mean(last(ups, d)) - mean(last(downs, d)))
    paths(each, c)
    each(lambda d: mean(last(v, d)) / (volume + EPS))
    each(lambda d: std(last(v, d)) / (volume + EPS))
    each(lambda d: std(last(z, d)) / (mean(last(z, d)) + EPS))
    paths(each, v)
    return cells


def candle(o: Any, h: Any, lo: Any, c: Any, w: Any) -> list[Any]:
    span = h - lo + EPS
    top, bottom = np.maximum(o, c), np.minimum(o, c)
    return [
        (c - o) / o,
        (h - lo) / o,
        (c - o) / span,
        (h - top) / o,
        (h - top) / span,
        (bottom - lo) / o,
        (bottom - lo) / span,
        (2 * c - h - lo) / o,
        (2 * c - h - lo) / span,
        o / c,
        h / c,
        lo / c,
        w / c,
    ]


def paths(each: Callable[[Callable[[int], Any]], None], x: Window) -> None:
    change = x - shifted(x)

    def up(d: int) -> Any:
        return total(np.maximum(change[-d:], 0))

    def down(d: int) -> Any:
        return total(np.maximum(-change[-d:], 0))

    def path(d: int) -> Any:
        return total(np.abs(change[-d:]))

    each(lambda d: up(d) / (path(d) + EPS))
    each(lambda d: down(d) / (path(d) + EPS))
    each(lambda d: (up(d) - down(d)) / (path(d) + EPS))


def shifted(x: Window) -> Window:
    return np.concatenate(([NAN], x[:-1]))


def valid(x: Window) -> list[Any]:
    """What pandas' rolling operators count."""
    return [value for value in x if np.isfinite(value)]


def total(x: Window) -> Any:
    values = valid(x)
    return sum(values, ZERO) if values else NAN


def mean(x: Window) -> Any:
    return total(x) / len(valid(x)) if valid(x) else NAN


def std(x: Window) -> Any:
    values = valid(x)
    if len(values) < 2:
        return NAN
    middle = mean(x)
    return np.sqrt(sum(((value - middle) ** 2 for value in values), ZERO) / (len(values) - 1))


def extreme(x: Window, which: Callable[..., Any]) -> Any:
    return which(valid(x)) if valid(x) else NAN


def place(x: Window, which: Callable[..., Any]) -> Any:
    """From 1; of the first that is missing, where one is."""
    values = [value if np.isfinite(value) else None for value in x]
    if all(value is None for value in values):
        return NAN
    missing = None in values
    return np.longdouble(values.index(None if missing else which(values)) + 1)


def quantile(x: Window, tenths: int) -> Any:
    values = sorted(valid(x))
    if not values:
        return NAN
    whole, part = divmod(tenths * (len(values) - 1), 10)
    if not part:
        return values[whole]
    return values[whole] + (values[whole + 1] - values[whole]) * part / np.longdouble(10)


def rank(x: Window) -> Any:
    if not np.isfinite(x[-1]):
        return NAN
    values = valid(x)
    smaller, equal = sum(value < x[-1] for value in values), sum(value == x[-1] for value in values)
    return (smaller + (equal + 1) / np.longdouble(2)) / len(values)


def line(y: Window) -> tuple[Any, Any, Any]:
    """Slope, squared correlation, residual of the newest."""
    points = [(np.longdouble(at), value) for at, value in enumerate(y) if not np.isnan(value)]
    if len(points) < 2:
        return NAN, NAN, NAN
    count = len(points)
    x0, y0 = sum((x for x, _ in points), ZERO) / count, sum((value for _, value in points), ZERO) / count
    xx = sum(((x - x0) ** 2 for x, _ in points), ZERO)
    xy = sum(((x - x0) * (value - y0) for x, value in points), ZERO)
    yy = sum(((value - y0) ** 2 for _, value in points), ZERO)
    slope = xy / xx
    return slope, xy * xy / (xx * yy), y[-1] - (y0 + slope * (len(y) - 1 - x0))


def calm(value: Any, *windows: Window) -> Cell:
    """Not there when one of the windows hardly moves."""
    moves = [std(x) for x in windows]
    edge = any(abs(move - CALM) < 1e-12 for move in moves)
    return Cell(NAN if any(move <= CALM for move in moves) else value, edge)


def correlation(x: Window, y: Window) -> Cell:
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if np.isfinite(a) and np.isfinite(b)]
    if len(pairs) < 2:
        return Cell(NAN)
    x0, y0 = sum((a for a, _ in pairs), ZERO) / len(pairs), sum((b for _, b in pairs), ZERO) / len(pairs)
    xx = sum(((a - x0) ** 2 for a, _ in pairs), ZERO)
    yy = sum(((b - y0) ** 2 for _, b in pairs), ZERO)
    xy = sum(((a - x0) * (b - y0) for a, b in pairs), ZERO)
    return calm(xy / np.sqrt(xx * yy), x, y)
