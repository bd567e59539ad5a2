"""How well ink can be read: the contrast ratio of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio),
and where each ink of a theme is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from textual.color import Color
from textual.constants import DIM_FACTOR
from textual.theme import Theme

AA, AAA = 4.5, 7.0
"""The least ratios for text."""
MARK = 3.0
"""The least ratio for what is no text but must be seen: the frame of the focused pane."""
INKS = (
    "foreground",
    "muted",
    "stale",
    "heading",
    "price-up",
    "price-down",
    "price-flat",
    "success",
    "warning",
    "error",
    "accent",
    "primary",
)
SURFACES = ("background", "surface", "status", "panel", "cursor", "cursor-idle")
"""Any ink can stand on any of these."""
BADGES = ("primary", "success", "warning", "error", "price-up", "price-down")
"""``badge-ink`` stands on these."""


class Pair(NamedTuple):
    ink: str
    surface: str
    ratio: float


def colour_of(theme: Theme, key: str) -> str:
    """A colour of ``theme`` by its key: ``primary``, ``price-up``, …"""
    return str(theme.variables.get(key) or getattr(theme, key))


def luminance(colour: Color) -> float:
    """Relative luminance, 0 (black) to 1 (white)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Color, other: Color) -> float:
    """1 (the same) to 21 (black on white)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def pairs(theme: Theme) -> Iterator[Pair]:
    """Everything that is drawn on something else as text; dimmed ink as it is seen."""
    drawn = [(ink, surface) for ink in INKS for surface in SURFACES]
    drawn += [("badge-ink", surface) for surface in BADGES]
    for ink, surface in drawn:
        on = Color.parse(colour_of(theme, surface))
        seen = Color.parse(colour_of(theme, ink))
        if "dim" in str(theme.variables.get(f"style-{ink}", "")):
            seen = on.blend(seen, DIM_FACTOR)
        yield Pair(ink, surface, contrast(seen, on))


def worst(theme: Theme) -> Pair:
    return min(pairs(theme), key=lambda pair: pair.ratio)
