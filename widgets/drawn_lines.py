"""The lines of a widget of ours as they were drawn, in their frame and through the filters of the terminal.

Textual asks for every line anew what its frame, padding, tint, hatch and outline are, and sends even a line
that did not change through the filters again: that took longer than to draw the lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual._border import get_box
from textual.color import Color
from textual.css.types import EdgeType
from textual.filter import LineFilter
from textual.geometry import Size
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from widgets.frame_lines import MOST_LOOKS, FrameLines

if TYPE_CHECKING:
    from widgets.cell_styles import CellStyles


class _Worn(NamedTuple):
    """What all lines between a widget's top and foot have in common."""

    size: Size
    """Of the content."""
    top: int
    left: tuple[EdgeType, Color]
    right: tuple[EdgeType, Color]
    below: Color
    """What the widget stands on."""
    surface: Color
    filters: tuple[LineFilter, ...]


class DrawnLines(FrameLines):
    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[int, Strip] = {}
        """By line of the content."""
        self._worn: _Worn | None = None
        """By these."""
        self._worn_in: dict[tuple[object, ...], _Worn | None] = {}
        """By look."""

    def clear(self) -> None:
        super().clear()
        self._lines.clear()
        self._worn_in.clear()

    def lines_of(self, widget: Widget, wanted: Iterable[int]) -> dict[int, Strip]:
        """Some lines of the widget in their whole width; what is the same for all is looked up once."""
        frame = self.look_up(widget)
        worn = self._wear(widget)
        if worn is None:
            return {y: frame.get(y) or self.draw(widget, y, frame) for y in wanted}
        out: dict[int, Strip] = {}
        draw: Callable[[int], Strip] | None = None
        lines, dirty = self._lines, self._dirty_lines
        for y in wanted:
            line = y - worn.top
            if not 0 <= line < worn.size.height:
                out[y] = frame.get(y) or self.draw(widget, y, frame)
                continue
            strip = None if y in dirty else lines.get(line)
            if strip is None:
                draw = draw or cast("CellStyles", widget).line_drawer()
                strip = lines[line] = _dressed(draw(line), worn)
                dirty.discard(y)
            out[y] = strip
        return out

    def _wear(self, widget: Widget) -> _Worn | None:
        try:
            worn = self._worn_in[self._look]
        except KeyError:
            if len(self._worn_in) >= MOST_LOOKS:
                self._worn_in.clear()
            worn = self._worn_in[self._look] = _worn(widget)
        if worn != self._worn:
            self._lines.clear()
            self._worn = worn
        return worn


def _worn(widget: Widget) -> _Worn | None:
    """None where more is laid over the lines than a frame."""
    styles = widget.styles
    if (
        any(styles.padding)
        or styles.text_opacity != 1.0
        or styles.tint.a
        or widget.opacity != 1.0
        or any(edge for edge, _ in styles.outline)
        or (styles.has_rule("hatch") and styles.hatch != "none")
    ):
        return None
    below, surface = widget.background_colors
    (top, _), right, _, left = styles.border
    filters = tuple(widget.get_line_filters())
    return _Worn(widget.content_region.size, bool(top), left, right, below, surface, filters)


def _dressed(strip: Strip, worn: _Worn) -> Strip:
    left, right, blank = _sides(worn.left, worn.right, worn.below, worn.surface)
    width = worn.size.width
    if strip.cell_length != width:
        strip = strip.adjust_cell_length(width, blank)
    if not (left or right or worn.filters):
        return strip
    parts = [*left, *strip, *right]
    for each in worn.filters:
        parts = each.apply(parts, worn.surface)
    return Strip(parts, width + len(left) + len(right))


@lru_cache(256)
def _sides(
    left: tuple[EdgeType, Color], right: tuple[EdgeType, Color], below: Color, surface: Color
) -> tuple[list[Segment], list[Segment], RichStyle]:
    """Of the frame, and the style of a blank between them."""
    inner, outer = Style(background=below + surface), Style(background=below)
    sides: list[list[Segment]] = []
    for (edge, colour), place in ((left, 0), (right, 2)):
        box = get_box(edge, inner, outer, Style(foreground=below + colour)) if edge else None
        sides.append([box[1][place]] if box else [])
    return sides[0], sides[1], inner.rich_style
