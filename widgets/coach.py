"""Five lines for a first start."""

from __future__ import annotations

from collections.abc import Callable

from widgets.lines import FixedLines, Line


def tips(shown: Callable[[str], str]) -> tuple[Line, ...]:
    """``shown``: the key of an action by its id, as a person reads it."""
    return (
        (
            (" Welcome. ", "bold"),
            ("PAPER", "key"),
            (" in the top left is the mode: no real money moves.", "text"),
        ),
        ((f" {shown('open')}", "key"), (" on an opportunity or an order explains it.", "text")),
        (
            (f" {shown('halt')}", "key"),
            (" halts at once: only stop-losses still leave; ", "text"),
            (shown("entries"), "key"),
            (" stops new entries.", "text"),
        ),
        (
            (f" {shown('help')}", "key"),
            (" shows the keys that work where you are; ", "text"),
            (shown("palette"), "key"),
            (" finds any action.", "text"),
        ),
        (
            (f" {shown('quit')}", "key"),
            (" leaves: the engine trades on unless you stop it.", "text"),
            (f"   {shown('dismiss').lower()} closes this", "muted"),
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

    def __init__(self, shown: Callable[[str], str], *, id: str | None = None) -> None:
        """``shown``: the key of an action by its id, as a person reads it."""
        super().__init__(id=id)
        self._tips = tips(shown)

    def on_mount(self) -> None:
        self.border_title = "First steps"

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        return self._tips
