"""Bars for tests: a seeded walk, and what a venue would tell of it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from engine.events import NS, Candle
from engine.store.bar import Bar, Provenance, bar_of

SYMBOL = "binance:BTCUSDT"
MINUTE = 60 * NS
START = 1_700_000_040 * NS
"""A whole minute."""


def candles(count: int, *, start_ns: int = START, symbol: str = SYMBOL, seed: int = 1) -> list[Candle]:
    """Closed bars of a minute, one after the other."""
    return list(_walk(count, start_ns, symbol, seed))


def _walk(count: int, start_ns: int, symbol: str, seed: int) -> Iterator[Candle]:
    rng = random.Random(seed)
    price = 60_000.0
    for number in range(count):
        opened, price = price, round(price * (1 + rng.gauss(0, 2e-4)), 2)
        open_ns = start_ns + number * MINUTE
        yield Candle(
            symbol=symbol,
            interval_s=60,
            open_ns=open_ns,
            open=opened,
            high=max(opened, price) + 1.25,
            low=min(opened, price) - 0.75,
            close=price,
            volume=round(rng.random() * 30, 5),
            closed=True,
            event_ns=open_ns + MINUTE,
            recv_ns=open_ns + MINUTE + NS,
            trades=rng.randrange(2000),
            source=symbol.partition(":")[0],
        )


def bars(count: int, **more: object) -> list[Bar]:
    return [bar_of(candle) for candle in candles(count, **more)]  # type: ignore[arg-type]


def bar(
    close: float = 100.0,
    *,
    symbol: str = SYMBOL,
    open_ns: int = START,
    interval_s: int = 60,
    provenance: Provenance = Provenance.VENUE,
    told_ns: int = 0,
    source: str = "binance",
    volume: float = 1.0,
) -> Bar:
    """A flat one."""
    told_ns = told_ns or open_ns + interval_s * NS
    prices = (close, close, close, close)
    return Bar(symbol, interval_s, open_ns, *prices, volume, math.nan, -1, source, provenance, told_ns)
