"""The footer: the keys that work here."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from widgets.cells import width_of
from widgets.lines import FixedLines, Line

_PINNED = 2


class KeysBar(FixedLines):
    """Keys with labels, as many as fit; the last two (how to leave, how to get help) always do."""

    class Picked(Message):
        """``key``, as it is shown, was clicked; ``chain``: how many times in a row, and no other one."""

        def __init__(self, key: str, label: str, chain: int) -> None:
            super().__init__()
            self.key, self.label, self.chain = key, label, chain

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: tuple[tuple[str, str], ...] = ()
        self._clicked = ("", ""), 0, 0
        """The key, by which click of a chain, and how many of those were on it."""

    def show(self, keys: Sequence[tuple[str, str]]) -> int:
        """``keys``: (key, label) in order of importance."""
        self._keys = tuple(keys)
        return self.update_lines()

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        shown = self._shown(width)
        return (((" ", "text"), *(cell for key, label in shown for cell in _group(key, label))),)

    def _shown(self, width: int) -> tuple[tuple[str, str], ...]:
        """What there is room for."""
        pinned = self._keys[-_PINNED:]
        left = width - 1 - sum(width_of(_group(*key)) for key in pinned)
        kept = []
        for key in self._keys[:-_PINNED]:
            if (left := left - width_of(_group(*key))) < 0:
                break
            kept.append(key)
        return (*kept, *pinned)

    def on_click(self, event: events.Click) -> None:
        left = 1
        for key, label in self._shown(self.size.width):
            if left <= event.x < left + width_of([(f"{key} {label}", "key")]):
                self.post_message(self.Picked(key, label, self._times(event.chain, (key, label))))
            left += width_of(_group(key, label))

    def _times(self, chain: int, key: tuple[str, str]) -> int:
        """A chain goes by the place alone: what the click before was meant for may have made room for
        another key, or have lain above it."""
        before, last, times = self._clicked
        times = times + 1 if (before, last + 1) == (key, chain) else 1
        self._clicked = key, chain, times
        return times


def _group(key: str, label: str) -> Line:
    return ((key, "key"), (f" {label}  ", "muted"))
