"""What cells look like by the name of their style, from the theme and the surface they stand on.

Not by component classes: the stylesheet would match its rules anew for each of two dozen names in each
widget, whenever the focus moves or a dialog opens, and that took longer than everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from widgets.cells import CELL_STYLES, CURSOR, CURSOR_IDLE, without_ink
from widgets.drawn_lines import DrawnLines


class _Look(NamedTuple):
    """Names of the theme's variables."""

    ink: str
    ground: str
    """"" is the widget's own."""
    text_style: str


_INKS = {
    "text": "foreground",
    "bold": "foreground",
    "hit": "foreground",
    "up": "price-up",
    "down": "price-down",
    "flat": "price-flat",
    "good": "success",
    "warn": "warning",
    "bad": "error",
    "key": "accent",
}
"""Of those that are not called as their ink is."""
_GROUNDS = {
    "badge": "primary",
    "badge-good": "success",
    "badge-warn": "warning",
    "badge-bad": "error",
    "flash-up": "price-up",
    "flash-down": "price-down",
}
_LOOKS: dict[str, _Look] = {
    name: _Look("badge-ink", _GROUNDS[name], "style-badge" if "flash" in name else f"style-{name}")
    if name in _GROUNDS
    else _Look(_INKS.get(name, name), "", f"style-{name}")
    for name in CELL_STYLES
} | {name: _Look("foreground", name, f"style-{name}") for name in (CURSOR, CURSOR_IDLE)}
_VARIABLES = tuple(sorted({name for look in _LOOKS.values() for name in look if name}))


class CellStyles(Widget):
    """Mixin: the styles of cells by name, of the cursor's line too, kept until the theme changes, and lines
    that are drawn by them."""

    _styles_by_name: Mapping[str, Style] | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._styles_cache = DrawnLines()

    def line_drawer(self) -> Callable[[int], Strip]:
        """What draws a line of the content, for one frame: what is the same for all its lines is looked up
        once."""
        return self.render_line

    def cell_styles(self) -> Mapping[str, Style]:
        """The same mapping as long as the styles are the same."""
        if self._styles_by_name is None:
            variables = self.app.theme_variables
            told = tuple(variables[name] for name in _VARIABLES)
            self._styles_by_name = _styles(told, self.background_colors[1], self.text_style)
        return self._styles_by_name

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_by_name = None


@lru_cache(256)
def _styles(told: tuple[str, ...], surface: Color, inherited: Style) -> Mapping[str, Style]:
    values = dict(zip(_VARIABLES, told, strict=True))
    out: dict[str, Style] = {}
    for name, look in _LOOKS.items():
        ground = surface + Color.parse(values[look.ground]) if look.ground else surface
        ink = ground + Color.parse(values[look.ink])
        flags: Any = inherited + Style.parse(values[look.text_style])
        out[name] = flags + Style.from_color(ink.rich_color, ground.rich_color if ground.a else None)
    for name in (CURSOR, CURSOR_IDLE):
        out[name] = without_ink(out[name])
    return out
