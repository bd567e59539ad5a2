"""What every dialog shares: Esc closes it, H still halts, it fits 60×16."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.strip import Strip

from console.keymap import keys_of
from console.screens.calm import CalmScreen, draw_cursor
from console.screens.searching import SearchingScreen
from widgets.box import Box
from widgets.search_line import SearchLine

Result = TypeVar("Result")


class Modal(SearchingScreen[Result], ModalScreen[Result], inherit_bindings=False):
    LIES_OVER = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "close", show=False),
        Binding("H", "app.halt", show=False, id="halt"),
        Binding("S", "app.save_screen", show=False, id="screenshot"),
    ]
    DEFAULT_CSS = """
    Modal {
        align: center middle;
        background: transparent;
        & > .dialog {
            border: $focus-frame $rule-focus;
            border-title-color: $primary;
            border-title-style: $style-focus-title;
            border-subtitle-color: $muted;
            background: $surface;
            padding: 0 1;
            & > .search-line { dock: bottom; }
        }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.dialog = Box(classes="dialog")
        """Held, not looked for: a screen that ends as it opens has not mounted it."""

    def on_screen_resume(self) -> None:
        # Nothing shades what is below: its cursor is drawn as one without the focus.
        for screen in self.app.screen_stack:
            draw_cursor(screen)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The screen below as it is: to shade it would send every cell of it, twice, on a slow line too."""
        below = self.below
        if isinstance(below, CalmScreen):
            strips = below.lines_of(crop)
        else:
            whole = below._compositor.render_strips(self.size) if below is not None else []
            strips = [strip.crop(crop.x, crop.right) for strip in whole[crop.y : crop.bottom]]
        # Of a terminal that has grown it is told after this one, and has no lines there until then.
        return [*strips, *[Strip.blank(crop.width)] * (crop.height - len(strips))]

    def key(self, id: str) -> str:
        """The key of an action as it is mapped, to be shown."""
        return keys_of(self.app).shown(id)

    def words(self, text: str) -> str:
        """``text`` with the key of each ``{id}`` in it."""
        return keys_of(self.app).words(text)

    def hints(self, *hints: str) -> str:
        """For the foot: each with the keys of the ``{id}`` in it, those that have no key left out."""
        keys = keys_of(self.app)
        return " · ".join(
            keys.words(hint) for hint in hints if all(map(keys.shown, re.findall(r"\{(\w+)\}", hint)))
        )

    def action_close(self) -> None:
        if not self.end_search():
            self.dismiss(None)

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Once: what was on its way to a dialog as it closed closes no other, and not the desk."""
        if self not in self.app.screen_stack:
            return AwaitComplete()
        return super().dismiss(result)

    async def mount_search(self, line: SearchLine) -> None:
        if self.dialog.is_attached:
            await self.dialog.mount(line)

    def keep_asking(self, every_s: float, fill: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``fill`` now and every so often, one at a time: one that put an end to the one before would, on
        a slow line, never have its answer."""

        def ask() -> None:
            if all(worker.is_finished for worker in self.workers if worker.group == "fill"):
                self.run_worker(fill(), group="fill")

        self.set_interval(every_s, ask)
        ask()
