"""Searching and filtering: what every screen with tables or lines shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual.widget import Widget
from textual.widgets import Input

from console.keymap import keys_of
from console.screens.calm import CalmScreen
from engine.text import clean
from widgets.row_filter import LONGEST
from widgets.search_line import Searchable, SearchLine

if TYPE_CHECKING:
    from console.commanding import CommandingApp

Result = TypeVar("Result")


class SearchingScreen(CalmScreen[Result]):
    """``/`` opens the line; Enter keeps what it says, Esc clears it; ``n`` and ``N`` walk on."""

    _search: SearchLine | None = None
    _last_sought = ""

    # --- what a subclass gives -------------------------------------------------------------------

    def searched(self) -> Searchable | None:
        """The table or the lines that the keys work on; None: there is none."""
        return None

    async def mount_search(self, line: SearchLine) -> None:
        """Put the line at the foot of what is searched."""
        raise NotImplementedError

    def search_changed(self) -> None:
        """Something else is looked for, or nothing any more: say so in a title."""

    # --- the line --------------------------------------------------------------------------------

    async def action_search(self) -> None:
        target = self.searched()
        if target is None:
            self.app_says("there is nothing to search in here")
            return
        if self._search is not None:
            return
        hint = keys_of(self.app).words(" · {halt_anywhere} HALT")
        self._search = SearchLine(target, self._keep_search, self.end_search, hint)
        await self.mount_search(self._search)
        if self._search.is_attached:
            self._search.begin()
        else:  # the screen ends
            self._search = None

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._search is not None and event.input is self._search.input:
            event.stop()
            self._look_for(self._search.target, event.value)
            self._search.tell()

    def _keep_search(self, text: str) -> None:
        if self._search is not None:
            self._look_for(self._search.target, text)
            self.close_search()

    def close_search(self) -> None:
        """The line goes, what it says stays."""
        line, self._search = self._search, None
        if line is not None:
            if isinstance(line.target, Widget):
                self.set_focus(line.target)
            line.remove()
            self.search_changed()

    def end_search(self) -> bool:
        """Look for nothing any more. False: nothing was looked for."""
        line, target = self._search, self.searched()
        if line is not None:
            target = line.target
        elif target is None or not target.sought:
            return False
        self._look_for(target, "")
        self.close_search()
        return True

    def filter_to(self, text: str) -> None:
        """Look for ``text`` as if it were typed and kept."""
        target = self.searched()
        if target is not None:
            self._look_for(target, clean(text, LONGEST))

    def _look_for(self, target: Searchable, text: str) -> None:
        if text:
            self._last_sought = text
        if text.strip() != target.sought:
            target.look_for(text)
            self.search_changed()

    def action_match(self, step: int) -> None:
        """The next row or line that is looked for, or was last."""
        target = self.searched()
        if target is None:
            self.app_says("there is nothing to search in here")
            return
        if not target.find(step):
            sought = target.sought or self._last_sought
            first = keys_of(self.app).words("look for something first: {search}")
            self.app_says(f"nothing here matches {sought}" if sought else first)
        self.search_changed()

    def app_says(self, text: str) -> None:
        cast("CommandingApp", self.app).say(text)
