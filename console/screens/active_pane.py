"""What the keys do with the active pane: walk, sort, turn over, search, copy and export it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget

from console.export_files import Export
from console.keymap import PANES
from console.screens.desk_panes import Part, left_out, part_of, title_of
from console.screens.searching import SearchingScreen
from console.table_csv import grid_csv
from widgets.grid import Grid
from widgets.logs import LogsPane
from widgets.market.pane import MarketPane
from widgets.search_line import SearchLine
from widgets.sheet import Sheet
from widgets.tabbed import TabbedPane
from widgets.titles import entitle


class ActivePaneScreen(SearchingScreen[None]):
    panes: Sequence[Widget]
    """By number, from 1."""

    # --- what a subclass gives -------------------------------------------------------------------

    @property
    def active(self) -> int:
        """The number of the pane that the keys work on."""
        raise NotImplementedError

    def paint(self, *, force: bool = False) -> int:
        """Draw what changed, all of it with ``force``. Returns the number of lines that changed."""
        raise NotImplementedError

    def paint_pane(self, pane: Widget) -> None:
        """Draw what another part of it shows."""
        raise NotImplementedError

    # --- the pane and its title ------------------------------------------------------------------

    @property
    def pane(self) -> Widget:
        return self.panes[self.active - 1]

    @property
    def grid(self) -> Part:
        """What the keys of the active pane work on."""
        return part_of(self.pane)

    def entitle(self, number: int) -> None:
        """Name a pane by number, name or tabs, how it is sorted, and what is left out of it."""
        pane = self.panes[number - 1]
        if isinstance(pane, MarketPane):
            return  # its title tells the market, and is its own matter
        entitle(pane, title_of(pane, number))
        part = part_of(pane)
        if isinstance(part, Grid):
            part.set_foot("" if pane.styles.border_bottom[0] else " · ".join(left_out(part)))

    # --- walking ---------------------------------------------------------------------------------

    def action_move(self, lines: int) -> None:
        self.grid.move_by(lines)

    def action_page(self, pages: int) -> None:
        self.grid.move_page(pages)

    def action_home(self) -> None:
        self.grid.move_home()

    def action_end(self) -> None:
        self.grid.move_end()

    # --- sorting, and its parts ------------------------------------------------------------------

    def action_sort(self) -> None:
        self.grid.next_sort()
        self._say_anew()

    def sort_by(self, column: int | None, reverse: bool) -> None:
        """The active pane's table; None: as it comes."""
        if isinstance(self.grid, Grid):
            self.grid.sort_by(column, reverse)
        self._say_anew()

    def action_tab(self, step: int) -> None:
        """The next part of a pane that has several; of the log, the next least level."""
        pane = self.pane
        if isinstance(pane, LogsPane):
            pane.step_level(step)
            self._say_anew()
        elif isinstance(pane, (TabbedPane, MarketPane)):
            self.go_to_tab((pane.tab + step) % len(pane.names))

    def go_to_tab(self, tab: int) -> None:
        """A part of the active pane, from 0; of one that has several."""
        pane = self.pane
        assert isinstance(pane, (TabbedPane, MarketPane))
        pane.go_to(tab)
        self.set_focus(self.grid)
        self.entitle(self.active)
        self.paint_pane(pane)

    def _say_anew(self) -> None:
        self.entitle(self.active)
        self.paint(force=True)

    # --- searching -------------------------------------------------------------------------------

    def searched(self) -> Grid | Sheet | None:
        part = self.grid
        return part if isinstance(part, (Grid, Sheet)) else None

    async def mount_search(self, line: SearchLine) -> None:
        await self.mount(line)
        self.place_search()

    def search_changed(self) -> None:
        self._say_anew()

    def place_search(self) -> None:
        """On the last line of the pane: its border, where it has one."""
        line = self._search
        if line is None:
            return
        left, top, width, height = self.pane.region
        inset = 1 if width < self.size.width else 0
        line.styles.offset = (left + inset, top + height - 1)
        line.styles.width = width - 2 * inset

    # --- taking it away --------------------------------------------------------------------------

    def exports(self) -> Sequence[Export]:
        """What is shown, for a file."""
        pane, part = self.pane, self.grid
        name = pane.names[pane.tab] if isinstance(pane, (TabbedPane, MarketPane)) else PANES[self.active - 1]
        if isinstance(part, Grid):
            return [Export(name, ".csv", grid_csv(part.COLUMNS, part.rows))]
        return [Export(name, ".txt", part.text())]

    def copied(self) -> tuple[str, str]:
        """The selected row of a table, else all that is read."""
        part = self.grid
        if isinstance(part, Grid):
            return "row", part.row_text(part.cursor_key or "")
        return "text", part.text()
