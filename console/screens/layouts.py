"""Layouts: the arrangements of the desk that a person keeps; taken up, saved, deleted, begun with."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from console.memory import ConsoleMemory, Layout, RememberError
from console.screens.modal import Modal
from console.screens.moving import STEPS
from engine.text import clean
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.lines import Lines
from widgets.rows import GridRow
from widgets.value_input import ValueInput

LONGEST_NAME = 24
MOST_LAYOUTS = 40


class LayoutsGrid(Grid):
    COLUMNS = (
        Column("begin", "", 1, 0),
        Column("name", "layout", 12, 0, grow=12),
        Column("what", "what it shows", 20, 0, grow=FILL),
    )
    EMPTY = "none is kept yet"


class LayoutsScreen(Modal[Layout]):
    """Dismisses with the layout to take up, None for none. ``capture``: the desk as it stands now; ``words``:
    a layout for a person."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", show=False),
        Binding("s", "name", show=False, id="layouts_save"),
        Binding("d", "delete", show=False, id="layouts_delete"),
        Binding("delete", "delete", show=False),
        Binding("b", "begin", show=False, id="layouts_begin"),
        Binding("q", "close", show=False, id="dialog_close"),
        Binding("v", "close", show=False, id="layouts"),
        *STEPS,
    ]
    DEFAULT_CSS = """
    LayoutsScreen {
        & > .dialog { width: 76; max-width: 100%; height: 18; max-height: 100%; }
        & LayoutsGrid { height: 1fr; }
        & Horizontal { height: 1; display: none; }
        & Horizontal.-open { display: block; }
        & #said { height: 1; }
        & #asked { width: 7; height: 1; }
        & Input { width: 1fr; background: $cursor; }
    }
    """

    def __init__(
        self, memory: ConsoleMemory, capture: Callable[[], Layout], words: Callable[[Layout], str]
    ) -> None:
        super().__init__()
        self._memory, self._capture, self._words = memory, capture, words
        self.grid = LayoutsGrid(id="layouts")
        self._said = Lines(id="said")
        self._asked = Lines([(("name: ", "muted"),)], id="asked")
        self._said.can_focus = self._asked.can_focus = False
        self._input = ValueInput(id="name")
        self._input.max_length = LONGEST_NAME
        self._prompt = Horizontal(self._asked, self._input)

    def compose(self) -> ComposeResult:
        with self.dialog as dialog:
            dialog.border_title = "Layouts"
            dialog.border_subtitle = self.hints(
                "enter loads",
                "{layouts_save} saves",
                "{layouts_delete} deletes",
                "{layouts_begin} begins with",
                "esc",
            )
            yield self.grid
            yield self._prompt
            yield self._said

    def on_mount(self) -> None:
        self.grid.empty = self.words("none is kept yet: {layouts_save} saves the desk as it stands")
        self.set_focus(self.grid)
        self._fill()

    def _fill(self) -> None:
        kept = self._memory.memory
        self.grid.set_rows(
            [
                GridRow(
                    name,
                    (
                        ("▸" if name == kept.layout else "", "accent"),
                        (name, "bold"),
                        (self._words(layout), "text"),
                    ),
                )
                for name, layout in sorted(kept.layouts.items())
            ]
        )

    def _say(self, text: str, style: str = "good") -> None:
        self._said.set_lines([((text, style),)])

    def _keep(self, done: str) -> None:
        """What was changed holds for this run, whether or not it can be written."""
        self._fill()
        try:
            self._memory.save()
        except RememberError as error:
            self._say(f"kept until you leave only: {error}", "bad")
        else:
            self._say(done)

    # --- keys ------------------------------------------------------------------------------------

    def action_move(self, lines: int) -> None:
        self.grid.move_by(lines)

    def action_take(self) -> None:
        layout = self._memory.memory.layouts.get(self.grid.cursor_key or "")
        if layout is not None:
            self.dismiss(layout)

    def action_name(self) -> None:
        """Ask under which name the desk as it stands is kept; the selected one offers its own."""
        self._prompt.add_class("-open")
        self._input.edit(self.grid.cursor_key or "", numeric=False)
        self._say("enter saves the desk as it stands · esc does not", "muted")

    def action_delete(self) -> None:
        kept, name = self._memory.memory, self.grid.cursor_key or ""
        if kept.layouts.pop(name, None) is not None:
            if kept.layout == name:
                kept.layout = ""
            self._keep(f"{name} is deleted")

    def action_begin(self) -> None:
        """Begin with the selected one from now on, or with none again."""
        kept, name = self._memory.memory, self.grid.cursor_key or ""
        if name in kept.layouts:
            kept.layout = "" if kept.layout == name else name
            self._keep(f"the console begins with {name}" if kept.layout else "the console begins as it comes")

    def action_close(self) -> None:
        if self._prompt.has_class("-open"):
            self._end_naming()
            self._say("")
        else:
            self.dismiss(None)

    def _end_naming(self) -> None:
        self._prompt.remove_class("-open")
        self.set_focus(self.grid)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        kept, name = self._memory.memory, clean(event.value, LONGEST_NAME).strip()
        if not name:
            self._say("a layout needs a name", "bad")
        elif name not in kept.layouts and len(kept.layouts) >= MOST_LAYOUTS:
            self._say(f"{MOST_LAYOUTS} layouts are kept: delete one first", "bad")
        else:
            kept.layouts[name] = self._capture()
            self._end_naming()
            self._keep(f"{name} is saved")
