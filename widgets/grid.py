"""The table of the desk: rows of cells at fixed widths, drawn line by line.

Only lines whose cells changed are drawn again, all of them in one ``refresh``; the cursor stays on its row's
key whatever is inserted, removed or sorted around it; columns that do not fit are dropped by priority.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from widgets.arrangement import Arrangement
from widgets.cell_styles import CellStyles
from widgets.cells import CURSOR, CURSOR_IDLE, SCROLL_CSS, Cell, fit, on_cursor, segments
from widgets.columns import Column, Widths
from widgets.row_line import heading, row_cells
from widgets.rows import GridRow
from widgets.scrolled import Scrolled


class Grid(Scrolled, CellStyles, can_focus=True, inherit_bindings=False):
    """A table drawn with the Line API. Subclasses give ``COLUMNS`` and ``EMPTY``."""

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    EMPTY: ClassVar[str] = "nothing yet"
    FOLLOW: ClassVar[bool] = False
    """Start at the newest row, the last as it comes, and stay there until the cursor is moved away."""
    HEADER: ClassVar[bool] = True
    SEARCHES: ClassVar[bool] = False
    """The words of a filter mark rows, and hide none."""
    SEARCH_HINT: ClassVar[str] = "word · !not · column:text · column>5"

    DEFAULT_CSS = "Grid {" + SCROLL_CSS + "}"

    class Activated(Message):
        """A row was double-clicked."""

        def __init__(self, grid: Grid, key: str) -> None:
            super().__init__()
            self.grid = grid
            self.key = key

        @property
        def control(self) -> Grid:
            return self.grid

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.header = self.HEADER
        self.empty = self.EMPTY
        """Said where there is no row."""
        self.arrangement = Arrangement(self.COLUMNS, searches=self.SEARCHES)
        self.foot = ""
        """Said in the last line, where no border can; "" leaves the line to the rows."""
        self.lines_drawn = 0
        """Row strips built so far: what a refresh really cost."""
        self._rows: list[GridRow] = []
        self._strips: dict[str, Strip] = {}
        self._drawn_in: Mapping[str, Style] = {}
        """The styles that the strips were made with."""
        self._cursor_key: str | None = None
        self._cursor_index = 0
        self._following = self.FOLLOW
        self._page = 0
        """Rows in sight before a resize."""
        self._displaced_at = -math.inf
        """When the row that somebody was on went away, and the cursor fell on another one."""
        self._pinned = False
        """Somebody was here: the cursor now belongs to its row, no longer to the first line."""
        self._widths = Widths(self.COLUMNS)
        self._plan: list[tuple[int, int]] = []
        self._faded = False

    # --- what is shown ---------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[GridRow]:
        """The rows in the order shown."""
        return self._rows

    @property
    def cursor_key(self) -> str | None:
        return self._cursor_key

    @property
    def displaced_s(self) -> float:
        """How long ago the cursor fell on another row because its own went away."""
        return time.monotonic() - self._displaced_at

    @property
    def faded(self) -> bool:
        """Draw everything as stale (the link is away)."""
        return self._faded

    @faded.setter
    def faded(self, faded: bool) -> None:
        if faded != self._faded:
            self._faded = faded
            self._redraw()

    def set_rows(self, rows: Sequence[GridRow]) -> int:
        """Show ``rows``, filtered and sorted as chosen. Returns the number of lines that changed."""
        given_before = len(self.arrangement.given)
        new = self.arrangement.arrange(rows)
        old = self._rows
        cells_before = {row.key: row.cells for row in old} if len(old) != len(new) else None
        dirty: list[int] = []
        for index, row in enumerate(new):
            before = old[index] if index < len(old) else None
            if before is not None and before.key == row.key:
                if before.cells is not row.cells and before.cells != row.cells:
                    self._strips.pop(row.key, None)
                    dirty.append(index)
            else:
                # Another row stands here now; its cached strip is right only if its cells are the same.
                dirty.append(index)
                if cells_before is None:
                    cells_before = {row.key: row.cells for row in old}
                if cells_before.get(row.key) != row.cells:
                    self._strips.pop(row.key, None)
        if self._widths.take_in(new[index] for index in dirty):
            self.refresh()
        dirty.extend(range(len(new), len(old)))
        self._rows = new
        cursor_before = self._cursor_key if self._pinned else None
        moved_cursor = self._keep_cursor()
        if cursor_before is not None and cursor_before != self._cursor_key and not self._following:
            self._displaced_at = time.monotonic()
        if len(new) != len(old):
            for key in self._strips.keys() - {row.key for row in new}:
                del self._strips[key]
            self._resize_virtual()
        self._follow()
        dirty.extend(moved_cursor)
        if not old and not new:
            if len(rows) != given_before:
                self._refresh_lines([0])  # how many a filter hides
            return 0
        self._refresh_lines(dirty)
        return len(dirty)

    def say_empty(self, text: str) -> None:
        """Where there is no row."""
        if text != self.empty:
            self.empty = text
            self._refresh_lines([0] if not self._rows else [])

    def begin_anew(self) -> None:
        """Other rows come: what was selected among those of now means nothing to them."""
        self._pinned, self._following = False, self.FOLLOW
        self._cursor_key, self._cursor_index = None, 0
        self._widths = Widths(self.COLUMNS)
        self.set_rows([])

    def _nothing(self) -> Cell:
        """Said where no row is shown: that there is none, or that the filter lets none through."""
        hidden = len(self.arrangement.given)
        if not hidden:
            return self.empty, "muted"
        return f"{hidden} hidden: {self.arrangement.doubt or 'nothing matches'} /{self.sought}", "warn"

    def sort_by(self, column: int | None, reverse: bool = False) -> None:
        """Sort by a column's order values; None: as given."""
        self.arrangement.sort_column, self.arrangement.sort_reverse = column, reverse
        self._arrange_anew()

    @property
    def sort_column(self) -> int | None:
        return self.arrangement.sort_column

    @property
    def sort_reverse(self) -> bool:
        return self.arrangement.sort_reverse

    def next_sort(self) -> None:
        """Walk on: each column down, then up, then as given."""
        self.sort_by(*self.arrangement.next_sort())

    @property
    def sort_mode(self) -> str:
        """The column it is sorted by and which way, for a person; "" as it comes."""
        return self.arrangement.sort_mode

    @property
    def sought(self) -> str:
        return self.arrangement.filter.text

    @property
    def found(self) -> str:
        return self.arrangement.found

    def look_for(self, text: str) -> None:
        """Show the rows that ``text`` lets through; "" all. Where words mark rows, go to the last."""
        self.arrangement.filter_by(text)
        self._arrange_anew()
        if self.arrangement.searches and text:
            self.find(-1, here=True)

    def set_foot(self, text: str) -> None:
        if text != self.foot:
            self.foot = text
            self._resize_virtual()
            self.refresh()
            self._scroll_to_cursor()

    def find(self, step: int, *, here: bool = False) -> bool:
        """Put the cursor on the next row that is looked for (``step`` -1: the one before), round and round.

        ``here``: the one it is on counts too. False: there is none.
        """
        hits = [index for index, row in enumerate(self._rows) if self.arrangement.is_hit(row)]
        if not hits:
            return False
        after = [index for index in hits if (index - self._cursor_index) * step >= (0 if here else 1)]
        self.move_cursor((after or hits)[0 if step > 0 else -1])
        return True

    def _arrange_anew(self) -> None:
        self._rows = self.arrangement.arrange(self.arrangement.given)
        self._widths.take_in(self._rows)  # some were filtered out when they came
        self._keep_cursor()
        self._resize_virtual()
        self._redraw()
        self._scroll_to_cursor()
        self._follow()

    # --- the cursor ------------------------------------------------------------------------------

    def _keep_cursor(self) -> list[int]:
        """Put the cursor back on its row's key, or near where it was. Returns the lines to draw again."""
        before = self._cursor_index
        if not self._rows:
            self._cursor_key, self._cursor_index = None, 0
            return []
        if self._cursor_key is not None and self._pinned:
            for index, row in enumerate(self._rows):
                if row.key == self._cursor_key:
                    self._cursor_index = index
                    return [] if index == before else [before, index]
        self._cursor_index = min(before, len(self._rows) - 1)
        key, self._cursor_key = self._cursor_key, self._rows[self._cursor_index].key
        return (
            [] if self._cursor_key == key and self._cursor_index == before else [before, self._cursor_index]
        )

    @property
    def _edge(self) -> int:
        """Where the newest row comes in: the first line of a table sorted downwards, else the last."""
        downwards = self.sort_column is not None and self.sort_reverse
        return 0 if downwards else len(self._rows) - 1

    def _follow(self) -> None:
        """Stay with the newest row, if the cursor was there."""
        if self._following and self._rows:
            self._cursor_index = self._edge
            self._cursor_key = self._rows[self._edge].key
            self._scroll_to_cursor()

    def move_cursor(self, index: int) -> None:
        """Put the cursor on a line, clamped to what there is."""
        if not self._rows:
            return
        index = min(max(index, 0), len(self._rows) - 1)
        self._following = self.FOLLOW and index == self._edge
        self._displaced_at = -math.inf
        before, self._cursor_index = self._cursor_index, index
        self._cursor_key, self._pinned = self._rows[index].key, True
        self._refresh_lines([before, index])
        self._scroll_to_cursor()

    def move_by(self, lines: int) -> None:
        self.move_cursor(self._cursor_index + lines)

    def move_page(self, pages: int) -> None:
        self.move_by(pages * max(1, self._page_lines() - 1))

    def move_home(self) -> None:
        self.move_cursor(0)

    def move_end(self) -> None:
        self.move_cursor(len(self._rows) - 1)

    def _page_lines(self) -> int:
        return max(1, self.size.height - self.header - bool(self.foot))

    def _scroll_to_cursor(self) -> None:
        top, page = int(self.scroll_offset.y), self._page_lines()
        if self._cursor_index < top:
            self.scroll_to(y=self._cursor_index, animate=False, force=True)
        elif self._cursor_index >= top + page:
            self.scroll_to(y=self._cursor_index - page + 1, animate=False, force=True)

    # --- drawing ---------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self._resize_virtual()

    def on_resize(self, event: events.Resize) -> None:
        top = int(self.scroll_offset.y)
        seen = top <= self._cursor_index < top + self._page
        self._page = self._page_lines()
        self._resize_virtual()
        if self._following:
            self._follow()
        elif self.has_focus or seen:
            self._scroll_to_cursor()
        else:
            # Nobody is here, and what comes in has left the cursor's row behind: it is not what is looked at.
            self.scroll_to(y=0, animate=False, force=True)

    def on_focus(self, event: events.Focus) -> None:
        # In place of Textual's, which draws every line.
        event.prevent_default()
        self.show_focus(True)
        if self.parent is not None:
            self.parent.post_message(events.DescendantFocus(self))

    def on_blur(self, event: events.Blur) -> None:
        event.prevent_default()
        self.show_focus(False)
        if self.parent is not None:
            self.parent.post_message(events.DescendantBlur(self))

    def show_focus(self, has_focus: bool) -> None:
        """Whether keys move its cursor, as far as the screen below a dialog can tell."""
        self._pinned = self._pinned or has_focus
        if has_focus != self.has_focus:
            self.has_focus = has_focus
            self.draw_cursor()

    def draw_cursor(self) -> None:
        """Draw its line alone: it is the one that keys move, or no longer so."""
        self._refresh_lines([self._cursor_index])

    def _resize_virtual(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows) + self.header + bool(self.foot))

    def _redraw(self) -> None:
        self._strips.clear()
        self.refresh()

    def _refresh_lines(self, indexes: Sequence[int]) -> None:
        if not indexes:
            return
        width, height = self.size
        top = int(self.scroll_offset.y) - self.header
        wanted = sorted({y for y in (index - top for index in indexes) if self.header <= y < height})
        if wanted:
            self.refresh(*(Region(0, y, width, 1) for y in wanted))

    def render_line(self, y: int) -> Strip:
        return self.line_drawer()(y)

    def line_drawer(self) -> Callable[[int], Strip]:
        size, styles = self.size, self.cell_styles()
        width = size.width - self.scrollbar_size_vertical
        plan = self._widths.plan(width)
        if plan is not self._plan:
            self._plan = plan
            self._strips.clear()
        if styles is not self._drawn_in:
            self._drawn_in = styles
            self._strips.clear()
        foot = size.height - 1 if self.foot else -1
        cursor = self._cursor_index if self.can_focus else -1
        return partial(self._line, width, foot, int(self.scroll_offset.y), cursor, styles)

    def _line(
        self, width: int, foot: int, top: int, cursor: int, styles: Mapping[str, Style], y: int
    ) -> Strip:
        """``foot``: the line of it, ``top``: the first row in sight, ``cursor``: its row; -1 for none."""
        if self.header and y == 0:
            return self._header_strip(width)
        if y == foot:
            return Strip(segments([(fit(f" {self.foot}", width), "badge-warn")], styles), width)
        index = y - self.header + top
        if index >= len(self._rows):
            if index == 0:
                text, style = self._nothing()
                return Strip(segments([(fit(f" {text}", width), style)], styles), width)
            return Strip.blank(width, styles["text"])
        row = self._rows[index]
        strip = self._strips.get(row.key)
        if strip is None:
            strip = self._strips[row.key] = self._row_strip(row, width)
        if index == cursor:
            over = styles[CURSOR if self._seems_focused else CURSOR_IDLE]
            return Strip(on_cursor(strip, over, styles["text"]), width)
        return strip

    @property
    def _seems_focused(self) -> bool:
        """Nothing shades what is below a dialog: only the dialog's cursor has the focus."""
        return self.has_focus and self.app.screen is self.screen

    def _row_strip(self, row: GridRow, width: int) -> Strip:
        self.lines_drawn += 1
        needles = self.arrangement.needles
        cells = row_cells(row, self.COLUMNS, self._plan, width, faded=self._faded, needles=needles)
        return Strip(segments(cells, self.cell_styles()), width)

    def _header_strip(self, width: int) -> Strip:
        titles = heading(self.COLUMNS, self._plan, self.sort_column, self.sort_reverse)
        return Strip(segments([(fit(titles, width), "heading")], self.cell_styles()), width)

    # --- the mouse (never needed) ----------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        if self.header and event.y == 0:
            self._sort_at(event.x)
            return
        index = event.y - self.header + int(self.scroll_offset.y)
        if 0 <= index < len(self._rows):
            self.move_cursor(index)
            if event.chain == 2 and self._cursor_key is not None:
                self.post_message(self.Activated(self, self._cursor_key))

    def _sort_at(self, x: int) -> None:
        left = 0
        for index, width in self._plan:
            if left <= x < left + width:
                self.sort_by(index, not (self.sort_column == index and self.sort_reverse))
                return
            left += width + 1

    def row_text(self, key: str) -> str:
        """A row as tab-separated text, for copying."""
        return next(
            ("\t".join(text.strip() for text, _ in row.cells) for row in self._rows if row.key == key), ""
        )
