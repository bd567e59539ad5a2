"""Lines across the whole screen for what must not be missed; gone when there is nothing to say."""

from __future__ import annotations

from widgets.cells import width_of
from widgets.lines import FixedLines, Line, wrap_line

MOST_LINES = 4


class Banner(FixedLines):
    DEFAULT_CSS = "Banner { display: none; height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text, self._style = "", "badge-bad"

    @property
    def text(self) -> str:
        return self._text

    def show(self, text: str, style: str = "badge-bad") -> None:
        """``text`` "" hides it."""
        if (text, style) == (self._text, self._style):
            return
        self._text, self._style = text, style
        self.display = bool(text)
        self.update_lines()
        if len(self._drawn) != self.size.height:
            self.refresh(layout=True)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.layout_lines(width, 0))

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        lines = wrap_line(((f" {self._text}", self._style),), max(width - 1, 1), indent=1)
        return tuple(
            (*line, (" " * max(0, width - width_of(line)), self._style)) for line in lines[:MOST_LINES]
        )
