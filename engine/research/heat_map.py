"""Two parameters against a figure, as a grid of cells: what a sweep looks like from above."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from engine.errors import ConfigError
from engine.research.parameters import Value
from engine.research.space import Axis, Space, shown
from engine.research.sweep_runs import Run
from engine.research.sweep_spec import Requirement, number
from engine.text import clean


class HeatMap(msgspec.Struct, frozen=True):
    """Rows from the top; a cell is the mean of the runs in it, None where there is none."""

    across: str
    down: str
    field: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[float | None, ...], ...]
    most: int
    """Runs in one cell."""
    chosen: tuple[tuple[bool, ...], ...]
    """Cells in which a run can be chosen."""


def heat_map(
    runs: Sequence[Run],
    of: Space,
    field: str,
    keys: Sequence[str] = (),
    *,
    requires: Sequence[Requirement] = (),
    wide: int = 10,
    high: int = 16,
) -> HeatMap:
    """``keys``: across and down; by default the first two parameters, the longer across. ``requires``: what
    a run must come to, to be chosen; what does not is on the map, too.

    More values than ``wide`` and ``high`` share cells. Raises ConfigError.
    """
    across, down = _axes(of, keys)
    few = max(2, math.isqrt(len(runs)))
    columns, rows = _Bins(across, wide, few), _Bins(down, high, few)
    sums = np.zeros((len(rows.labels), len(columns.labels)))
    counts = np.zeros(sums.shape, dtype=np.int64)
    chosen = np.zeros(sums.shape, dtype=np.bool_)
    for run in runs:
        value = number(run.figures.get(field)) if run.status == "done" else None
        if value is not None:
            cell = rows.place(run.point[down.key]), columns.place(run.point[across.key])
            sums[cell] += value
            counts[cell] += 1
            chosen[cell] |= all(one.holds(run.figures) for one in requires)
    cells = tuple(
        tuple(float(total) / int(count) if count else None for total, count in zip(line, many, strict=True))
        for line, many in zip(sums, counts, strict=True)
    )
    return HeatMap(
        across=across.key,
        down=down.key,
        field=field,
        columns=columns.labels,
        rows=rows.labels,
        cells=cells,
        most=int(counts.max(initial=0)),
        chosen=tuple(map(tuple, chosen.tolist())),
    )


def _axes(of: Space, keys: Sequence[str]) -> tuple[Axis, Axis]:
    if not keys:
        if len(of.axes) < 2:
            raise ConfigError("a heat map needs two parameters")
        first, second = of.axes[:2]
        return (first, second) if len(first.listed) >= len(second.listed) else (second, first)
    found = []
    for text in keys:
        near = [axis for axis in of.axes if axis.key == text or axis.key.endswith(f".{text}")]
        if len(near) != 1:
            raise ConfigError(f"--heat-map {clean(text, 60)}: name one of {', '.join(of.keys)}")
        found.append(near[0])
    if len(found) != 2 or found[0] is found[1]:
        raise ConfigError("--heat-map: name two parameters, as in fast,slow")
    return found[0], found[1]


class _Bins:
    """Where a parameter's values stand on one side of the map."""

    def __init__(self, axis: Axis, most: int, few: int) -> None:
        """At most ``most``; ``few`` where there is no list of values."""
        self._axis = axis
        listed = axis.listed
        if listed:
            self._places = {
                value: place * min(most, len(listed)) // len(listed) for place, value in enumerate(listed)
            }
            shared = len(listed) > most
            groups: list[list[Value]] = [[] for _ in range(min(most, len(listed)))]
            for value, place in self._places.items():
                groups[place].append(value)
            self.labels = tuple(_from(group, shared) for group in groups)
            return
        count = min(most, few) + 1
        spaced = np.geomspace if axis.log else np.linspace
        ends = spaced(axis.low, axis.high, count)
        self._places = {}
        self._ends = ends
        self.labels = tuple(f"{float(end):.3g}…" for end in ends[:-1])

    def place(self, value: Value) -> int:
        if self._places:
            return self._places[value]
        at = int(np.searchsorted(self._ends, float(value), side="right")) - 1
        return min(max(at, 0), len(self.labels) - 1)


def _from(group: Sequence[Value], shared: bool) -> str:
    return f"{shown(group[0])}…" if shared and len(group) > 1 else shown(group[0])
