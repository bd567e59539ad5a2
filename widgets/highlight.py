"""Marks in cells what was searched for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from widgets.cells import Cell

HIT = "hit"
"""The style: inverse, so that it is seen without colours."""


def pattern(needles: Iterable[str]) -> re.Pattern[str] | None:
    """Of plain texts, in any case; None where there are none."""
    plain = [re.escape(needle) for needle in sorted(needles, key=len, reverse=True) if needle]
    return re.compile("|".join(plain), re.IGNORECASE) if plain else None


def marked(cell: Cell, needles: re.Pattern[str]) -> list[Cell]:
    """``cell`` in parts: every hit in the style of hits."""
    text, style = cell
    parts: list[Cell] = []
    at = 0
    for match in needles.finditer(text):
        parts += [(text[at : match.start()], style), (match.group(), HIT)]
        at = match.end()
    return [*parts, (text[at:], style)]


def marked_line(line: tuple[Cell, ...], needles: re.Pattern[str]) -> tuple[Cell, ...]:
    """``line`` with hits marked that may begin in one cell and end in another."""
    found = [match.span() for match in needles.finditer("".join(text for text, _ in line))]
    if not found:
        return line
    parts: list[Cell] = []
    at = 0
    for text, style in line:
        start, end = at, at + len(text)
        for first, last in found:
            if last <= at or first >= end:
                continue
            parts.append((text[at - start : max(first, at) - start], style))
            parts.append((text[max(first, at) - start : min(last, end) - start], HIT))
            at = min(last, end)
        parts.append((text[at - start :], style))
        at = end
    return tuple(part for part in parts if part[0])
