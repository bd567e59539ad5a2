"""The desk's arrangement as it can be kept: the active pane, the open tabs, what is sorted and hidden."""

from __future__ import annotations

from console.keymap import PANES
from console.memory import Layout
from console.screens.desk import DeskScreen
from widgets.market.pane import MarketPane
from widgets.tabbed import TabbedPane


def captured(desk: DeskScreen) -> Layout:
    """How the desk stands now."""
    tabs = {
        number: pane.tab
        for number, pane in enumerate(desk.panes, 1)
        if isinstance(pane, (TabbedPane, MarketPane))
    }
    sorts = {
        grid.id: (grid.sort_column, grid.sort_reverse)
        for grid in desk.grids
        if grid.id is not None and grid.sort_column is not None
    }
    return Layout(desk.active, desk.zoomed, tabs, sorts, sorted(desk.hidden))


def take_up(desk: DeskScreen, layout: Layout) -> None:
    """Arrange the desk as ``layout`` says. What it names and the desk does not have is left out: the file may
    be of another version, or changed by hand."""
    numbers = range(1, len(PANES) + 1)
    for number, pane in enumerate(desk.panes, 1):
        if isinstance(pane, (TabbedPane, MarketPane)):
            tab = layout.tabs.get(number, 0)
            pane.go_to(tab if 0 <= tab < len(pane.names) else 0)
    for grid in desk.grids:
        column, reverse = layout.sorts.get(grid.id or "", (None, False))
        known = column is not None and 0 <= column < len(grid.COLUMNS)
        if grid.sort_column is not None or known:
            grid.sort_by(column if known else None, reverse)
    hidden = frozenset(layout.hidden) & frozenset(numbers)
    desk.hidden = hidden if len(hidden) < len(PANES) else frozenset()
    desk.zoomed = layout.zoomed
    desk.go_to(layout.pane if layout.pane in numbers else 1)


def words(layout: Layout) -> str:
    """A layout for a person, in a few words."""
    pane = PANES[layout.pane - 1] if 1 <= layout.pane <= len(PANES) else "?"
    said = [f"{pane}{' zoomed' if layout.zoomed else ''}"]
    hidden = [PANES[number - 1] for number in layout.hidden if 1 <= number <= len(PANES)]
    if hidden:
        said.append(f"without {', '.join(hidden)}")
    if layout.sorts:
        said.append(f"{len(layout.sorts)} sorted")
    if layout.watchlist:
        said.append(f"watchlist {layout.watchlist}")
    return " · ".join(said)
