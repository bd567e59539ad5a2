"""The funnel: how much each stage let through, and why the rest fell."""

from __future__ import annotations

from collections.abc import Mapping

from widgets import figures
from widgets.cells import Cell, width_of
from widgets.lines import FixedLines, Line, faded

_FIRST_TO_GO = ("features", "blends", "bars", "quotes")
"""Stages left out, in this order, where the line is too short: the ends of the flow say most."""


class FunnelStrip(FixedLines):
    """The stages in order of the flow, and the drop codes, the most frequent first.

    Where there is one line only, it is that of the drops.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._stages: Mapping[str, int] = {}
        self._drops: Mapping[str, int] = {}
        self._faded = False

    def show(self, stages: Mapping[str, int], drops: Mapping[str, int], *, faded: bool = False) -> int:
        """``faded``: draw everything as stale (the link is away)."""
        self._stages, self._drops, self._faded = stages, drops, faded
        return self.update_lines()

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        lines: tuple[Line, ...] = (drops_line(self._drops, width),)
        if height >= 2:
            lines = (funnel_line(self._stages, width), *lines)
        return tuple(faded(line) for line in lines) if self._faded else lines


def funnel_line(stages: Mapping[str, int], width: int) -> Line:
    """The stages and their counts, without those of ``_FIRST_TO_GO`` that do not fit."""
    shown = dict(stages)
    line = _stages_line(shown)
    for stage in _FIRST_TO_GO:
        if width_of(line) <= width:
            break
        shown.pop(stage, None)
        line = _stages_line(shown)
    return line


def _stages_line(stages: Mapping[str, int]) -> Line:
    cells: list[Cell] = [(" ", "text")]
    for index, (stage, count) in enumerate(stages.items()):
        if index:
            cells.append((" → ", "heading"))
        cells.append((f"{stage} ", "muted"))
        cells.append((figures.compact(count), "bold" if count else "stale"))
    return tuple(cells)


def drops_line(drops: Mapping[str, int], width: int) -> Line:
    """The codes and their counts; without the stages before them, where that would not fit."""
    line = _drops_line(drops, True)
    return line if width_of(line) <= width else _drops_line(drops, False)


def _drops_line(drops: Mapping[str, int], stages: bool) -> Line:
    fell = sorted(((count, code) for code, count in drops.items() if count), key=lambda d: (-d[0], d[1]))
    if not fell:
        return ((" nothing dropped", "muted"),)
    cells: list[Cell] = [(" dropped ", "muted")]
    for index, (count, code) in enumerate(fell):
        stage, _, reason = code.partition(":")
        cells.append((" · " if index else "", "heading"))
        cells.append((f"{stage}:" if reason and stages else "", "muted"))
        cells.append((f"{reason or stage} ", "warn"))
        cells.append((figures.compact(count), "text"))
    return tuple(cells)
