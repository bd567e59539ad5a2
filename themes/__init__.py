"""Colour themes: one module each, registered here."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from textual.theme import Theme

from themes.colour_blind import THEME as COLOUR_BLIND
from themes.dark import THEME as DARK
from themes.high_contrast import THEME as HIGH_CONTRAST
from themes.light import THEME as LIGHT
from themes.monochrome import THEME as MONOCHROME

THEMES: dict[str, Theme] = {
    theme.name: theme for theme in (DARK, LIGHT, HIGH_CONTRAST, COLOUR_BLIND, MONOCHROME)
}
"""In the order in which the theme key walks through them."""

TEXT_STYLES: dict[str, str] = {
    "style-text": "none",
    "style-muted": "none",
    "style-stale": "none",
    "style-bold": "bold",
    "style-heading": "none",
    "style-up": "none",
    "style-down": "none",
    "style-flat": "none",
    "style-good": "none",
    "style-warn": "none",
    "style-bad": "bold",
    "style-accent": "none",
    "style-key": "bold",
    "style-badge": "bold",
    "style-badge-good": "bold",
    "style-badge-warn": "bold",
    "style-badge-bad": "bold",
    "style-hit": "reverse",
    "style-cursor": "none",
    "style-cursor-idle": "none",
    "style-focus-title": "bold",
    "focus-frame": "heavy",
}
"""What cells, the cursor's line and the focused pane are beside coloured, unless a theme says otherwise."""

VARIABLE_DEFAULTS: dict[str, str] = {**DARK.variables, **TEXT_STYLES}
"""What a theme that does not know our variables (one of Textual's own) draws with."""


def next_theme(name: str, names: Sequence[str] = tuple(THEMES)) -> str:
    """The theme after ``name``, round and round; the first one for a name that is not there."""
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]


def renamed(theme: Theme, name: str) -> Theme:
    new = copy(theme)
    new.name = name
    return new


def swapped(theme: Theme) -> Theme:
    """``theme`` for those who expect red where prices rise: the inks of up and down change places."""
    new, told = copy(theme), theme.variables
    new.variables = {**told, "price-up": told["price-down"], "price-down": told["price-up"]}
    for up, down in (("style-up", "style-down"),):
        if up in told or down in told:
            new.variables[up], new.variables[down] = told.get(down, "none"), told.get(up, "none")
    return new
