"""What leaving a replay offers: the desk behind it, or the end."""

from __future__ import annotations

from console.screens.confirm import AskScreen
from widgets.choices import Choice

BACK, LEAVE = "back", "leave"


class EndScreen(AskScreen):
    """What ``q`` offers where the replay's desk ends with this console: dismisses with LEAVE."""

    def __init__(self) -> None:
        super().__init__(
            "Leave the replay",
            [(("The tape's desk ends with its screen; --state-dir keeps one.", "text"),)],
            (Choice(LEAVE, "Leave", "the replay ends"), Choice("stay", "Stay", "nothing changes")),
        )


class BackScreen(AskScreen):
    """What ``q`` offers in a replay that took a desk's place: dismisses with BACK or LEAVE."""

    def __init__(self, tape: str, behind: str) -> None:
        super().__init__(
            "Leave the replay",
            [((f"Replay of {tape}. The {behind} went on behind it.", "text"),)],
            (
                Choice(BACK, f"Back to the {behind}", "the replay ends"),
                Choice(LEAVE, "Leave", f"the {behind} goes on", "warn"),
            ),
        )
