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

    _kept: Screen[Any] | None = None
    """The screen of which a dialog that goes has left most to be seen."""

    def push_screen(self, screen: Screen[Any] | str, *arguments: Any, **options: Any) -> Any:
        top = self.screen if self._screen_stack else None
        if not isinstance(top, CalmScreen) or not isinstance(screen, CalmScreen) or not screen.LIES_OVER:
            return super().push_screen(screen, *arguments, **options)
        top.stays = True
        try:
            return super().push_screen(screen, *arguments, **options)
        finally:
            top.stays = False

    def pop_screen(self) -> AwaitComplete:
        top, below = self.screen, self.screen_stack[-2] if len(self.screen_stack) > 1 else None
        if not isinstance(top, CalmScreen) or not isinstance(below, CalmScreen):
            return super().pop_screen()
        left = top.left_behind(self.shown) if self.shown in (top, below) else None
        popped = super().pop_screen()
        below.uncovered = left
        if left is not None:
            self.shown = self._kept = below
        return popped

    async def _replace_screen(self, screen: Screen[Any]) -> Screen[Any]:
        # The first thing it does is to draw all of what is on top now.
        top, kept, self._kept = self.screen if self._screen_stack else None, self._kept, None
        if isinstance(top, CalmScreen) and top is kept:
            top.stays = True
        return await super()._replace_screen(screen)
