"""What scrolls lines of its own: placed and styled again only where something became of it."""

from __future__ import annotations

from typing import Any

from textual.geometry import Size
from textual.scroll_view import ScrollView


class Scrolled(ScrollView, inherit_bindings=False):
    _placed: tuple[Any, ...] | None = None
    """What its scrollbars were last found out for."""

    def watch_has_focus(self, has_focus: bool) -> None:
        """No style depends on it: to look all of them up took longer than to draw the cursor."""

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        # Textual finds out anew at every layout of the screen, and draws the scrollbars.
        placed = (
            size,
            container_size,
            self.virtual_size,
            self.show_vertical_scrollbar,
            self.show_horizontal_scrollbar,
            self.styles._cache_key,
        )
        if placed == self._placed and size == self._size:
            return False
        self._placed = placed
        return super()._size_updated(size, virtual_size, container_size, layout)
