"""The lines of a widget's frame as they were drawn, for each of the looks that it goes from and to.

A pane is framed in one of two ways, as it is the active one or not, and goes from one to the other at every
key that walks: to draw its frame anew took a quarter of what such a key costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual._styles_cache import StylesCache
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

SIDE = -1
"""In place of a line: one of which the sides alone are wanted, which are the same on all lines."""
MOST_LOOKS = 4


class FrameLines(StylesCache):
    """Keeps every line that it drew, by what the widget looked like then."""

    def __init__(self) -> None:
        super().__init__()
        self.dressed = 0
        """How often its frame was given another look, and nothing else of its styles changed."""
        self._looks: dict[tuple[object, ...], dict[int, Strip]] = {}
        self._look: tuple[object, ...] = ()
        """The one of now."""

    def clear(self) -> None:
        super().clear()
        self._looks.clear()

    def set_dirty(self, *regions: Region) -> None:
        super().set_dirty(*regions)
        for lines in self._looks.values():
            for region in regions:
                for y in region.line_range:
                    lines.pop(y, None)

    def render_widget(self, widget: Widget, crop: Region) -> list[Strip]:
        strips = self.lines_of(widget, crop.line_range).values()
        return [
            strip if crop.column_span == (0, strip.cell_length) else strip.crop(crop.x, crop.right)
            for strip in strips
        ]

    def lines_of(self, widget: Widget, wanted: Iterable[int]) -> dict[int, Strip]:
        """Some lines of the widget, or its ``SIDE``, in their whole width."""
        lines = self.look_up(widget)
        return {y: lines.get(y) or self.draw(widget, y, lines) for y in wanted}

    def look_up(self, widget: Widget) -> dict[int, Strip]:
        """The lines that were drawn when it last looked as it does now."""
        look = (
            widget._size,
            widget.classes,
            widget._border_title,
            widget._border_subtitle,
            *[_changes(node) for node in widget.ancestors_with_self],
            *widget.get_line_filters(),
        )
        self._look = look
        lines = self._looks.get(look)
        if lines is None:
            if len(self._looks) >= MOST_LOOKS:
                self._looks.clear()
            lines = self._looks[look] = {}
        return lines

    def draw(self, widget: Widget, y: int, lines: dict[int, Strip]) -> Strip:
        """A line, as Textual draws it; kept in ``lines``."""
        at = widget.styles.gutter.top if y == SIDE else y
        changed = y == SIDE and at in self._dirty_lines
        self._dirty_lines.add(at)  # what Textual has kept is of the look before
        lines[y] = super().render_widget(widget, Region(0, at, widget.region.width, 1))[0]
        if changed:
            self._dirty_lines.add(at)  # between the sides it is still to be drawn
        return lines[y]


class FramedPane(Vertical):
    """A pane of several widgets, and of nothing else but its frame."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._styles_cache = FrameLines()


def _changes(node: DOMNode) -> int:
    """Of its styles: how many there were, but for those of its frame between looks that its classes tell."""
    cache = node._styles_cache if isinstance(node, Widget) else None
    return node.styles._cache_key - (cache.dressed if isinstance(cache, FrameLines) else 0)
