"""The desk's own arrangement: layouts saved and taken up again, and what stands behind pane 8."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.arrangements import captured, take_up, words
from console.asking import AskingApp
from console.command_line.command import Argument, Candidate, Command, CommandError
from console.command_line.completion import one_of
from console.memory import Layout
from console.screens.layouts import LONGEST_NAME, MOST_LAYOUTS, LayoutsScreen
from console.screens.risk import RiskScreen
from console.watchlists import WatchlistsApp
from engine.text import clean


class LayoutsApp(AskingApp, WatchlistsApp):
    def typed_commands(self) -> list[Command]:
        name = Argument("NAME", "of the layout; save NAME keeps the desk as it stands", self._layout_names)
        more = Argument("NAME", "behind save", optional=True)
        return [
            *super().typed_commands(),
            Command("layout", "Take up or save a layout", self._layout, (name, more), palette="Layout {}"),
        ]

    def _layout_names(self, before: Sequence[str]) -> Iterable[Candidate]:
        kept = self.memory.memory.layouts
        return [Candidate(name, words(kept[name])) for name in sorted(kept)]

    def _layout(self, typed: Sequence[str]) -> None:
        kept = self.memory.memory.layouts
        if len(typed) == 1:
            if typed[0].lower() == "save" and typed[0] not in kept:
                raise CommandError("a layout needs a name: layout save NAME")
            self.take_up_layout(kept[one_of(typed[0], kept, "layout")])
            return
        name = clean(typed[1], LONGEST_NAME)
        if typed[0].lower() != "save":
            raise CommandError(f"{typed[1]} is too much: layout NAME, or layout save NAME")
        if not name:
            raise CommandError("a layout needs a name that can be read")
        if name not in kept and len(kept) >= MOST_LAYOUTS:
            raise CommandError(f"{MOST_LAYOUTS} layouts are kept: delete one first")
        kept[name] = self.capture_layout()
        self.memory.save()
        self.say(f"layout {name} is saved")

    def action_risk(self) -> None:
        self.push_screen(RiskScreen(self.link, self.view))

    def action_layouts(self) -> None:
        def chosen(layout: Layout | None) -> None:
            if layout is not None:
                self.take_up_layout(layout)

        self.push_screen(LayoutsScreen(self.memory, self.capture_layout, words), chosen)

    def capture_layout(self) -> Layout:
        """How the desk stands now."""
        layout = captured(self.desk)
        layout.watchlist = self.memory.memory.watchlist
        return layout

    def take_up_layout(self, layout: Layout) -> None:
        self.choose_watchlist(layout.watchlist)
        if layout.watchlist and layout.watchlist not in self.memory.memory.watchlists:
            self.say(f"the layout's watchlist {clean(layout.watchlist, 24)} is gone: all symbols are shown")
        take_up(self.desk, layout)

    def begin_with_layout(self) -> None:
        """The one that a person chose to begin with, where there is one."""
        kept = self.memory.memory
        if kept.layout in kept.layouts:
            self.take_up_layout(kept.layouts[kept.layout])
