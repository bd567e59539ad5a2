"""One line to type a value in."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.widgets import Input


class ValueInput(Input):
    """``numeric``: capitals are no part of what is typed, so that ``H`` halts here too."""

    numeric = False
    submitted: Callable[[str], object] | None = None
    """Takes what is entered before the next key is looked at; None: a message tells it, behind the keys that
    have come by then."""

    def __init__(self, *, id: str | None = None) -> None:
        # Selected by ``edit``, at once: on the focus event it would be after the first keys.
        # Judged by who asked for it: Textual would style it anew for having no fault.
        super().__init__(id=id, compact=True, select_on_focus=False, validate_on=())
        self.cursor_blink = False

    def edit(self, text: str, *, numeric: bool, adds: bool = False) -> None:
        """Offer ``text`` to be changed, or to be replaced by what is typed; ``adds``: what is typed is one
        word more."""
        self.numeric = numeric
        if adds:
            self.value = f"{text} " if text else ""
            self.action_end()
        else:
            self.value = text
            self.action_select_all()
        self.screen.set_focus(self, scroll_visible=False)

    async def action_submit(self) -> None:
        if self.submitted is None:
            await super().action_submit()
        else:
            self.submitted(self.value)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Is ``key`` typed here? Else its binding holds."""
        return super().check_consume_key(key, character) and not (self.numeric and key == "H")

    def take(self, event: events.Key) -> bool:
        """Type a printable key. False for a key that is none, or not typed here."""
        character = event.character
        if character is None or not self.check_consume_key(event.key, character):
            return False
        self.replace(character, *self.selection)
        return True
