"""What really happened on a venue: trades and books, made by a seed, and remembered as a judge needs it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

NS = 1_000_000_000
TOP = 10
Side = dict[int, int]
"""Price in ticks -> quantity in lots."""
Top = tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]


def price_text(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}"


def size_text(lots: int) -> str:
    return f"{lots // 1000}.{lots % 1000:03d}"


@dataclass
class Print:
    id: int
    ticks: int
    lots: int
    bought: bool
    ns: int


@dataclass
class Change:
    """Of a book: absolute quantities."""

    update_id: int
    bids: Side
    asks: Side
    ns: int


@dataclass
class Market:
    """One symbol."""

    native: str
    rng: random.Random
    trades: list[Print] = field(default_factory=list)
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)
    update_id: int = 1000
    tops: dict[Top, int] = field(default_factory=dict)
    """Best levels -> until when they were true (ns)."""
    first_id: int = 0

    def __post_init__(self) -> None:
        self.first_id = self.rng.randrange(1, 10**9)
        mid = self.rng.randrange(5_000, 500_000)
        for step in range(1, 16):
            self.bids[mid - step] = self.rng.randrange(1, 9000)
            self.asks[mid + step] = self.rng.randrange(1, 9000)

    @property
    def bid(self) -> int:
        return max(self.bids)

    @property
    def ask(self) -> int:
        return min(self.asks)

    def trade(self, ns: int) -> Print:
        bought = self.rng.random() < 0.5
        ticks = self.ask if bought else self.bid
        trade_id = self.trades[-1].id + 1 if self.trades else self.first_id
        self.trades.append(Print(trade_id, ticks, self.rng.randrange(1, 5000), bought, ns))
        return self.trades[-1]

    def change(self, ns: int) -> Change:
        """A level or two of the book, which never crosses and keeps enough levels."""
        self.tops[self.top()] = ns
        bids: Side = {}
        asks: Side = {}
        for _ in range(self.rng.randrange(1, 4)):
            buy = self.rng.random() < 0.5
            side, told = (self.bids, bids) if buy else (self.asks, asks)
            sign = -1 if buy else 1
            best, other = (self.bid, self.ask) if buy else (self.ask, self.bid)
            ticks = best + sign * self.rng.randrange(-2, 14)
            if sign * ticks <= sign * other:
                continue
            lots = 0 if self.rng.random() < 0.3 else self.rng.randrange(1, 9000)
            if lots == 0:
                if ticks not in side or len(side) <= TOP + 2:
                    continue
                del side[ticks]
            else:
                side[ticks] = lots
            told[ticks] = lots
        self.update_id += 1
        self.tops[self.top()] = 1 << 62
        return Change(self.update_id, bids, asks, ns)

    def best(self, side: Side, count: int = TOP) -> list[tuple[int, int]]:
        prices = sorted(side, reverse=side is self.bids)[:count]
        return [(ticks, side[ticks]) for ticks in prices]

    def top(self) -> Top:
        bids, asks = (
            tuple((float(price_text(ticks)), float(size_text(lots))) for ticks, lots in self.best(side))
            for side in (self.bids, self.asks)
        )
        return bids, asks
