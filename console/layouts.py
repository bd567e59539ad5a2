"""The desk's own arrangement: layouts saved and taken up again, and what stands behind pane 8."""

from __future__ import annotations

from console.arrangements import captured, take_up, words
from console.asking import AskingApp
from console.memory import Layout
from console.screens.layouts import LayoutsScreen
from console.screens.risk import RiskScreen


class LayoutsApp(AskingApp):
    def action_risk(self) -> None:
        self.push_screen(RiskScreen(self.link, self.view))

    def action_layouts(self) -> None:
        def chosen(layout: Layout | None) -> None:
            if layout is not None:
                self.take_up_layout(layout)

        self.push_screen(LayoutsScreen(self.memory, self.capture_layout, words), chosen)

    def capture_layout(self) -> Layout:
        """How the desk stands now."""
        return captured(self.desk)

    def take_up_layout(self, layout: Layout) -> None:
        take_up(self.desk, layout)

    def begin_with_layout(self) -> None:
        """The one that a person chose to begin with, where there is one."""
        kept = self.memory.memory
        if kept.layout in kept.layouts:
            self.take_up_layout(kept.layouts[kept.layout])
