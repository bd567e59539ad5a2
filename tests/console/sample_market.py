"""One symbol's market made up from a seed, for tests, snapshots and benches."""

from __future__ import annotations

import random

import msgspec

from engine.api.market_protocol import CandleRow, FillRow, MarketFrame, TradeRow
from engine.events import NS
from tests.console.sample_desk import NOW_NS, PRICES

SYMBOL = "simulated:BTC-USD"
INDICATORS = ("EMA 12", "EMA 26", "VWAP", "BB upper", "BB mid", "BB lower", "RSI 14")
LAST = PRICES["BTC-USD"]
"""Where the last bar closes."""


def bars(count: int = 160, interval_s: int = 60, seed: int = 7, last: float = LAST) -> tuple[CandleRow, ...]:
    """Oldest first; the last one is still open, and the first ones know no indicator yet."""
    rng = random.Random(seed)
    closes = [last]
    for _ in range(count):
        closes.append(closes[-1] * (1 + rng.gauss(0, 0.0006)))
    closes.reverse()
    first_ns = (NOW_NS // (interval_s * NS) - count + 1) * interval_s * NS
    out = []
    fast = slow = vwap = closes[0]
    for index in range(count):
        open_, close = closes[index], closes[index + 1]
        high = max(open_, close) * (1 + abs(rng.gauss(0, 0.0003)))
        low = min(open_, close) * (1 - abs(rng.gauss(0, 0.0003)))
        fast += (close - fast) * 2 / 13
        slow += (close - slow) * 2 / 27
        vwap += (close - vwap) / 40
        band = close * 0.0015
        known = (fast, slow, vwap, slow + band, slow, slow - band, 50 + 45 * (fast - slow) / band)
        out.append(
            CandleRow(
                open_ns=first_ns + index * interval_s * NS,
                open=open_,
                high=high,
                low=low,
                close=close,
                volume=rng.expovariate(1 / 4),
                closed=index + 1 < count,
                indicators=known if index >= 26 else (None,) * len(INDICATORS),
            )
        )
    return tuple(out)


def trades(count: int = 60, seed: int = 8, last: float = LAST) -> tuple[TradeRow, ...]:
    """Oldest first."""
    rng = random.Random(seed)
    rows = []
    for index in range(count):
        side = rng.choice((1, 1, -1, -1, 0)) if index % 9 == 0 else rng.choice((1, -1))
        size = rng.expovariate(1 / 0.05) * (30 if index % 17 == 5 else 1)
        price = last * (1 + (rng.gauss(0, 2) + side * 0.6) / LAST)
        rows.append(TradeRow(NOW_NS - (count - index) * NS // 3, price, round(size, 5), side))
    return (*rows[:-1], msgspec.structs.replace(rows[-1], price=last, side=1))


def levels(side: int, count: int = 20, seed: int = 9, last: float = LAST) -> tuple[tuple[float, float], ...]:
    """``side`` 1: asks, -1: bids; best first."""
    rng = random.Random(seed + side)
    away, out = 0.65, []
    for _ in range(count):
        out.append((last * (1 + side * away / LAST), round(rng.uniform(0.02, 2.5), 4)))
        away += rng.choice((0.5, 1.0, 1.5))
    return tuple(out)


def fills() -> tuple[FillRow, ...]:
    return (
        FillRow(NOW_NS - 41 * 60 * NS, "buy", "0.0312", "64120.10", "ord-0007"),
        FillRow(NOW_NS - 15 * 60 * NS, "sell", "0.0100", "64255.00", "ord-0009"),
        FillRow(NOW_NS - 3 * NS, "buy", "0.0100", "64217.20", "ord-0010"),
    )


def full_frame(symbol: str = SYMBOL, **changes: object) -> MarketFrame:
    """Of any symbol of the made-up desk; our fills are in one of them."""
    last = PRICES.get(symbol.rpartition(":")[2], 10.0)
    frame = MarketFrame(
        full=True,
        symbol=symbol,
        ns=NOW_NS,
        interval_s=60,
        bids=levels(-1, last=last),
        asks=levels(1, last=last),
        depth=True,
        book_age_ms=240.0,
        tick_size="0.01" if last > 1000 else "0.00001",
        trades=trades(last=last),
        missed_trades=12,
        indicators=INDICATORS,
        bars=bars(last=last),
        fills=fills() if symbol == SYMBOL else (),
    )
    return msgspec.structs.replace(frame, **changes)
