"""The themes in the sixteen colours that every terminal has, chosen by hand so that nothing vanishes.

Surfaces are drawn in the first eight: a Linux console has no others
(https://man7.org/linux/man-pages/man4/console_codes.4.html).
"""

from __future__ import annotations

from copy import copy

from rich._palettes import STANDARD_PALETTE
from textual.theme import Theme

from themes.colour_blind import THEME as COLOUR_BLIND
from themes.dark import THEME as DARK
from themes.high_contrast import THEME as HIGH_CONTRAST
from themes.light import THEME as LIGHT
from themes.monochrome import THEME as MONOCHROME

BLACK, RED, GREEN, BROWN, BLUE, MAGENTA, CYAN, SILVER = range(8)
GREY, BRIGHT_RED, BRIGHT_GREEN, YELLOW, BRIGHT_BLUE, BRIGHT_MAGENTA, BRIGHT_CYAN, WHITE = range(8, 16)

_MARKED = {"style-cursor-idle": "underline", "style-heading": "bold", "focus-frame": "double"}
"""Where two surfaces have the same colour, a line tells them apart."""

_DARK = {
    "primary": BRIGHT_BLUE,
    "secondary": SILVER,
    "accent": YELLOW,
    "warning": YELLOW,
    "error": BRIGHT_RED,
    "success": BRIGHT_GREEN,
    "foreground": WHITE,
    "background": BLACK,
    "surface": BLACK,
    "panel": BLACK,
    "price-up": BRIGHT_GREEN,
    "price-down": BRIGHT_RED,
    "price-flat": SILVER,
    "muted": SILVER,
    "stale": SILVER,
    "rule": SILVER,
    "rule-focus": YELLOW,
    "heading": SILVER,
    "cursor": BLUE,
    "cursor-idle": BLACK,
    "badge-ink": WHITE,
    "status": BLACK,
    "border": YELLOW,
}
_LIGHT = {
    "primary": BLUE,
    "secondary": BLACK,
    "accent": MAGENTA,
    "warning": MAGENTA,
    "error": RED,
    "success": BLUE,
    "foreground": BLACK,
    "background": SILVER,
    "surface": SILVER,
    "panel": SILVER,
    # Green on light grey can hardly be read.
    "price-up": BLUE,
    "price-down": RED,
    "price-flat": BLACK,
    "muted": BLACK,
    "stale": BLACK,
    "rule": BLACK,
    "rule-focus": BLUE,
    "heading": BLACK,
    "cursor": CYAN,
    "cursor-idle": SILVER,
    "badge-ink": WHITE,
    "status": SILVER,
    "border": BLUE,
}
_COLOUR_BLIND = {
    **_DARK,
    "primary": BRIGHT_CYAN,
    "warning": WHITE,
    "error": YELLOW,
    "success": BRIGHT_CYAN,
    "price-up": BRIGHT_CYAN,
    "price-down": YELLOW,
    "badge-ink": BLACK,
}
_MONOCHROME = {
    **dict.fromkeys(_DARK, SILVER),
    **dict.fromkeys(("accent", "rule-focus", "border"), WHITE),
    **dict.fromkeys(("background", "surface", "panel", "status", "cursor", "cursor-idle"), BLACK),
    "badge-ink": BLACK,
}
_CHOSEN: dict[str, tuple[dict[str, int], dict[str, str]]] = {
    DARK.name: (_DARK, {**_MARKED, "style-stale": "dim"}),
    LIGHT.name: (_LIGHT, {**_MARKED, "style-stale": "dim", "style-warn": "underline"}),
    HIGH_CONTRAST.name: ({**_DARK, "muted": WHITE, "heading": WHITE}, _MARKED),
    COLOUR_BLIND.name: (_COLOUR_BLIND, {**_MARKED, "style-stale": "dim"}),
    MONOCHROME.name: (_MONOCHROME, {}),
}
_OWN_FIELDS = frozenset({"primary", "secondary", "accent", "warning", "error", "success", "foreground"}) | {
    "background",
    "surface",
    "panel",
}


def in_sixteen(theme: Theme, base: str) -> Theme:
    """``theme`` for a terminal of sixteen colours: those of ``base``, one of ours, else of our
    dark or light one."""
    inks, styles = _CHOSEN.get(base) or _CHOSEN[DARK.name if theme.dark else LIGHT.name]
    new = copy(theme)
    new.variables = dict(theme.variables)
    for key, number in inks.items():
        colour = STANDARD_PALETTE[number].hex
        if key in _OWN_FIELDS:
            setattr(new, key, colour)
        else:
            new.variables[key] = colour
    new.variables.update(styles)
    return new
