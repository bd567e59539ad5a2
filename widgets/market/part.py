"""What the parts of the market pane share: lines laid out to their place, scrolled by the keys of a table."""

from __future__ import annotations

from typing import ClassVar

from textual import events

from engine.text import clean
from widgets.cells import Cell, fit, printable, width_of
from widgets.lines import FixedLines, Line, faded
from widgets.market.detail import MarketDetail
from widgets.market.surroundings import NOWHERE, Surroundings


class MarketPart(FixedLines, can_focus=True, inherit_bindings=False):
    """Takes the keys that a table takes; ``scrolled`` counts away from the newest, or from the spread."""

    DEFAULT_CSS = """
    MarketPart { height: 1fr; width: 1fr; background: $surface; }
    """
    NAME: ClassVar[str] = ""
    cursor_key: None = None
    sort_mode = ""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.detail = MarketDetail()
        self.around: Surroundings = NOWHERE
        self.now_ns = 0
        self.faded = False
        """Draw everything as stale (the link is away)."""
        self.frozen = False
        """What is not known is not asked for."""
        self.scrolled = 0
        self._shown = ("", 0)

    def show(self, detail: MarketDetail, around: Surroundings, now_ns: int) -> int:
        """Draw what changed. Returns the number of lines."""
        if (detail.symbol, detail.interval_s) != self._shown:
            self._shown, self.scrolled = (detail.symbol, detail.interval_s), 0
        self.detail, self.around, self.now_ns = detail, around, now_ns
        return self.update_lines() if self.display and self.size.width else 0

    def content(self, width: int, height: int) -> list[Line]:
        """The lines of what is known; exactly ``height`` of exactly ``width`` cells."""
        raise NotImplementedError

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        wanted = self.around.symbol
        if not wanted:
            said = "no symbol is selected: 1, then j and k"
        elif self.detail.frame is None or self.detail.symbol != wanted:
            said = f"asking for {clean(wanted, 40)}…"
            if self.frozen:
                said = f"{clean(wanted, 40)} was not in sight before the freeze"
        elif not self.detail.frame.known:
            said = f"not known to the desk: {clean(wanted, 40)}"
        else:
            lines = tuple(self.content(width, height))
            return tuple(faded(line) for line in lines) if self.faded else lines
        return tuple(blank_lines([((fit(f" {said}", width), "muted"),)], width, height))

    # --- the keys of a table ---------------------------------------------------------------------

    def scroll_most(self) -> tuple[int, int]:
        """Least and most that ``scrolled`` may be."""
        raise NotImplementedError

    def page_lines(self) -> int:
        return max(1, self.size.height - 2)

    def move_by(self, lines: int) -> None:
        """Down (towards what is older, or the bids) by so many."""
        self.move_to(self.scrolled + lines)

    def move_to(self, scrolled: int) -> None:
        least, most = self.scroll_most()
        self.scrolled = min(max(scrolled, least), most)
        self.update_lines()

    def move_page(self, pages: int) -> None:
        self.move_by(pages * self.page_lines())

    def move_home(self) -> None:
        self.move_to(self.scroll_most()[0])

    def move_end(self) -> None:
        self.move_to(self.scroll_most()[1])

    def next_sort(self) -> None:
        """Their order is what they are."""

    def row_text(self, key: str) -> str:
        return ""

    def text(self) -> str:
        """What is shown, for copying."""
        lines = self.layout_lines(*self.size)
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move_by(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move_by(-3)


def exact(cells: list[Cell], width: int) -> Line:
    """``cells`` in exactly ``width``: filled with blanks, or cut with an ellipsis."""
    out: list[Cell] = []
    left = width
    for text, style in cells:
        if left <= 0:
            break
        text = printable(text)
        if (length := width_of([(text, style)])) > left:
            text, length = fit(text, left), left
        out.append((text, style))
        left -= length
    if left > 0:
        out.append((" " * left, "text"))
    return tuple(out)


def blank_lines(lines: list[Line], width: int, height: int) -> list[Line]:
    """``lines`` cut to ``height``, or filled up with blank ones."""
    blank: Line = ((" " * width, "text"),)
    return [*lines[:height], *([blank] * (height - len(lines)))]
