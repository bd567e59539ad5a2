"""A dialog that opens or closes draws the place where it stands, and nothing else.

Textual draws the whole screen for either: a dialog might shade what is below. Ours do not, so that what the
terminal shows around them stays.
"""

from __future__ import annotations

from typing import Any

from textual.await_complete import AwaitComplete
from textual.screen import Screen

from console.driver import PatientApp
from console.screens.calm import CalmScreen


class CoveringApp(PatientApp):
    """An app that knows which part of the screen below a dialog covered."""

    def push_screen(self, screen: Screen[Any] | str, *arguments: Any, **options: Any) -> Any:
        top = self.screen if self._screen_stack else None
        if not isinstance(top, CalmScreen) or not isinstance(screen, CalmScreen) or not screen.LIES_OVER:
            return super().push_screen(screen, *arguments, **options)
        with top.staying_as_it_is():
            return super().push_screen(screen, *arguments, **options)

    def pop_screen(self) -> AwaitComplete:
        top, below = self.screen, self.screen_stack[-2] if len(self.screen_stack) > 1 else None
        if not isinstance(top, CalmScreen) or not isinstance(below, CalmScreen):
            return super().pop_screen()
        left = top.left_behind(self.shown) if self.shown in (top, below) else None
        popped = super().pop_screen()
        below.uncovered = left
        if left is not None:
            self.shown = below
        return popped
