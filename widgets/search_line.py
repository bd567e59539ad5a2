"""The line to type a filter or a search in, at the foot of what is searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from widgets.lines import FixedLines, Line
from widgets.value_input import ValueInput


class Searchable(Protocol):
    """A table or lines that something can be looked for in."""

    SEARCH_HINT: ClassVar[str]
    """What can be typed."""

    @property
    def sought(self) -> str:
        """What is looked for now; "" nothing."""

    @property
    def found(self) -> str:
        """How much of it there is, for a person: ``3 of 40``."""

    def look_for(self, text: str) -> None:
        """Show, or mark, what ``text`` says; "" everything."""

    def find(self, step: int) -> bool:
        """Go to the next (-1: the one before). False: there is none."""


class _Note(FixedLines):
    """A few words beside the line."""

    DEFAULT_CSS = "_Note { width: auto; height: 1; background: $cursor; }"

    def __init__(self, text: str, style: str) -> None:
        super().__init__()
        self._text, self._ink = text, style

    def show(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self.update_lines()
            self.refresh(layout=True)

    def get_content_width(self, container: object, viewport: object) -> int:
        return len(self._text)

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        return (((self._text, self._ink),),)


class SearchInput(ValueInput):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+c", "drop", show=False)]

    dropped: Callable[[], object]
    """What is typed is not wanted any more."""

    def action_drop(self) -> None:
        self.dropped()


class SearchLine(Horizontal):
    """Posts the ``Changed`` of its input."""

    DEFAULT_CSS = """
    SearchLine {
        height: 1; min-width: 20; background: $cursor;
        & Input { width: 1fr; background: $cursor; }
        & Input:focus { background: $cursor; background-tint: $cursor 0%; }
    }
    """

    def __init__(
        self, target: Searchable, keep: Callable[[str], object], drop: Callable[[], object], hint: str = ""
    ) -> None:
        """``keep`` and ``drop`` what is typed; ``hint``: said behind what can be typed."""
        super().__init__(classes="search-line")  # no id: the one before may be on its way out
        self.target = target
        self.input = SearchInput(id="search")
        self.input.submitted, self.input.dropped = keep, drop
        self.input.placeholder = f"{target.SEARCH_HINT} · enter keeps · esc clears{hint}"
        self._found = _Note("", "muted")

    def compose(self) -> ComposeResult:
        yield _Note("/", "key")
        yield self.input
        yield self._found

    def begin(self) -> None:
        """Offer what is looked for already, and type here."""
        self.input.edit(self.target.sought, numeric=False)
        self.tell()

    def tell(self) -> None:
        """How much is found, beside what is typed."""
        self._found.show(f" {self.target.found} " if self.target.sought else "")

    def on_input_changed(self, event: Input.Changed) -> None:
        self.tell()
