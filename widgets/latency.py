"""Latencies as lines: a histogram of each stage, with what its percentiles and its worst are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.api.market_protocol import LatencyDetail, LatencyRow
from widgets import figures
from widgets.cells import Cell, fit, width_of
from widgets.lines import Line, join_items

_NAME, _FIGURE, _COUNT = 14, 8, 7
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_CHART, _MOST_CHART = 4, 10
"""Least and most lines of a histogram, where there is room for one of each stage."""
_MOST_BAR = 9
"""Cells of one bar: its bound stands below it."""
_AROUND = 4
"""Lines around it: its head, its axis, what it is, a blank one."""
_LEAST_ACROSS = 60
"""Cells of one of several histograms beside each other."""


def latency_lines(detail: LatencyDetail | None, width: int, height: int) -> list[Line]:
    """A line per stage; a chart of each where ``height`` has room for all of them."""
    if detail is None:
        return [(("latencies: not known yet", "muted"),)]
    if not detail.stages:
        return [(("nothing has been measured yet", "muted"),)]
    for beside in range(1, max(width // _LEAST_ACROSS, 1) + 1):
        each = height // math.ceil(len(detail.stages) / beside) - _AROUND
        if each >= _CHART:
            return charts(detail.stages, beside, width, min(each, _MOST_CHART))
    columns = max(len(row.counts) for row in detail.stages)
    across = min(columns, max(width - _NAME - 4 * (_FIGURE + 1) - _COUNT - 2, 0))
    head: list[Cell] = [(fit("stage", _NAME), "heading"), (" " + fit("spread", across), "heading")]
    head += [(" " + fit(name, _FIGURE, True), "heading") for name in ("p50", "p90", "p99", "max")]
    head.append((" " + fit("count", _COUNT, True), "heading"))
    lines: list[Line] = [tuple(head)]
    for row in detail.stages:
        lines.append(
            (
                (fit(row.stage, _NAME), "bold"),
                (" " + "".join(histogram(row.counts, across, 1)), "accent"),
                *_figures(row),
                (" " + fit(figures.compact(row.count), _COUNT, True), "muted"),
            )
        )
        if height > 1 + 2 * len(detail.stages):
            lines.append(((f"  {row.about}", "muted"),))
    return lines


def charts(stages: Sequence[LatencyRow], beside: int, width: int, height: int) -> list[Line]:
    """All of them, so many beside each other."""
    each = width // beside
    lines: list[Line] = []
    for first in range(0, len(stages), beside):
        drawn = [
            chart_lines(row, each - 1 if beside > 1 else each, height)
            for row in stages[first : first + beside]
        ]
        for parts in zip(*drawn, strict=True):
            line: list[Cell] = []
            for number, part in enumerate(parts):
                line += [(" " * (number * each - width_of(line)), "text"), *part] if number else part
            lines.append(tuple(line))
    return lines


def chart_lines(row: LatencyRow, width: int, height: int) -> list[Line]:
    """One stage over ``height`` lines, its buckets' bounds below."""
    each = min((width - 2) // max(len(row.counts), 1), _MOST_BAR)
    across = max(min(len(row.counts) * max(each, 1), width - 2), 1)
    head: list[tuple[int, Line]] = [(0, ((fit(row.stage, _NAME), "bold"),))]
    names = (("p50", 2), ("p90", 4), ("p99", 1), ("max", 3))
    for (name, priority), cell in zip(names, _figures(row), strict=True):
        head.append((priority, ((f"{name} ", "muted"), (cell[0].strip(), cell[1]))))
    head.append((5, ((f"of {figures.compact(row.count)}", "muted"),)))
    lines: list[Line] = [join_items(head, width, ("  ", "muted"))]
    lines += [((" " + drawn, "accent"),) for drawn in histogram(row.counts, across, height)]
    return [
        *lines,
        ((" " + _axis(row.bounds_us, len(row.counts), across), "muted"),),
        ((f" {fit(row.about, max(width - 1, 0)).rstrip()}", "muted"),),
        (),
    ]


def histogram(counts: Sequence[int], width: int, height: int) -> list[str]:
    """``counts`` as bars over ``width`` × ``height`` cells, top line first.

    Heights go by the square root, and what was counted is never drawn as nothing: of latencies, the few that
    are slow matter.
    """
    if width <= 0 or height <= 0:
        return [""] * max(height, 0)
    wide = max(width // max(len(counts), 1), 1)
    # Where there are more buckets than cells, neighbours are added up.
    buckets = [0] * min(len(counts), width)
    for index, count in enumerate(counts):
        buckets[index * len(buckets) // len(counts)] += max(count, 0)
    most = math.sqrt(max(buckets, default=0))
    tall = [max(1, round(math.sqrt(n) / most * height * 8)) if n else 0 for n in buckets]

    def bar(cell: str) -> str:
        # Wide ones stand apart.
        return cell * (wide - 1) + " " if wide >= 3 else cell * wide

    lines = []
    for line in range(height - 1, -1, -1):
        drawn = "".join(bar(_EIGHTHS[min(max(eighths - line * 8, 0), 8)]) for eighths in tall)
        lines.append(drawn.ljust(width))
    return lines


def _axis(bounds: Sequence[float], buckets: int, width: int) -> str:
    """Upper bounds below their bars, as many as do not touch; above the last bound, ``>``."""
    wide = max(width // max(buckets, 1), 1)
    out = ""
    for index, bound in enumerate(bounds):
        label = f"≤{figures.micros(bound)}"
        at = index * wide
        if at >= len(out) + bool(out) and at + len(label) <= width:
            out = out.ljust(at) + label
    return out


def _figures(row: LatencyRow) -> list[Cell]:
    return [
        (" " + fit(figures.micros(value), _FIGURE, True), ink)
        for value, ink in (
            (row.p50_us, "text"),
            (row.p90_us, "text"),
            (row.p99_us, "bold"),
            (row.max_us, "muted"),
        )
    ]
