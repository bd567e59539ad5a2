"""The orders of an engine that stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from engine.clock import Clock
from engine.wiring.desk import Desk


async def leave_orders(desk: Desk, clock: Clock, *, entries: bool, answer_s: float) -> list[str]:
    """Cancel what cannot wait for the next run, and with ``entries`` what could open a position, at brokers
    too. What rests is kept. Returns the orders whose cancels are not answered within ``answer_s``."""
    trading = desk.trading
    asked = trading.cancel_unresting("engine stops")
    if entries:
        asked += trading.entries()
        trading.cancel_entries()
    leaving = trading.work.leaving
    await until(lambda: leaving.isdisjoint(asked), desk, clock, answer_s)
    return [identity for identity in asked if identity in leaving]


async def until(holds: Callable[[], bool], desk: Desk, clock: Clock, within_s: float) -> bool:
    """Let orders go on, and nothing else of the desk, until ``holds``; False when it does not in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(0.01)
        desk.advance(clock())
        desk.trading.on_clock()
    return True
