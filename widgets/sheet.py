"""Lines laid out anew for the size of their place, with the keys of a table."""

from __future__ import annotations

from widgets.lines import Line, Lines


class Sheet(Lines):
    """Subclasses say what stands in ``width`` × ``height`` cells; what is longer scrolls."""

    cursor_key: None = None
    sort_mode = ""
    faded = False
    """Draw everything as stale (the link is away)."""

    def content(self, width: int, height: int) -> list[Line]:
        raise NotImplementedError

    def draw(self) -> int:
        """Draw what changed. Returns the number of lines that are shown."""
        width, height = self.size.width - 1, self.size.height
        if not self.display or width <= 0 or height <= 0:
            return 0
        lines = self.content(width, height)
        if lines == self.lines:
            return 0
        self.set_lines(lines)
        return min(len(lines), height)

    def on_resize(self) -> None:
        self.draw()

    def next_sort(self) -> None:
        """Its order is what it is."""

    def row_text(self, key: str) -> str:
        return ""

    def text(self) -> str:
        """All of it, for copying."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines)
