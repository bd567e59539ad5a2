"""Where the simulated markets stand, kept across restarts: a restart revalues no position."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from engine.wiring.desk import Desk

SETTING = "simulated:prices"
KEEP_S = 5.0


def kept_prices(settings: dict[str, Any]) -> dict[str, float]:
    """By native symbol: where the simulated markets stood when the last engine ended."""
    kept = settings.get(SETTING)
    items = kept.items() if isinstance(kept, dict) else ()
    return {name: float(price) for name, price in items if isinstance(price, (int, float)) and price > 0}


def keep_prices(desk: Desk, keep: Callable[[str, object], None]) -> None:
    last = {one.native: desk.features.quote(one.index)[4] for one in desk.instruments}
    keep(SETTING, {name: price for name, price in last.items() if price > 0})


async def keep_prices_forever(desk: Desk, keep: Callable[[str, object], None]) -> None:
    while True:
        await asyncio.sleep(KEEP_S)
        keep_prices(desk, keep)
