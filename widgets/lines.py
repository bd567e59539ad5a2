"""Lines of cells drawn one by one: the base of everything that is text and not a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip

from widgets.cell_styles import CellStyles
from widgets.cells import SCROLL_CSS, Cell, fit, printable, segments, width_of
from widgets.highlight import marked_line, pattern
from widgets.scrolled import Scrolled

Line = tuple[Cell, ...]


def faded(line: Line) -> Line:
    """``line`` as what is no longer known to be so."""
    return tuple((text, "stale") for text, _ in line)


def section(title: str, note: str = "") -> list[Line]:
    """A heading with a blank line above it."""
    return [(), ((title, "heading"), (f"  {note}" if note else "", "muted"))]


def line_strip(line: Sequence[Cell], width: int, styles: Mapping[str, Style]) -> Strip:
    """``line`` as a strip of exactly ``width`` cells; what is too long ends in "…"."""
    kept: list[Cell] = []
    left = width
    for text, style in line:
        text = printable(text)
        length = len(text) if text.isascii() else cell_len(text)
        if length > left:
            kept.append((fit(text, left), style))
            left = 0
            break
        kept.append((text, style))
        left -= length
    if left:
        kept.append((" " * left, "text"))
    return Strip(segments(kept, styles), width)


def wrap_line(line: Line, width: int, indent: int = 4) -> list[Line]:
    """``line`` as one or more of at most ``width`` cells, broken at blanks where there are any."""
    if width <= indent or width_of(line) <= width:
        return [line]
    out: list[Line] = []
    current: list[Cell] = []
    left = width
    for text, style in line:
        for word in re.findall(r"\s*\S+|\s+$", printable(text)):
            while True:
                length = cell_len(word)
                if length <= left:
                    current.append((word, style))
                    left -= length
                    break
                if left < width - (indent if out else 0):
                    word = word.lstrip()
                else:
                    # Longer than a whole line: cut where the line ends.
                    head = max(1, len(set_cell_size(word, left).rstrip()))
                    current.append((word[:head], style))
                    word = word[head:]
                out.append(tuple(current))
                current, left = [(" " * indent, "text")], width - indent
                if not word:
                    break
    out.append(tuple(current))
    return out


class Lines(Scrolled, CellStyles, can_focus=True, inherit_bindings=False):
    """Scrollable lines of cells, wrapped to the width; only changed lines are drawn again."""

    SEARCH_HINT: ClassVar[str] = "text · n N"
    DEFAULT_CSS = "Lines {" + SCROLL_CSS + "}"

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._given: list[Line] = list(lines)
        self._lines: list[Line] = list(lines)
        self.sought = self._last_sought = ""
        self._needle: re.Pattern[str] | None = None
        self._hits: list[int] = []
        """Wrapped lines with something that is searched for."""
        self._at = 0
        """The one of the hits that was gone to."""

    @property
    def lines(self) -> Sequence[Line]:
        """As given, not wrapped."""
        return self._given

    def set_lines(self, lines: Sequence[Line]) -> None:
        old, self._given = self._lines, list(lines)
        self._wrap()
        lines = self._lines
        if len(old) != len(lines):
            self.refresh(layout=True)
            return
        width, height = self.size
        top = int(self.scroll_offset.y)
        dirty = [y - top for y, line in enumerate(lines) if old[y] != line and 0 <= y - top < height]
        if dirty:
            self.refresh(*(Region(0, y, width, 1) for y in dirty))

    def on_mount(self) -> None:
        self._wrap()

    def on_resize(self) -> None:
        self._wrap()

    def _wrap(self) -> None:
        # The scrollbar's column is kept free, so that its coming and going does not wrap anew.
        width = self.size.width - 1
        self._lines = (
            [part for line in self._given for part in wrap_line(line, width)] if width > 0 else self._given
        )
        self._look()
        self.virtual_size = Size(self.size.width, len(self._lines))

    def move_by(self, lines: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False, force=True)

    def move_page(self, pages: int) -> None:
        self.move_by(pages * max(1, self.size.height - 1))

    def move_home(self) -> None:
        self.scroll_to(y=0, animate=False, force=True)

    def move_end(self) -> None:
        self.scroll_to(y=len(self._lines), animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        width = self.size.width - self.scrollbar_size_vertical
        index = y + int(self.scroll_offset.y)
        line = self._lines[index] if index < len(self._lines) else ()
        if self._needle is not None:
            line = marked_line(line, self._needle)
        return line_strip(line, width, self.cell_styles())

    # --- searching -------------------------------------------------------------------------------

    def look_for(self, text: str) -> None:
        """Mark ``text`` wherever it stands, and go to the first from here on; "" marks nothing."""
        self.sought = text.strip()
        self._last_sought = self.sought or self._last_sought
        self._needle = pattern([self.sought])
        self._look()
        self.refresh()
        if self.sought:
            self.find(1, here=True)

    def find(self, step: int, *, here: bool = False) -> bool:
        """Go to the next hit (``step`` -1: the one before), round and round. False: there is none.

        When nothing is looked for any more, what was last is again.
        """
        if not self.sought and self._last_sought:
            self.look_for(self._last_sought)
            return bool(self._hits)
        if not self._hits:
            return False
        if here:
            top = int(self.scroll_offset.y)
            self._at = next((n for n, y in enumerate(self._hits) if y >= top), 0)
        else:
            self._at = (self._at + step) % len(self._hits)
        y, top, page = self._hits[self._at], int(self.scroll_offset.y), max(1, self.size.height)
        if not top <= y < top + page:
            self.scroll_to(y=max(0, y - page // 2), animate=False, force=True)
        return True

    @property
    def found(self) -> str:
        """Which hit of how many, for a person."""
        return f"{min(self._at + 1, len(self._hits))} of {len(self._hits)}"

    def _look(self) -> None:
        needle = self._needle
        if needle is None:
            self._hits = []
            return
        self._hits = [y for y, line in enumerate(self._lines) if needle.search("".join(t for t, _ in line))]
        self._at = min(self._at, max(0, len(self._hits) - 1))


class FixedLines(CellStyles, inherit_bindings=False):
    """Lines that neither scroll nor take the focus: bars and strips. Subclasses lay out by width."""

    DEFAULT_CSS = "FixedLines { height: 1; background: $status; }"

    _drawn: tuple[Line, ...] = ()
    _drawn_size = Size(0, 0)

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        """What to show in ``width`` × ``height`` cells."""
        raise NotImplementedError

    def update_lines(self) -> int:
        """Draw again what changed. Returns the number of lines."""
        if not self.display:
            if self._drawn:
                self._drawn, self._drawn_size = (), Size(0, 0)  # laid out when it is seen
                self.refresh()
            return 0
        self._drawn_size = self.size
        width, height = self.size
        lines = self.layout_lines(width, height)
        old, self._drawn = self._drawn, lines
        if len(old) != len(lines):
            self.refresh()
            return len(lines)
        dirty = [y for y, line in enumerate(lines) if line != old[y]]
        if dirty:
            self.refresh(*(Region(0, y, width, 1) for y in dirty))
        return len(dirty)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._drawn_size != self.size:
            self._drawn_size = self.size
            self._drawn = self.layout_lines(*self.size)
        return line_strip(self._drawn[y] if y < len(self._drawn) else (), width, self.cell_styles())


def join_items(items: Sequence[tuple[int, Line]], width: int, separator: Cell = (" │ ", "muted")) -> Line:
    """Items side by side, those of the highest priority number dropped until the line fits ``width``."""
    kept = [index for index, (_, cells) in enumerate(items) if cells]

    def needed() -> int:
        return sum(width_of(items[i][1]) for i in kept) + width_of([separator]) * max(len(kept) - 1, 0)

    while len(kept) > 1 and needed() > width:
        kept.remove(max(kept, key=lambda i: (items[i][0], i)))
    out: list[Cell] = []
    for i in kept:
        if out:
            out.append(separator)
        out.extend(items[i][1])
    return tuple(out)
