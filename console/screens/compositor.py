"""What a frame is put together from: the widgets and the lines that something changed on, no others.

Textual draws every widget that touches the smallest rectangle round all that changed, and cuts every line
of it at every edge of every widget: two panes that change in opposite corners draw the whole desk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Span = tuple[int, int, int]
"""(line, first column, after the last)."""


class DeskCompositor(Compositor):
    """Draws as Textual's does, from the topmost widget down, and asks no widget for lines nobody will see."""

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

    def _render_chops(
        self, crop: Region, is_rendered_line: Callable[[int], bool]
    ) -> Sequence[Mapping[int, Strip]]:
        left, right = crop.column_span
        return self._chops([(y, left, right) for y in crop.line_range if is_rendered_line(y)])

    def _chops(self, spans: Sequence[Span]) -> list[dict[int, Strip]]:
        """For each line of the screen what stands in its ``spans``, by column, from left to right."""
        pieces: list[tuple[int, int, int, Widget, Region]] = []
        wanted: dict[Widget, tuple[int, int, int]] = {}
        """(first line, last, width) of each."""
        layers = self.layers_visible
        for y, left, right in spans:
            if 0 <= y < len(layers):
                for first, last, widget, region in _topmost(layers[y], left, right):
                    pieces.append((y, first, last, widget, region))
                    line = y - region.y
                    low, high, _ = wanted.get(widget, (line, line, 0))
                    wanted[widget] = min(low, line), max(high, line), region.width
        drawn = {
            widget: widget.render_lines(Region(0, low, width, high - low + 1))
            for widget, (low, high, width) in wanted.items()
        }
        chops: list[dict[int, Strip]] = [{} for _ in range(self.size.height)]
        for y, first, last, widget, region in pieces:
            strip = drawn[widget][y - region.y - wanted[widget][0]]
            if (first, last) != (region.x, region.right):
                strip = strip.crop(first - region.x, last - region.x)
            chops[y][first] = strip
        return chops


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
