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
from textual._styles_cache import StylesCache
from textual.color import Color
from textual.css.types import EdgeType
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

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


class DrawnLines(StylesCache):
    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[int, Strip] = {}
        """By line of the content."""
        self._edges: dict[int, Strip] = {}
        """The frame above and below, by line of the widget."""
        self._titles: tuple[object, object] = (None, None)
        """That stand in the edges."""
        self._worn: _Worn | None = None
        """By these."""
        self._known: tuple[object, ...] = ()
        """What they were last found out for."""

    def clear(self) -> None:
        super().clear()
        self._lines.clear()
        self._edges.clear()

    def render_widget(self, widget: Widget, crop: Region) -> list[Strip]:
        strips = self.lines_of(widget, crop.line_range).values()
        return [
            strip if crop.column_span == (0, strip.cell_length) else strip.crop(crop.x, crop.right)
            for strip in strips
        ]

    def lines_of(self, widget: Widget, wanted: Iterable[int]) -> dict[int, Strip]:
        """Some lines of the widget in their whole width; what is the same for all is looked up once."""
        worn = self._look_up(widget)
        out: dict[int, Strip] = {}
        draw: Callable[[int], Strip] | None = None
        lines, edges, dirty = self._lines, self._edges, self._dirty_lines
        for y in wanted:
            line = y - worn.top if worn is not None else -1
            if worn is None or not 0 <= line < worn.size.height:
                strip = None if worn is None or y in dirty else edges.get(y)
                if strip is None:
                    whole = Region(0, y, widget.region.width, 1)
                    strip = edges[y] = super().render_widget(widget, whole)[0]
            else:
                strip = None if y in dirty else lines.get(line)
                if strip is None:
                    draw = draw or cast("CellStyles", widget).line_drawer()
                    strip = lines[line] = _dressed(draw(line), worn)
                    dirty.discard(y)
            out[y] = strip
        return out

    def _look_up(self, widget: Widget) -> _Worn | None:
        titles = widget._border_title, widget._border_subtitle
        if titles != self._titles:
            self._titles = titles
            self._edges.clear()
        styles = tuple([node.styles._cache_key for node in widget.ancestors_with_self])
        known = widget._size, styles, *widget.get_line_filters()
        if known != self._known:
            self._known = known
            worn = _worn(widget)
            self._edges.clear()  # how a title is drawn is told by the styles alone
            if worn != self._worn:
                self.clear()
                self._worn = worn
        return self._worn


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
