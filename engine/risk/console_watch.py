"""What the loss of the last console asks for."""

from __future__ import annotations

from engine.config import RiskConfig
from engine.events import NS, RiskState


class ConsoleWatch:
    """A timer: told of consoles that come and go and of the time, it says which state to take.

    A desk that runs without any console from its start has lost none. One loss asks once: a person who
    loosens the state again, without a console, is not overruled.
    """

    def __init__(self, config: RiskConfig) -> None:
        self._state = None if config.on_console_lost == "nothing" else RiskState(config.on_console_lost)
        self._wait_ns = int(config.console_lost_s * NS)
        self._count = 0
        self._alone_ns: int | None = None
        """Since when the last one is away; None: one is here, none ever was, or it was said."""

    def on_consoles(self, count: int, ns: int) -> None:
        """So many consoles are attached from now on."""
        if count > 0:
            self._alone_ns = None
        elif self._count > 0:
            self._alone_ns = ns
        self._count = count

    def due(self, ns: int) -> tuple[RiskState, str] | None:
        """The state to take and why, when the last console has been away for ``console_lost_s``; else None.

        To be asked at each beat of the clock. Time that steps back begins the wait anew.
        """
        if self._state is None or self._alone_ns is None:
            return None
        if ns < self._alone_ns:
            self._alone_ns = ns
        if ns - self._alone_ns < self._wait_ns:
            return None
        self._alone_ns = None
        return self._state, f"no console for {self._wait_ns / NS:g} s"
