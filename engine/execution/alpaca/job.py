"""What is to be done about one order: whether to send, amend, cancel it or ask for it, and when."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from engine.events import NS, Pending
from engine.execution.alpaca.tracked import Tracked

FIRST_ASK_NS, MAX_ASK_NS = NS // 4, 8 * NS
"""Between two questions about one order: doubling."""


class Phase(StrEnum):
    QUEUED = "waits to be sent"
    SENT = "sent, not answered yet"
    UNRESOLVED = "whether it arrived is unknown: the venue is being asked"
    LEG = "a leg of its list: waits for the venue to tell its id"
    LIVE = "at the venue"


class Job:
    def __init__(self, tracked: Tracked, phase: Phase, now_ns: int) -> None:
        self.tracked = tracked
        self.phase = phase
        self.form: dict[str, Any] | None = None
        """To be placed."""
        self.patch: dict[str, Any] | None = None
        """To be amended."""
        self.amendments = 0
        self.queued_ns = now_ns
        self.since_ns = now_ns
        """When what is not known to have arrived left, or was taken up again."""
        self.misses = 0
        """So often the venue did not know it since."""
        self.busy = False
        """A request that changes it is on its way."""
        self.asking = False
        self.refusal = ""
        """Why a cancel was refused, until it is known how the order stands."""
        self.cancel_ns = 0
        """When to send a cancel; 0: none is wanted."""
        self.ask_ns = 0
        """When to ask how it stands; 0: it is known."""
        self.pause_ns = FIRST_ASK_NS
        self.refused: tuple[dict[str, Any], str] | None = None
        """An exit that was refused, and why: how much there is to sell is to be asked. Once."""
        self.asked_held = False
        self.legs: dict[str, str] = {}
        """Of a list's first order: Alpaca's type of a leg -> our client order id."""
        self.parent = ""
        """Of a leg: the list's first order."""

    @property
    def placeable(self) -> bool:
        return self.phase is Phase.QUEUED and self.form is not None and not self.busy

    @property
    def amendable(self) -> bool:
        return self.patch is not None and bool(self.tracked.venue_id) and not self.busy

    @property
    def cancelable(self) -> bool:
        return self.cancel_ns > 0 and bool(self.tracked.venue_id) and not self.busy

    def ask_at(self, ns: int) -> None:
        self.ask_ns = min(self.ask_ns, ns) if self.ask_ns else ns

    def ask_later(self, now_ns: int) -> None:
        self.ask_ns = now_ns + self.longer_pause_ns()

    def cancel_later(self, now_ns: int) -> None:
        self.cancel_ns = now_ns + self.longer_pause_ns()

    def longer_pause_ns(self) -> int:
        """Twice the last one, up to the longest."""
        pause, self.pause_ns = self.pause_ns, min(self.pause_ns * 2, MAX_ASK_NS)
        return pause

    def why(self) -> str:
        """Why it is not done, one line."""
        tracked = self.tracked
        if tracked.short:
            return f"{tracked.short} more filled at the venue: executions are being fetched"
        if tracked.order.pending is Pending.CANCEL:
            return "cancel asked, not confirmed yet"
        if tracked.order.pending is Pending.UPDATE:
            return "amendment asked, not confirmed yet"
        return self.phase.value
