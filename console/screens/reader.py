"""A dialog to read in: lines that scroll by key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from console.export_files import Export
from console.screens.modal import Modal
from console.screens.moving import PAGES, STEPS, TAKEN
from engine.text import clean
from widgets.lines import Line, Lines, faded


class Reader(Modal[None], inherit_bindings=True):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "close", show=False),
        Binding("q", "close", show=False, id="dialog_close"),
        *STEPS,
        Binding("space", "page(1)", show=False),
        *PAGES,
        *TAKEN,
    ]
    DEFAULT_CSS = """
    Reader > .dialog {
        width: 94%; max-width: 124; min-width: 60;
        height: 92%; max-height: 50; min-height: 16;
    }
    """

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self._title = title
        self._lines = Lines(lines, id="reader-lines")
        self._filled: list[Line] = []
        """What the engine last said."""

    def compose(self) -> ComposeResult:
        with self.dialog as dialog:
            dialog.border_title = Content(clean(self._title, 80))
            dialog.border_subtitle = self.hints("{down} {up} scroll", "esc close")
            yield self._lines

    def on_mount(self) -> None:
        self.set_focus(self._lines)

    def begin(self, title: str, lines: Sequence[Line]) -> None:
        """Be read about something else, before it is opened."""
        self._title = title
        self.search_changed()
        self.show(lines)

    @property
    def lines_width(self) -> int:
        """Cells that a line has before it wraps."""
        return self._lines.size.width - 1

    def show(self, lines: Sequence[Line]) -> None:
        self._filled = list(lines)
        self._lines.set_lines(lines)

    def fail(self, error: str) -> None:
        """Say why nothing newer comes; what was known before stays, as the past."""
        self._lines.set_lines([((error, "bad"),), *(faded(line) for line in self._filled)])

    def searched(self) -> Lines:
        return self._lines

    def search_changed(self) -> None:
        lines = self._lines
        sought = f" · /{lines.sought} {lines.found}" if lines.sought else ""
        self.dialog.border_title = Content(clean(f"{self._title}{sought}", 110))

    def copied(self) -> tuple[str, str]:
        return "text", "\n".join("".join(text for text, _ in line).rstrip() for line in self._lines.lines)

    def exports(self) -> Sequence[Export]:
        return [Export(self._title, ".txt", f"{self.copied()[1]}\n")]

    def action_move(self, lines: int) -> None:
        self._lines.move_by(lines)

    def action_page(self, pages: int) -> None:
        self._lines.move_page(pages)

    def action_home(self) -> None:
        self._lines.move_home()

    def action_end(self) -> None:
        self._lines.move_end()
