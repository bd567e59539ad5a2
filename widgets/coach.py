"""Five lines for a first start."""

from __future__ import annotations

from widgets.lines import FixedLines, Line

TIPS: tuple[Line, ...] = (
    (
        (" Welcome. ", "bold"),
        ("PAPER", "key"),
        (" in the top left is the mode: no real money moves.", "text"),
    ),
    ((" Enter", "key"), (" on an opportunity or an order explains it.", "text")),
    (
        (" H", "key"),
        (" halts at once: only stop-losses still leave; ", "text"),
        ("E", "key"),
        (" stops new entries.", "text"),
    ),
    (
        (" ?", "key"),
        (" shows the keys that work where you are; ", "text"),
        ("ctrl+p", "key"),
        (" finds any action.", "text"),
    ),
    (
        (" q", "key"),
        (" leaves: the engine trades on unless you stop it.", "text"),
        ("   esc closes this", "muted"),
    ),
)


class Coach(FixedLines):
    DEFAULT_CSS = """
    Coach {
        height: 7;
        width: 74;
        border: round $accent;
        background: $surface;
        border-title-color: $accent;
    }
    """

    def on_mount(self) -> None:
        self.border_title = "First steps"

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        return TIPS
