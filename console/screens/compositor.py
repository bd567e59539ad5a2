"""What a frame is put together from: the widgets and the lines that something changed on, no others.

Textual draws every widget that touches the smallest rectangle round all that changed, and cuts every line
of it at every edge of every widget: two panes that change in opposite corners draw the whole desk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from textual._compositor import ChopsUpdate, Compositor, CompositorMap, ReflowResult
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from console.screens.confined import merged
from widgets.box import SeenThrough
from widgets.frame_lines import SIDE, FrameLines

Span = tuple[int, int, int]
"""(line, first column, after the last)."""
WIDEST_SIDE = 4
"""Cells of frame and padding that are looked at as a side."""


class DeskCompositor(Compositor):
    """Draws as Textual's does, from the topmost widget down, and asks no widget for lines nobody will see."""

    def __init__(self, behind: Callable[[], DeskCompositor | None] = lambda: None) -> None:
        """``behind``: what draws the screen that is seen around the widgets of this one, if one is."""
        super().__init__()
        self._behind = behind
        self.part: Widget | None = None
        """In which all is that the next layout is to place anew; None: anywhere."""
        self._laid_out: CompositorMap = {}
        """By the last layout."""
        self._unseen: set[Widget] = set()
        """Rooms, and what is in those that are closed: they have a place, and are not drawn."""

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        if self.root is not parent or self.size != size:
            self.part = None
        # A widget that has just come and asks where it will stand has all places found out: compared with
        # those, nothing would have moved.
        self._full_map = self._laid_out
        result = super().reflow(parent, size)
        self._laid_out = self._full_map
        # It has just placed every widget: Textual would place all of them once more for the first that asks
        # where it stands.
        self._full_map_invalidated = False
        return result

    def _arrange_root(
        self, root: Widget, size: Size, visible_only: bool = True
    ) -> tuple[CompositorMap, set[Widget]]:
        part, self.part = self.part, None
        if part is not None and not visible_only and part in self._full_map:
            inner, widgets = super()._arrange_root(part, self._full_map[part].region.size, False)
            whole = merged(self._full_map, part, inner)
            if whole is not None:
                within = whole[1].union(part.walk_children(Widget, with_self=True))
                return whole[0], (self.widgets - within) | widgets
        return super()._arrange_root(root, size, visible_only)

    @property
    def visible_widgets(self) -> dict[Widget, tuple[Region, Region]]:
        if self._visible_widgets is None:
            seen = super().visible_widgets
            rooms = [widget for widget in seen if isinstance(widget, SeenThrough)]
            closed = [room.walk_children(Widget) for room in rooms if not room.is_open]
            self._unseen = {*rooms, *chain.from_iterable(closed)}
            self._visible_widgets = {one: place for one, place in seen.items() if one not in self._unseen}
        return self._visible_widgets

    def update_widgets(self, widgets: set[Widget]) -> None:
        # Textual takes one that is not seen for a new one, and looks where everything stands anew.
        seen = self.visible_widgets.keys()
        super().update_widgets(widgets if widgets <= seen else widgets - self._unseen)

    def render_partial_update(self) -> ChopsUpdate | None:
        screen = self.size.region
        regions = [region for dirty in self._dirty_regions if (region := dirty.intersection(screen))]
        self._dirty_regions.clear()
        if not regions:
            return None
        spans = list(self._regions_to_spans(regions))
        chops = self._chops(spans)
        ends = [[at + strip.cell_length for at, strip in line.items()] for line in chops]
        return ChopsUpdate(chops, spans, ends)

    def render_region(self, region: Region) -> list[Strip]:
        """The lines of a part of the screen."""
        left, right = region.column_span
        chops = self._chops([(y, left, right) for y in region.line_range])
        return [Strip.join(line.values()) for line in chops[region.y : region.bottom]]

    def strips_of(self, spans: Sequence[Span]) -> list[Strip]:
        """The pieces that a frame of ``spans`` is put together from."""
        return [strip for line in self._chops(spans) for strip in line.values()]

    def _render_chops(
        self, crop: Region, is_rendered_line: Callable[[int], bool]
    ) -> Sequence[Mapping[int, Strip]]:
        left, right = crop.column_span
        return self._chops([(y, left, right) for y in crop.line_range if is_rendered_line(y)])

    def _chops(self, spans: Sequence[Span]) -> list[dict[int, Strip]]:
        """For each line of the screen what stands in its ``spans``, by column, from left to right."""
        pieces: list[tuple[int, int, int, Widget, Region, int]] = []
        wanted: dict[Widget, set[int]] = {}
        """Lines of each."""
        widths: dict[Widget, int] = {}
        sides: dict[Widget, int] = {}
        """A line of each of which the sides alone are wanted: on all lines they are the same."""
        layers, root, through = self.layers_visible, self.root, list[Span]()
        behind = self._behind()
        if behind is None or behind.size != self.size:
            root = None
        for y, left, right in spans:
            if 0 <= y < len(layers):
                for first, last, widget, region in _topmost(layers[y], left, right):
                    if widget is root:
                        through.append((y, first, last))
                        continue
                    line = y - region.y
                    if last - first <= WIDEST_SIDE and _is_side(first, last, line, widget, region):
                        line = sides.setdefault(widget, _side_line(widget, line))
                    pieces.append((y, first, last, widget, region, line))
                    widths[widget] = region.width
                    if widget in wanted:
                        wanted[widget].add(line)
                    else:
                        wanted[widget] = {line}
        drawn = {widget: _lines(widget, lines, widths[widget]) for widget, lines in wanted.items()}
        chops: list[dict[int, Strip]] = [{} for _ in range(self.size.height)]
        for y, first, last, widget, region, line in pieces:
            strip = drawn[widget][line]
            if (first, last) != (region.x, region.right):
                strip = strip.crop(first - region.x, last - region.x)
            chops[y][first] = strip
        if behind is not None and through:
            seen = behind._chops(through)
            for y in {y for y, _, _ in through}:
                chops[y] = dict(sorted((chops[y] | seen[y]).items()))
        return chops


def _is_side(first: int, last: int, line: int, widget: Widget, region: Region) -> bool:
    """Whether what stands there is frame and padding beside the widget's content."""
    top, right, bottom, left = widget.styles.gutter
    if not top <= line < region.height - bottom:
        return False
    return last <= region.x + left or first >= region.right - right


def _side_line(widget: Widget, line: int) -> int:
    return SIDE if isinstance(widget._styles_cache, FrameLines) else line


def _lines(widget: Widget, wanted: set[int], width: int) -> dict[int, Strip]:
    """Some lines of a widget; those that follow each other are asked for at once."""
    if isinstance(widget._styles_cache, FrameLines):
        drawn = widget._styles_cache.lines_of(widget, wanted)
        return {y: _as_wide(strip, width) for y, strip in drawn.items()}
    out: dict[int, Strip] = {}
    first = last = -1
    for line in (*sorted(wanted), -1):
        if line != last + 1 or first < 0:
            if first >= 0:
                strips = widget.render_lines(Region(0, first, width, last - first + 1))
                out.update((y, _as_wide(strip, width)) for y, strip in enumerate(strips, first))
            first = line
        last = line
    return out


def _as_wide(strip: Strip, width: int) -> Strip:
    """A widget that has gone has no lines, and a place until the next layout: without it, all that stands
    right of it would move."""
    if strip.cell_length == width:
        return strip
    return Strip(strip._segments).adjust_cell_length(width)  # the length that it tells is of no width at all


def _topmost(
    layers: Iterable[tuple[Widget, Region, Region]], left: int, right: int
) -> list[tuple[int, int, Widget, Region]]:
    """(first column, after the last, widget, its region): what of a line's ``layers``, the topmost first, is
    seen from ``left`` to ``right``; from left to right."""
    found: list[tuple[int, int, Widget, Region]] = []
    free = [(left, right)]
    for widget, (x, _, width, _), region in layers:
        rest: list[tuple[int, int]] = []
        for first, last in free:
            begin, end = max(first, x), min(last, x + width)
            if begin >= end:
                rest.append((first, last))
                continue
            found.append((begin, end, widget, region))
            if first < begin:
                rest.append((first, begin))
            if end < last:
                rest.append((end, last))
        free = rest
        if not free:
            break
    found.sort(key=lambda one: one[0])
    return found
