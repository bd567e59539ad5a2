"""Leaving: detach, halt & stop, flatten & stop, or the kill switch; without an engine, just leave.

A console that watches does not stop the engine that another one controls, and a read-only one only detaches.
"""

from __future__ import annotations

from console.screens.confirm import AskScreen
from console.standing import Standing
from widgets.choices import Choice
from widgets.lines import Line

DETACH, HALT_STOP, FLATTEN_STOP, KILL = "detach", "halt", "flatten", "kill"


_GOES_ON = {
    "active": "the engine trades on without you",
    "reducing": "the engine goes on: exits only",
    "halted": "it goes on: only stop-losses leave",
}


def _goes_on(risk_state: str) -> str:
    return _GOES_ON.get(risk_state, _GOES_ON["active"])


def _held(open_positions: int, *, engine_gone: bool) -> Line:
    several = open_positions != 1
    if engine_gone:
        held = f"{open_positions} position{'s are' if several else ' is'}"
        return ((f"No engine runs. {held} in the ledger; `tickdesk` starts it again.", "text"),)
    if not open_positions:
        return (("The desk is flat.", "text"),)
    return ((f"The engine holds {open_positions} open position{'s' if several else ''}.", "text"),)


class LeaveScreen(AskScreen):
    """Dismisses with one of the ids above."""

    def __init__(
        self,
        open_positions: int,
        may: Standing = Standing(),  # noqa: B008 - frozen
        *,
        risk_state: str = "active",
        engine_gone: bool = False,
    ) -> None:
        self._engine_gone = engine_gone
        lines = [_held(open_positions, engine_gone=engine_gone)]
        if engine_gone:
            choices = [Choice(DETACH, "Leave")]
        else:
            choices = [Choice(DETACH, "Detach", _goes_on(risk_state))]
            if may.controls:
                choices += [
                    Choice(HALT_STOP, "Halt & stop", "positions stay, without stop-losses", "warn"),
                    Choice(FLATTEN_STOP, "Flatten & stop", "close everything, then stop", "warn"),
                ]
            if not may.read_only:
                choices.append(Choice(KILL, "Kill", "halt, cancel all, flatten, verify", "warn"))
        super().__init__("Leave", lines, choices)

    def follow(self, risk_state: str, open_positions: int) -> None:
        """Say what is held, and what detaching means, now: the desk trades on behind the question."""
        if not self._engine_gone:
            self.choices.describe(DETACH, _goes_on(risk_state))
            self.tell([_held(open_positions, engine_gone=False)])
