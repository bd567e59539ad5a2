"""Widgets one below the other, placed once."""

from __future__ import annotations

from textual.containers import Vertical
from textual.geometry import Size


class Box(Vertical):
    """Textual places all of a screen a second time when a container has become larger or smaller, for its
    contents might scroll. What is in here does not: it fits, or scrolls by itself."""

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        return super()._size_updated(size, virtual_size, container_size, layout=False)


class SeenThrough(Box):
    """Room kept for what comes and goes: where nothing is in it, and while it is closed, what is below is
    seen. To open and to close it places nothing anew, for what is in it has its place all the time."""

    is_open = False

    def reveal(self, is_open: bool) -> None:
        if is_open == self.is_open:
            return
        self.is_open = is_open
        if self.is_attached:
            compositor = self.screen._compositor
            compositor._visible_widgets = compositor._layers_visible = None
            self.screen.refresh(*(child.region for child in self.children))
