"""Packed ticks for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.events import NS
from engine.ticks import BACKFILLED, QUOTE, TICK, TRADE

T0 = 1_700_000_000 * NS
"""On a whole second."""

NAN = float("nan")


def trade(
    s: float, price: float, size: float = 1.0, side: int = 1, *, symbol: int = 0, trade_id: int = -1,
    backfilled: bool = False, reject: int = 0,
) -> tuple[Any, ...]:  # fmt: skip
    """A trade ``s`` seconds after T0."""
    ns = T0 + round(s * NS)
    return (
        ns,
        ns,
        trade_id,
        symbol,
        TRADE,
        reject,
        side,
        BACKFILLED if backfilled else 0,
        price,
        size,
        0.0,
        0.0,
    )


def quote(
    s: float, bid: float, ask: float, bid_size: float = 1.0, ask_size: float = 1.0, *, symbol: int = 0
) -> tuple[Any, ...]:
    """A quote ``s`` seconds after T0."""
    ns = T0 + round(s * NS)
    return (ns, ns, -1, symbol, QUOTE, 0, 0, 0, bid, ask, bid_size, ask_size)


def block(*ticks: tuple[Any, ...]) -> Any:
    return np.array(list(ticks), TICK)
