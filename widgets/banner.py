"""A line across the whole screen for what must not be missed; gone when there is nothing to say."""

from __future__ import annotations

from widgets.lines import FixedLines, Line


class Banner(FixedLines):
    DEFAULT_CSS = "Banner { display: none; }"

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

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        return (((f" {self._text} ".ljust(width), self._style),),)
