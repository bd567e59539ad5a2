"""A screen that is drawn where something changed, and at once."""

from __future__ import annotations

from typing import Any, TypeVar

from textual import events
from textual.geometry import Size
from textual.reactive import Reactive
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from console.screens.compositor import DeskCompositor

Result = TypeVar("Result")
PERIOD_S = 1 / 240
"""Least time between frames; a busy line, and what the app draws in a second, are bounded elsewhere."""


class CalmScreen(Screen[Result]):
    """Textual draws all of a screen when the focus moves, and composes frames that a busy line never gets.

    Who has the focus and who had it draw themselves. A frame that nothing can carry is not composed: what it
    would have shown stays marked, and is drawn when the line is free.
    """

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    _owed = False
    """Marked, and not drawn yet."""

    _pace: Timer | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._compositor = DeskCompositor()

    @property
    def _update_timer(self) -> Timer:
        # Textual's waits 17 ms before the first frame of every dialog, and between the two of a key.
        if self._pace is None:
            self._pace = self.set_interval(PERIOD_S, self._on_timer_update, name="screen_update", pause=True)
        return self._pace

    def _compositor_refresh(self) -> None:
        # With a repaint due, all of it is drawn in a moment: a layout need not draw it first.
        if (self.app._batch_count or self._repaint_required) and self is self.app.screen:
            self._owed = True
            return
        self._owed = False
        super()._compositor_refresh()

    def _screen_resized(self, size: Size) -> None:
        # Every dialog that opens says so, of itself and to all screens below.
        if size != self._size:
            super()._screen_resized(size)

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        """As Textual's, but a new screen is dressed already, and what is laid out here is drawn by that."""
        event.prevent_default()
        new = not self.stack_updates
        self.stack_updates += 1
        self.app._refresh_notifications()
        self._update_auto_focus()
        if self.is_attached:
            if event.refresh_styles and not new:
                self.update_node_styles(animate=False)
            if self._size != self.app.size:
                self._refresh_layout(self.app.size)
            else:
                self.refresh()

    async def _on_idle(self, event: events.Idle) -> None:
        due = self._layout_required or self._scroll_required or self._repaint_required or self._dirty_widgets
        if self._owed and not due and self.is_current and not self.app._batch_count:
            self._compositor_refresh()
        await super()._on_idle(event)
