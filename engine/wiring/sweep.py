"""The timer: it closes bars and sweeps stops when no tick does, and watches alerts and consoles."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from engine.clock import LiveClock
from engine.risk.console_watch import ConsoleWatch
from engine.risk.state import RISK

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine

TICK_S = 0.05


async def sweep(engine: LiveEngine) -> None:
    """Until canceled."""
    consoles = ConsoleWatch(engine.config.risk)
    while True:
        await asyncio.sleep(TICK_S)
        try:
            if isinstance(engine.clock, LiveClock):
                engine.clock.resync()
            engine.advance()
            if not engine.config.engine.hands_off:
                engine.alerts.look()
                _watch(engine, consoles)
        except Exception as error:
            engine.internal_error(error)


def _watch(engine: LiveEngine, consoles: ConsoleWatch) -> None:
    """By our own time, not the desk's: on a tape that is another."""
    now = time.monotonic_ns()
    consoles.on_consoles(engine.control.count, now)
    lost = consoles.due(now)
    if lost is not None:
        state, reason = lost
        engine.desk.trading.set_state(state, RISK, reason)
