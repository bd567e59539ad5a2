"""A short list to choose one thing from, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from widgets.cell_styles import CellStyles
from widgets.cells import CURSOR, on_cursor
from widgets.lines import line_strip


class Choice(NamedTuple):
    id: str
    label: str
    detail: str = ""
    style: str = "bold"


class Choices(CellStyles, can_focus=True, inherit_bindings=False):
    """The first choice is the safe one: the cursor starts there. Posts ``Chosen`` once and never again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,shift+tab", "step(-1)", show=False),
        Binding("down,tab", "step(1)", show=False),
        Binding("k", "step(-1)", show=False, id="up"),
        Binding("j", "step(1)", show=False, id="down"),
        Binding("enter", "choose", show=False),
    ]
    DEFAULT_CSS = "Choices { height: auto; background: $surface; }"

    class Chosen(Message):
        def __init__(self, choices: Choices, id: str) -> None:
            super().__init__()
            self.choices = choices
            self.id = id

        @property
        def control(self) -> Choices:
            return self.choices

    def __init__(self, choices: Sequence[Choice], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.choices = tuple(choices)
        self.index = 0
        self._done = False

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.choices)

    def describe(self, id: str, detail: str) -> None:
        """Another detail beside a choice."""
        choices = tuple(c._replace(detail=detail) if c.id == id else c for c in self.choices)
        if choices != self.choices:
            self.choices = choices
            self.refresh()

    @property
    def is_done(self) -> bool:
        """One was chosen, and is told in a moment."""
        return self._done

    def again(self) -> None:
        """The choice was not taken: ask for another one."""
        self._done = False

    def action_step(self, step: int) -> None:
        self.index = (self.index + step) % len(self.choices)
        self.refresh()

    def action_choose(self) -> None:
        # One shot: a second Enter that was already on its way must not choose again.
        if not self._done:
            self._done = True
            self.post_message(self.Chosen(self, self.choices[self.index].id))

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self.choices):
            self.index = event.y
            self.action_choose()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self.choices):
            return Strip.blank(width)
        choice, here = self.choices[y], y == self.index
        gap = max(len(c.label) for c in self.choices) + 2
        cells = (
            (" ▶ " if here else "   ", "key"),
            (choice.label.ljust(gap), choice.style),
            (choice.detail, "text" if here else "muted"),
        )
        strip = line_strip(cells, width, self.cell_styles())
        if not here:
            return strip
        styles = self.cell_styles()
        return Strip(on_cursor(strip, styles[CURSOR], styles["text"]), width)
