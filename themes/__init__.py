"""Colour themes: one module each, registered here."""

from __future__ import annotations

from textual.theme import Theme

from themes.dark import THEME as DARK
from themes.light import THEME as LIGHT

THEMES: dict[str, Theme] = {theme.name: theme for theme in (DARK, LIGHT)}
"""In the order in which the theme key walks through them."""

VARIABLE_DEFAULTS: dict[str, str] = dict(DARK.variables)
"""What a theme that does not know our variables (one of Textual's own, a user's) draws with."""


def next_theme(name: str) -> str:
    """The theme after ``name``, round and round; the first one for a name that is not ours."""
    names = list(THEMES)
    return names[(names.index(name) + 1) % len(names)] if name in THEMES else names[0]
