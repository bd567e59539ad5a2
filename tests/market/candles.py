"""Bars for tests."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.events import NS, Candle

DAY = 86_400
T0 = 1_699_920_000 * NS
"""A midnight in UTC, and a Tuesday."""
NOW = T0 + 100 * DAY * NS


def candle(number: int, close: float = 100.0, *, interval_s: int = 60, **changes: Any) -> Candle:
    """The ``number``-th bar since T0, closed and flat at ``close``."""
    open_ns = T0 + number * interval_s * NS
    made = Candle(
        symbol="binance:BTCUSDT",
        interval_s=interval_s,
        open_ns=open_ns,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=1.0,
        closed=True,
        event_ns=open_ns + interval_s * NS,
        recv_ns=open_ns + interval_s * NS,
    )
    return msgspec.structs.replace(made, **changes)
