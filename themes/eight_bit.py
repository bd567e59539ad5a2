"""The themes in 256 colours: the nearest do, but for the cursor's line, which would be a shade of grey."""

from __future__ import annotations

from copy import copy

from textual.theme import Theme

_CURSOR = {True: "#00005f", False: "#d7ffff"}
"""Of the 256, by whether the theme is dark."""


def in_eight_bit(theme: Theme) -> Theme:
    new = copy(theme)
    marked = "style-cursor" in theme.variables and theme.variables["cursor"] == theme.surface
    new.variables = theme.variables if marked else {**theme.variables, "cursor": _CURSOR[theme.dark]}
    return new
