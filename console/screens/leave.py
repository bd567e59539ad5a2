"""Leaving: detach, halt & stop, flatten & stop."""

from __future__ import annotations

from console.screens.confirm import AskScreen
from widgets.choices import Choice
from widgets.lines import Line

DETACH, HALT_STOP, FLATTEN_STOP = "detach", "halt", "flatten"


class LeaveScreen(AskScreen):
    """Dismisses with one of the ids above; a read-only console can only detach."""

    def __init__(self, open_positions: int, *, read_only: bool = False) -> None:
        held = f"{open_positions} open position{'' if open_positions == 1 else 's'}"
        lines: list[Line] = [
            ((f"The engine holds {held}.", "text"),) if open_positions else (("The desk is flat.", "text"),),
        ]
        choices = [Choice(DETACH, "Detach", "the engine trades on without you")]
        if not read_only:
            choices += [
                Choice(HALT_STOP, "Halt & stop", "no more orders, positions stay", "warn"),
                Choice(FLATTEN_STOP, "Flatten & stop", "close everything, then stop", "warn"),
            ]
        super().__init__("Leave", lines, choices)
