"""A screen that is drawn where something changed, and at once."""

from __future__ import annotations

from typing import TypeVar

from textual import events
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

Result = TypeVar("Result")


class CalmScreen(Screen[Result]):
    """Textual draws all of a screen when the focus moves, and composes frames that a busy line never gets.

    Who has the focus and who had it draw themselves. A frame that nothing can carry is not composed: what it
    would have shown stays marked, and is drawn when the line is free.
    """

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    _owed = False
    """Marked, and not drawn yet."""

    def _compositor_refresh(self) -> None:
        if self.app._batch_count and self is self.app.screen:
            self._owed = True
            return
        self._owed = False
        super()._compositor_refresh()

    async def _on_idle(self, event: events.Idle) -> None:
        due = self._layout_required or self._scroll_required or self._repaint_required or self._dirty_widgets
        if self._owed and not due and self.is_current and not self.app._batch_count:
            self._compositor_refresh()
        await super()._on_idle(event)
