"""The row of tabs that stands for the panes when only one fits."""

from __future__ import annotations

from textual import events
from textual.message import Message

from widgets.cells import Cell
from widgets.lines import FixedLines, Line

SHORT = {"Opportunities": "Opps", "Positions": "Pos", "Strategies": "Strat"}
"""Where the whole names do not fit."""


class PaneTabs(FixedLines):
    """The open tab is marked, and stands out."""

    class Picked(Message):
        """A tab was clicked; ``number`` from 1."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, titles: tuple[str, ...], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._titles = titles
        self._active = 1
        self._counts: tuple[int, ...] = (0,) * len(titles)

    def show(self, active: int, counts: tuple[int, ...]) -> int:
        """``active`` from 1; ``counts``: how many rows wait behind each tab, 0 is not shown."""
        self._active, self._counts = active, counts
        return self.update_lines()

    def activate(self, active: int) -> int:
        """Another tab; the counts stay."""
        return self.show(active, self._counts)

    def _labels(self, width: int) -> list[str]:
        """Whole names, else short ones, else without the counts."""
        short = tuple(SHORT.get(title, title) for title in self._titles)
        none = (0,) * len(short)
        for titles, counts in ((self._titles, self._counts), (short, self._counts), (short, none)):
            labels = [
                f"{'▸' if n == self._active else ' '}{n} {title}{f' {count}' if count else ''}"
                for n, (title, count) in enumerate(zip(titles, counts, strict=True), 1)
            ]
            for padding in (" ", ""):
                if sum(map(len, labels)) + len(labels) * len(padding) <= width:
                    return [label + padding for label in labels]
        return labels

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        cells: list[Cell] = []
        for n, label in enumerate(self._labels(width), 1):
            cells.append((label, "badge" if n == self._active else "heading"))
        return (tuple(cells),)

    def on_click(self, event: events.Click) -> None:
        left = 0
        for n, label in enumerate(self._labels(self.size.width), 1):
            left += len(label)
            if event.x < left:
                self.post_message(self.Picked(n))
                return
