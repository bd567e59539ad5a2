"""A sheet of cells to draw on: characters with styles, and below them lines of braille dots."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from widgets.cells import Cell
from widgets.lines import Line

_BLANK = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""By row and column of a cell."""


class Canvas:
    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.chars = [[" "] * width for _ in range(height)]
        self.styles = [["text"] * width for _ in range(height)]
        self._dots: dict[tuple[int, int], tuple[int, str]] = {}

    def put(self, x: int, y: int, char: str, style: str) -> None:
        """What lies outside is left out."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self.chars[y][x], self.styles[y][x] = char, style

    def write(self, x: int, y: int, text: str, style: str) -> None:
        """One character a cell."""
        for offset, char in enumerate(text):
            self.put(x + offset, y, char, style)

    def line(self, y: int, char: str, style: str) -> None:
        """Across the whole sheet, where it is blank."""
        if not 0 <= y < self.height:
            return
        chars, styles = self.chars[y], self.styles[y]
        for x in range(self.width):
            if chars[x] == " ":
                chars[x], styles[x] = char, style

    def curve(self, points: Sequence[tuple[int, int | None]], style: str, dash: int = 0) -> None:
        """Through ``points`` of dots (two a cell across, four down), from left to right; None breaks it.

        ``dash``: of so many dots across, every second run is left out; 0: none.
        """
        for (x0, y0), (x1, y1) in pairwise(points):
            if y0 is None or y1 is None:
                continue
            steps = max(x1 - x0, 1)
            before = y0
            for step in range(steps + 1):
                y = y0 + (y1 - y0) * step // steps
                if not (dash and (x0 + step) // dash % 2):
                    # Steep parts are drawn through, so that the line has no holes.
                    first, last = (before + 1, y) if y > before else (y, before - 1) if y < before else (y, y)
                    for dot in range(first, last + 1):
                        self._dot(x0 + step, dot, style)
                before = y

    def _dot(self, x: int, y: int, style: str) -> None:
        cell = (y >> 2, x >> 1)
        known = self._dots.get(cell)
        self._dots[cell] = ((known[0] if known else 0) | _DOTS[y & 3][x & 1], style)

    def lay_curves(self) -> None:
        """Draw the curves in, where nothing else stands."""
        for (y, x), (dots, style) in self._dots.items():
            if 0 <= x < self.width and 0 <= y < self.height and self.chars[y][x] == " ":
                self.chars[y][x], self.styles[y][x] = chr(_BLANK | dots), style
        self._dots.clear()

    def row(self, y: int) -> Line:
        """One cell per run of a style; a blank joins the run before it."""
        out: list[Cell] = []
        chars, styles = self.chars[y], self.styles[y]
        start, style = 0, styles[0] if styles else "text"
        for x in range(1, self.width):
            if styles[x] != style and chars[x] != " ":
                out.append(("".join(chars[start:x]), style))
                start, style = x, styles[x]
        out.append(("".join(chars[start:]), style))
        return tuple(out)
