"""A line drawn in braille: two dots across and four down in every cell."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BLANK = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""By row and column of a cell."""


def curve(values: Sequence[float], width: int, height: int) -> list[str]:
    """``values`` as a line over ``width`` × ``height`` cells, scaled to their own range; top row first.

    What is not finite leaves a gap. A flat line stands in the middle.
    """
    across, down = width * 2, height * 4
    finite = [value for value in values if math.isfinite(value)]
    cells = [[_BLANK] * width for _ in range(height)]
    if finite and width > 0 and height > 0:
        low, span = min(finite), max(finite) - min(finite)
        before: int | None = None
        for x in range(across):
            value = _at(values, x, across)
            if value is None:
                before = None
                continue
            share = (value - low) / span if span > 0 else 0.5
            y = round((1 - share) * (down - 1))
            # Steep parts are drawn through, so that the line has no holes.
            if before is None or y == before:
                first, last = y, y
            else:
                first, last = (y, before - 1) if y < before else (before + 1, y)
            for dot in range(first, last + 1):
                cells[dot // 4][x // 2] |= _DOTS[dot % 4][x % 2]
            before = y
    return ["".join(map(chr, row)) for row in cells]


def _at(values: Sequence[float], x: int, across: int) -> float | None:
    """The value at a column of dots, between two points in proportion."""
    place = x / max(across - 1, 1) * (len(values) - 1)
    left = int(place)
    a, b = values[left], values[min(left + 1, len(values) - 1)]
    if not (math.isfinite(a) and math.isfinite(b)):
        return a if math.isfinite(a) and place == left else None
    return a + (b - a) * (place - left)
