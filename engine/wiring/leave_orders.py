"""The orders of an engine that stops."""

from __future__ import annotations

import asyncio
import time

from engine.clock import Clock
from engine.wiring.desk import Desk

ANSWER_S = 0.5
"""How long a stopping engine waits for the answers to its cancels."""


async def leave_orders(desk: Desk, clock: Clock, *, kept: bool) -> None:
    """Cancel what cannot wait for the next run; what rests is kept with its place. ``kept``: there is a
    journal to keep it beside."""
    trading = desk.trading
    asked = trading.cancel_unresting("engine stops")
    deadline = time.monotonic() + ANSWER_S
    while any(identity in trading.work.leaving for identity in asked) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
        desk.advance(clock())
        trading.on_clock()
    if kept:
        desk.keep_orders()
