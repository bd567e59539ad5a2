"""A dialog to change values in: a table to choose one, a line to type it, a line for what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from console.export_files import Export
from console.screens.modal import Modal
from console.screens.moving import PAGES, STEPS, TAKEN
from console.screens.type_ahead import TypeAheadScreen
from console.table_csv import grid_csv
from engine.api.protocol import ParamValue, Reply
from engine.errors import LinkError
from engine.plain_number import is_plain, plain_number
from engine.text import clean
from widgets.grid import Grid
from widgets.lines import Line, Lines
from widgets.value_input import ValueInput

if TYPE_CHECKING:
    from console.commanding import CommandingApp

Value = ParamValue | tuple[str, ...]
REFRESH_S = 1.0
_AROUND = 15
"""Lines around the values: border, head, what is said."""
_WORDS = {
    "on": True,
    "yes": True,
    "true": True,
    "1": True,
    "off": False,
    "no": False,
    "false": False,
    "0": False,
}


_LONGEST, _LONGEST_LIST = 2_000, 50_000
"""Characters of a value; of a list with as many symbols as it may hold."""


class Field(NamedTuple):
    """How one value is typed."""

    kind: Literal["number", "integer", "flag", "text", "list"]
    text: str
    """The value now, as it would be typed."""
    label: str


def parse(kind: str, text: str) -> Value:
    """What was typed. Raises ValueError, one line that says what is taken."""
    text = text.strip()
    if kind == "list":
        return tuple(part for part in text.replace(",", " ").split() if part)
    if kind == "flag":
        if text.lower() not in _WORDS:
            raise ValueError(f"{text!r} is neither on nor off")
        return _WORDS[text.lower()]
    if kind == "integer":
        if not (is_plain(text) and text.lstrip("+-").isdecimal()):
            raise ValueError(f"{text!r} is no whole number")
        return int(text)
    if kind == "number":
        return plain_number(text)
    return text


class Editor(Modal[None], TypeAheadScreen[None], inherit_bindings=True):
    """Subclasses fill ``grid`` and ``fields`` in ``load`` and send in ``commit``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "close", show=False, id="dialog_close"),
        Binding("enter", "edit", show=False),
        Binding("space", "switch", show=False, id="toggle"),
        *STEPS,
        *PAGES,
        *TAKEN,
    ]
    DEFAULT_CSS = """
    Editor {
        & > .dialog {
            width: 94%; max-width: 124; min-width: 60;
            height: 92%; max-height: 36; min-height: 16;
        }
        & Lines { height: auto; }
        & #head { max-height: 6; }
        & #detail { height: 3; background: $status; }
        & #prompt { height: 1; display: none; }
        & #prompt-label { width: auto; max-width: 50%; }
        & #said { max-height: 3; min-height: 1; }
        & Input { width: 1fr; background: $cursor; }
        & Input:focus { background: $cursor; background-tint: $cursor 0%; }
    }
    """

    def __init__(self, title: str, grid: Grid) -> None:
        super().__init__()
        self._title = title
        self.grid = grid
        grid.say_empty("asking the engine…")
        self.fields: dict[str, Field] = {}
        self.editing = ""
        """The key of the value that is typed now."""
        self._sending = False
        self._head, self._detail, self._said = (Lines(id=name) for name in ("head", "detail", "said"))
        self._label = Lines(id="prompt-label")
        for lines in (self._head, self._detail, self._said, self._label):
            lines.can_focus = False
        self._input = ValueInput(id="value")
        self._input.submitted = self.submit
        self._prompt = Horizontal(self._label, self._input, id="prompt")

    def compose(self) -> ComposeResult:
        with self.dialog as dialog:
            dialog.border_title = Content(clean(self._title, 80))
            dialog.border_subtitle = self.hints("{down} {up}", "enter edits", "{toggle} on/off", "esc")
            yield self._head
            yield self.grid
            yield self._detail
            yield self._prompt
            yield self._said

    def on_mount(self) -> None:
        self.set_focus(self.grid)
        self.keep_asking(REFRESH_S, self._load)

    # --- what a subclass gives -------------------------------------------------------------------

    async def load(self) -> None:
        """Ask the engine and show what it says. Raises LinkError."""
        raise NotImplementedError

    async def why_not(self) -> str:
        """Why this console may send nothing from here; "": it may."""
        return await cast("CommandingApp", self.app).why_not(self._title)

    def commit(self, key: str, value: Value) -> Awaitable[Reply]:
        """Send one value. Raises LinkError when it is refused."""
        raise NotImplementedError

    def describe(self, key: str) -> Sequence[Line]:
        """Up to two lines about the value under the cursor."""
        raise NotImplementedError

    # --- what is seen ----------------------------------------------------------------------------

    def show_head(self, lines: Sequence[Line]) -> None:
        self._head.set_lines(lines)

    def show_detail(self) -> None:
        key = self.grid.cursor_key
        self._detail.set_lines(self.describe(key) if key in self.fields else ())

    def say(self, text: str, style: str) -> None:
        self._said.set_lines([((text, style),)])

    def refresh_values(self) -> None:
        """Now; what was asked before is not waited for any more."""
        # Not its coroutine: the next one may come before this one has begun.
        self.run_worker(self._load, group="fill", exclusive=True)  # type: ignore[arg-type]

    async def _load(self) -> None:
        try:
            await self.load()
        except LinkError as error:
            self._go_on(told=False)
            self.grid.say_empty(type(self.grid).EMPTY)
            self.say(str(error), "bad")
        else:
            self.grid.say_empty(type(self.grid).EMPTY)
            self.dialog.styles.max_height = min(len(self.fields) + _AROUND, 36)
            self.show_detail()
            self._go_on(told=True)

    def _go_on(self, *, told: bool) -> None:
        """The values were ``told``, or could not be: what waited for them has its turn, or never will. What
        was typed behind a value that is on its way waits for the answer to that."""
        if self._sending:
            return
        if told:
            self.act_on_keys()
        else:
            self.forget_keys()

    # --- keys ------------------------------------------------------------------------------------

    def action_move(self, lines: int) -> None:
        if not self.editing:
            self.grid.move_by(lines)
            self.show_detail()

    def action_page(self, pages: int) -> None:
        if not self.editing:
            self.grid.move_page(pages)
            self.show_detail()

    def action_home(self) -> None:
        self.grid.move_home()
        self.show_detail()

    def action_end(self) -> None:
        self.grid.move_end()
        self.show_detail()

    def action_switch(self) -> None:
        """A flag is switched without typing."""
        key = self.grid.cursor_key
        field = self.fields.get(key or "")
        if key is None or field is None:
            return
        if field.kind == "flag":
            self.send(key, not parse("flag", field.text))
        else:
            self.say(f"{self.key('toggle')} switches what is on or off; enter edits this".lstrip(), "muted")

    def action_edit(self) -> None:
        self.edit(self.grid.cursor_key or "")

    def edit(self, key: str) -> None:
        """Type the value of ``key``, where there is such a field."""
        field = self.fields.get(key)
        if field is None:
            return
        if field.kind == "flag":
            self.action_switch()
            return
        self.editing = key
        self._label.set_lines([((f"{field.label} = ", "key"),)])
        self._label.styles.width = min(len(field.label) + 4, 30)
        self._prompt.display = True
        is_list = field.kind == "list"
        text = clean(field.text, _LONGEST_LIST if is_list else _LONGEST)
        self._input.edit(text, numeric=field.kind in ("number", "integer"), adds=is_list)
        # Among letters H is one of them.
        halts = "" if self._input.numeric else f" · {self.key('halt_anywhere')} HALT"
        clears = " · ctrl+u clears" if is_list and text else ""
        self.say(f"enter sends it, esc leaves it as it was{clears}{halts}", "muted")

    def submit(self, text: str) -> None:
        """Send ``text`` as the value that is typed now."""
        key = self.editing
        if key not in self.fields:
            return
        try:
            value = parse(self.fields[key].kind, text)
        except ValueError as error:
            self.say(str(error), "bad")
            return
        self.send(key, value)

    def on_grid_activated(self, event: Grid.Activated) -> None:
        event.stop()
        self.action_edit()

    # --- searching, copying, exporting -----------------------------------------------------------

    def searched(self) -> Grid:
        return self.grid

    def search_changed(self) -> None:
        sought = f" · /{self.grid.sought} {self.grid.found}" if self.grid.sought else ""
        self.dialog.border_title = Content(clean(f"{self._title}{sought}", 110))
        self.show_detail()

    def copied(self) -> tuple[str, str]:
        return "row", self.grid.row_text(self.grid.cursor_key or "")

    def exports(self) -> Sequence[Export]:
        return [Export(self._title, ".csv", grid_csv(self.grid.COLUMNS, self.grid.rows))]

    def action_close(self) -> None:
        if self.editing:
            self.forget_keys()
            self.stop_editing()
            self.say("", "muted")
        else:
            super().action_close()

    def stop_editing(self) -> None:
        self.editing = ""
        self._prompt.display = False
        self.set_focus(self.grid)

    def send(self, key: str, value: Value) -> None:
        """Once: to press it again while one is on its way does nothing."""
        self.send_command(key, lambda: self.commit(key, value))

    def send_command(self, key: str, command: Callable[[], Awaitable[Reply]]) -> None:
        if not self._sending:
            self._sending = True
            if self.editing:
                self.keep_keys()  # meant for what comes after it, and for nothing where it is refused
            # The app's: closing the dialog must not cut off the answer.
            self.app.run_worker(self._send(key, command), group="commands")

    async def _send(self, key: str, command: Callable[[], Awaitable[Reply]]) -> None:
        try:
            why_not = await self.why_not()
            if why_not:
                self.forget_keys()
                self.say(why_not, "bad")
                return
            reply = await command()
        except LinkError as error:
            self.forget_keys()
            self._answer(str(error), ok=False)
            return
        finally:
            self._sending = False
        self._answer(reply.text, ok=reply.ok)
        if not reply.ok or not self.is_attached:
            self.forget_keys()
            return
        if self.editing == key:
            self.stop_editing()
        while self.typed_ahead and self.typed_ahead[0].key == "enter":
            del self.typed_ahead[0]  # pressed twice for the same value
        await self._load()

    def _answer(self, text: str, *, ok: bool) -> None:
        """Here, or on the desk once this is closed."""
        if self.is_attached:
            self.say(text, "good" if ok else "bad")
        else:
            cast("CommandingApp", self.app).say(text, "info" if ok else "error")


def shown(value: Any) -> str:
    """A value as it is typed and read."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value)
