"""A dialog that opens or closes draws the place where it stands, and nothing else.

Textual draws the whole screen for either: a dialog might shade what is below. Ours do not, so that what the
terminal shows around them stays.
"""

from __future__ import annotations

from typing import Any

from textual.await_complete import AwaitComplete
from textual.screen import Screen

from console.patient import PatientApp, PatientDriver
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

    def foresee_escape(self) -> None:
        # What a dialog stands on, which it leaves behind.
        if not self._running or self._batch_count or len(self._screen_stack) < 2:
            return
        top, below, driver = self.screen, self.screen_stack[-2], self._driver
        if not isinstance(top, CalmScreen) or not isinstance(below, CalmScreen) or not top.LIES_OVER:
            return
        if below.size != self.size:
            return  # to be laid out first
        try:
            with self._context(), below._context():
                strips = below.drawn_below(top)
        except Exception as error:
            self._handle_exception(error)
            return
        if isinstance(driver, PatientDriver):
            driver.foresee(strips)

    async def _replace_screen(self, screen: Screen[Any]) -> Screen[Any]:
        # The first thing it does is to draw all of what is on top now.
        top, kept, self._kept = self.screen if self._screen_stack else None, self._kept, None
        if isinstance(top, CalmScreen) and top is kept:
            top.stays = True
        return await super()._replace_screen(screen)
