"""What this console may do: control the desk, watch while another one controls, or only read."""

from __future__ import annotations

from typing import NamedTuple

from engine.api.control_protocol import Console, place
from engine.api.protocol import StatusRow

READ_ONLY = "READ ONLY: sends nothing; start one without --read-only"
READ_TOKEN = "READ ONLY: its token only reads; attach with one of the role trade to send"  # noqa: S105 - words


class Standing(NamedTuple):
    read_only: bool = False
    watching: bool = False
    """It does not control, and knows it. Before the first frame, and without a name, nobody does: the engine
    judges."""
    controller: str = ""
    """Where the console is that controls; "": none does."""
    consoles: int = 0
    controller_id: str = ""
    """Of the console that controls; "": none does, or it is not known."""
    token_reads: bool = False
    """It is read-only for its token's sake."""

    @property
    def controls(self) -> bool:
        return not (self.read_only or self.watching)

    @property
    def seat_is_free(self) -> bool:
        """And this console could take it."""
        return self.watching and not self.read_only and not self.controller

    def refusal(self, key: str, *, safer: bool) -> str:
        """Why a command may not be sent; "": it may, or a free seat has to be taken first. ``safer``: of one
        that makes the desk safer; ``key``: takes over."""
        if self.read_only:
            return READ_TOKEN if self.token_reads else READ_ONLY
        if self.watching and self.controller and not safer:
            return f"NOT SENT: {self.controller} controls the desk: {key} takes over"
        return ""

    def badge(self, key: str) -> tuple[str, str]:
        """For the status bar, with what is said beside it; "" where there is nothing to say. ``key``: takes
        over."""
        who = f"{self.controller} controls" if self.controller else "nobody controls"
        if self.read_only:
            return "READ ONLY", who if self.watching else ""
        if self.watching:
            return "WATCHING", f"{who} · {key} takes {'over' if self.controller else 'control'}"
        return "", f"{self.consoles} consoles" if self.consoles > 1 else ""


def standing(
    console: Console | None, status: StatusRow | None, *, up: bool, token_reads: bool = False
) -> Standing:
    """``up``: whether the link is; while it is not, nobody knows who controls."""
    if console is None:
        return Standing()
    if status is None or not up:
        return Standing(read_only=console.read_only, token_reads=token_reads)
    return Standing(
        console.read_only,
        console.read_only or status.controller_id != console.id,
        place(status.controller) if status.controller and status.controller_id != console.id else "",
        status.consoles,
        status.controller_id,
        token_reads,
    )
