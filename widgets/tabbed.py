"""A pane of several parts, one at a time; its tabs stand in the border, or in a line where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from widgets.cells import Cell
from widgets.frame_lines import FramedPane
from widgets.grid import Grid
from widgets.lines import FixedLines, Line
from widgets.sheet import Sheet

Part = Grid | Sheet
"""A table, or lines to read."""


class TabLine(FixedLines):
    """Which of the tabs is open and how many rows each holds, where no border has room to say it."""

    def __init__(self, names: Sequence[str], *, id: str | None = None, counted: bool = True) -> None:
        super().__init__(id=id)
        self._names, self._counted = names, counted
        self._active = 0
        self._counts: tuple[int, ...] = (0,) * len(names)

    def show(self, active: int, counts: tuple[int, ...]) -> int:
        self._active, self._counts = active, counts
        return self.update_lines()

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        cells: list[Cell] = []
        for number, (name, count) in enumerate(zip(self._names, self._counts, strict=True)):
            here = number == self._active
            shown = f"{name.lower()} {count}" if self._counted else name.lower()
            cells.append((f"{'▸' if here else ' '}{shown} ", "bold" if here else "muted"))
        cells.append((" [ ] switch", "stale"))
        return (tuple(cells),)


class TabbedPane(FramedPane):
    """``parts``: one per name of ``names``, the first one open."""

    DEFAULT_CSS = """
    TabbedPane {
        & TabLine { display: none; }
        &.-tabbed TabLine { display: block; }
        & Grid, & Sheet { height: 1fr; }
    }
    """

    def __init__(
        self,
        names: Sequence[str],
        parts: Sequence[Part],
        *,
        id: str | None = None,
        heading: str = "",
        counted: bool = True,
    ) -> None:
        """``counted``: the line of tabs tells how many rows each holds."""
        super().__init__(id=id)
        self.names, self.heading = tuple(names), heading
        self.tab = 0
        self.tabs = TabLine(self.names, counted=counted)
        self.parts: tuple[Part, ...] = tuple(parts)
        self.grids: tuple[Grid, ...] = tuple(part for part in parts if isinstance(part, Grid))
        """The tables among them."""
        self._show_open()

    @property
    def part(self) -> Part:
        """What the open tab shows."""
        return self.parts[self.tab]

    @property
    def grid(self) -> Grid:
        """The table of the open tab, in a pane of tables."""
        part = self.part
        assert isinstance(part, Grid)
        return part

    @property
    def title(self) -> str:
        """All tabs, the open one marked."""
        tabs = " ".join(
            f"{'▸' if number == self.tab else ''}{name}" for number, name in enumerate(self.names)
        )
        return f"{self.heading} {tabs}".lstrip()

    def go_to(self, tab: int) -> None:
        self.tab = tab
        self._show_open()

    def _show_open(self) -> None:
        """Display what the open tab shows."""
        for number, part in enumerate(self.parts):
            part.display = number == self.tab

    def make_tabbed(self, tabbed: bool) -> None:
        """The tabs in a line of their own, where no border shows them."""
        self.set_class(tabbed, "-tabbed")

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield from self.parts
