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
    """Is drawn where it has something in it, and nowhere else: room kept for what comes and goes, so that
    nothing around it has to be placed anew."""
