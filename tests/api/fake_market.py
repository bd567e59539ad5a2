"""A market made up for the API, driven by a test."""

from __future__ import annotations

from engine.api.market_port import Bars, Book
from engine.api.market_protocol import (
    MOST_FILLS,
    MOST_TRADES,
    CandleRow,
    FillRow,
    LatencyDetail,
    LatencyRow,
    TradeRow,
)
from engine.slices import Work

SYMBOL = "kraken:BTC/USD"


class FakeMarket:
    """Implements ``MarketPort`` for one symbol, as simply as can be: everything is kept for good."""

    def __init__(self) -> None:
        self.levels = ((99.0, 1.0),), ((101.0, 3.0),)
        self.fault = ""
        self.known = True
        self.clock = 1
        self.prints: list[TradeRow] = []
        self.ours: list[FillRow] = []
        self.candles: dict[int, tuple[int, CandleRow]] = {}
        self.revision = 0
        self.generation = 1
        self.recalled: list[str] = []
        self.times: list[tuple[str, int]] = []

    # --- what a test does ---

    def trade(self, price: float) -> None:
        self.prints.append(TradeRow(len(self.prints) + 1, price, 1.0, 1))

    def fill(self, price: str) -> None:
        self.ours.append(FillRow(len(self.ours) + 1, "buy", "1", price, "o-1"))

    def bar(self, number: int, close: float, *, closed: bool = True) -> None:
        self.revision += 1
        row = CandleRow(number * 60, 1.0, 2.0, 0.5, close, None, closed, (close, None))
        self.candles[number] = self.revision, row

    def forget_bars(self) -> None:
        self.candles.clear()
        self.generation += 1

    # --- MarketPort ---

    def now_ns(self) -> int:
        self.clock += 1
        return self.clock

    def book(self, symbol: str) -> Book:
        if symbol != SYMBOL or not self.known:
            return Book((), (), False, None, "", "", False)
        return Book(*self.levels, True, 50.0, self.fault, "0.1", True)

    def trades(self, symbol: str, after: int) -> tuple[int, tuple[TradeRow, ...]]:
        if symbol != SYMBOL or not self.known:
            return 0, ()
        return len(self.prints), tuple(self.prints[after:][-MOST_TRADES:])

    def bars(self, symbol: str, interval_s: int, generation: int, after: int) -> Work[Bars]:
        yield
        if symbol != SYMBOL or not self.known:
            return Bars(60, ("EMA 12", "RSI 14"), 0, 0, ())
        after = after if generation == self.generation else 0
        rows = tuple(row for _, (number, row) in sorted(self.candles.items()) if number > after)
        return Bars(interval_s or 60, ("EMA 12", "RSI 14"), self.generation, self.revision, rows)

    async def recall(self, symbol: str) -> None:
        self.recalled.append(symbol)

    def fills(self, symbol: str, after: int) -> tuple[int, tuple[FillRow, ...]]:
        if symbol != SYMBOL or not self.known:
            return after, ()
        return len(self.ours), tuple(self.ours[after:][-MOST_FILLS:])

    async def latency(self) -> LatencyDetail:
        row = LatencyRow("frame", "made", 2, 10.0, 20.0, 20.0, 20.0, (10.0, 100.0), (1, 1, 0))
        return LatencyDetail(7, (row,))

    def framed(self, ns: int) -> None:
        self.times.append(("framed", ns))

    def sent(self, ns: int) -> None:
        self.times.append(("sent", ns))
