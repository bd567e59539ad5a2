"""A form: a few values beside each other, chosen with the arrows or typed as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from engine.plain_number import is_plain
from engine.text import clean
from widgets.cell_styles import CellStyles
from widgets.cells import CURSOR, Cell, fit, on_cursor
from widgets.lines import line_strip

_LABEL = 10
_LONGEST = 24
"""Characters of a number."""
_LONGEST_TEXT = 400


class FormField(NamedTuple):
    key: str
    label: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    """(value, as it is read); none: a number is typed."""
    hint: str = ""
    """What stands where nothing is typed."""
    column: int = 0
    """0 left, 1 right."""
    text: bool = False
    """Anything printable is typed: no letter moves, and ``H`` does not halt, while the cursor is here."""

    @property
    def shown(self) -> str:
        return dict(self.choices).get(self.value, self.value)


class FormOwner(Protocol):
    """Is told before the next key is looked at: messages of keys that come faster would be answered with
    what they have gone beyond."""

    def form_changed(self, key: str, value: str) -> None: ...

    def form_submitted(self) -> None: ...

    def form_refused(self, text: str) -> None:
        """Why something that was pasted is not taken, one line."""


class Form(CellStyles, can_focus=True, inherit_bindings=False):
    """Fields in two columns; the left one first, then the right one, round and round.

    Letters are no part of a number: ``j`` and ``k`` move, ``H`` halts.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,shift+tab", "step(-1)", show=False),
        Binding("down,tab", "step(1)", show=False),
        Binding("left", "choose(-1)", show=False),
        Binding("right,space", "choose(1)", show=False),
        Binding("k", "step(-1)", show=False, id="up"),
        Binding("j", "step(1)", show=False, id="down"),
        Binding("h", "choose(-1)", show=False, id="left"),
        Binding("l", "choose(1)", show=False, id="right"),
        Binding("backspace", "rub_out", show=False),
        Binding("delete,ctrl+u", "clear", show=False),
        Binding("enter", "submit", show=False),
    ]
    DEFAULT_CSS = "Form { height: auto; background: $surface; }"

    def __init__(self, owner: FormOwner, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._owner = owner
        self.fields: tuple[FormField, ...] = ()
        self.cursor = ""
        """The key of the field that is typed in."""
        self._begun = False
        """Something was typed since the cursor came: before, the first digit replaces what is there."""

    def watch_has_focus(self, has_focus: bool) -> None:
        """No style depends on it."""

    def show(self, fields: Sequence[FormField]) -> None:
        """Show ``fields``; the cursor stays on its field while there is one of its key."""
        ordered = tuple(sorted(fields, key=lambda field: field.column))
        if ordered == self.fields:
            return
        rows = self._rows()
        self.fields = ordered
        if self.cursor not in {field.key for field in ordered} and ordered:
            self.cursor, self._begun = ordered[0].key, False
        self.refresh(layout=rows != self._rows())

    def move_to(self, key: str) -> None:
        self.cursor, self._begun = key, False
        self.refresh()

    @property
    def field(self) -> FormField | None:
        """The one under the cursor."""
        return next((field for field in self.fields if field.key == self.cursor), None)

    # --- keys ------------------------------------------------------------------------------------

    def take(self, event: events.Key) -> bool:
        """Type a digit, a point or a minus; anything printable where text is. False for every other key."""
        field, character = self.field, event.character or ""
        if field is None or field.choices or len(character) != 1 or not _typed(field, character):
            return False
        before = field.value if self._begun or field.text else ""
        if len(before) < (_LONGEST_TEXT if field.text else _LONGEST):
            self._set(field, before + character)
        self._begun = True
        return True

    def on_key(self, event: events.Key) -> None:
        if self.take(event):
            event.stop()

    def on_paste(self, event: events.Paste) -> None:
        """A number as a whole or not at all, a text on one line; nothing in it is a key."""
        event.stop()
        field, text = self.field, clean(event.text, _LONGEST_TEXT + 1).strip()
        if field is None or field.choices or not text:
            return
        before = field.value if self._begun or field.text else ""
        plain = is_plain(before + text) and all(_typed(field, character) for character in text)
        if not field.text and not plain:
            self._owner.form_refused(f"not pasted: {clean(text, 20)!r} is no plain number, as 1234.5 is")
        elif len(before + text) > (_LONGEST_TEXT if field.text else _LONGEST):
            self._owner.form_refused("not pasted: it is too long")
        else:
            self._set(field, before + text)
            self._begun = True

    def action_step(self, step: int) -> None:
        keys = [field.key for field in self.fields]
        if keys:
            self.move_to(keys[(keys.index(self.cursor) + step) % len(keys)])

    def action_choose(self, step: int) -> None:
        field = self.field
        if field is not None and field.choices:
            values = [value for value, _ in field.choices]
            at = values.index(field.value) if field.value in values else 0
            self._set(field, values[(at + step) % len(values)])

    def action_rub_out(self) -> None:
        field = self.field
        if field is not None and not field.choices:
            self._begun = True
            self._set(field, field.value[:-1])

    def action_clear(self) -> None:
        field = self.field
        if field is not None and not field.choices:
            self._set(field, "")

    def action_submit(self) -> None:
        self._owner.form_submitted()

    def _set(self, field: FormField, value: str) -> None:
        if value == field.value:
            return
        self.fields = tuple(f._replace(value=value) if f.key == field.key else f for f in self.fields)
        self.refresh()
        self._owner.form_changed(field.key, value)

    def on_click(self, event: events.Click) -> None:
        column = 1 if event.x >= self.size.width // 2 else 0
        fields = [field for field in self.fields if field.column == column]
        if event.y < len(fields):
            self.move_to(fields[event.y].key)

    # --- drawing ---------------------------------------------------------------------------------

    def _rows(self) -> int:
        right = sum(field.column for field in self.fields)
        return max(right, len(self.fields) - right)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return self._rows()

    def render_line(self, y: int) -> Strip:
        left = self.size.width // 2
        strips = []
        for column, width in ((0, left), (1, self.size.width - left)):
            fields = [field for field in self.fields if field.column == column]
            strips.append(self._field_strip(fields[y] if y < len(fields) else None, width))
        return Strip.join(strips)

    def _field_strip(self, field: FormField | None, width: int) -> Strip:
        if field is None:
            return line_strip((), width, self.cell_styles())
        here = field.key == self.cursor
        cells: list[Cell] = [("▸" if here else " ", "key"), (fit(field.label, _LABEL), "muted")]
        room = max(width - _LABEL - 4, 1)
        if field.choices:
            # A change of direction is read off words and arrows, not off colours.
            chosen = fit(field.shown, min(cell_len(field.shown), room))
            cells += [("‹", "muted"), (chosen, "bold"), ("›", "muted")]
        else:
            mark = "_" if here else ""
            if field.value or here:
                shown = _tail(field.value, room)
                cells += [("[", "muted"), (shown, "bold"), (mark, "key"), ("]", "muted")]
            if not field.value and field.hint:
                cells.append((f" {field.hint}" if here else field.hint, "stale"))
        strip = line_strip(cells, width, self.cell_styles())
        if not here:
            return strip
        styles = self.cell_styles()
        return Strip(on_cursor(strip, styles[CURSOR], styles["text"]), width)


def _typed(field: FormField, character: str) -> bool:
    return character.isprintable() if field.text else character in "0123456789.-"


def _tail(value: str, room: int) -> str:
    """The end of what was typed, in fewer than ``room`` cells."""
    if cell_len(value) < room:
        return value
    while value and cell_len(value) > room - 2:
        value = value[1:]
    return "…" + value
