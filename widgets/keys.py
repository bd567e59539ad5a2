"""The footer: the keys that work here."""

from __future__ import annotations

from collections.abc import Sequence

from widgets.cells import Cell, width_of
from widgets.lines import FixedLines, Line

_PINNED = 2


class KeysBar(FixedLines):
    """Keys with labels, as many as fit; the last two (how to leave, how to get help) always do."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: tuple[tuple[str, str], ...] = ()

    def show(self, keys: Sequence[tuple[str, str]]) -> int:
        """``keys``: (key, label) in order of importance."""
        self._keys = tuple(keys)
        return self.update_lines()

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        cells: list[Cell] = [(" ", "text")]
        left = width - 1
        groups = [((key, "key"), (f" {label}  ", "muted")) for key, label in self._keys]
        pinned = [cell for group in groups[-_PINNED:] for cell in group]
        left -= width_of(pinned)
        for group in groups[:-_PINNED]:
            if (left := left - width_of(group)) < 0:
                break
            cells.extend(group)
        return ((*cells, *pinned),)
