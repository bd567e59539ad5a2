"""What is known of the market of the symbol that is shown, merged from frames."""

from __future__ import annotations

from collections import deque

from engine.api.market_protocol import (
    MOST_BARS,
    MOST_FILLS,
    MOST_TRADES,
    CandleRow,
    FillRow,
    MarketFrame,
    TradeRow,
)

KEPT_TRADES = 2 * MOST_TRADES


class MarketDetail:
    """Merging is all that a frame costs."""

    def __init__(self) -> None:
        self.symbol = ""
        """"" before the first frame."""
        self.interval_s = 0
        self.frame: MarketFrame | None = None
        """The newest: its book and its clock."""
        self.trades: deque[TradeRow] = deque(maxlen=KEPT_TRADES)
        """Oldest first."""
        self.bars: dict[int, CandleRow] = {}
        """By their open, oldest first."""
        self.fills: deque[FillRow] = deque(maxlen=MOST_FILLS)
        """Ours, oldest first."""
        self.missed_trades = 0
        """Not shown, because too many came at once."""
        self.taken = 0
        """Trades and fills that came, of this symbol."""

    def clear(self) -> None:
        """Of another symbol, or another engine: nothing is known yet."""
        self.symbol, self.interval_s, self.frame = "", 0, None
        self.trades.clear()
        self.bars = {}
        self.fills.clear()
        self.missed_trades = self.taken = 0

    def copy(self) -> MarketDetail:
        """As it is now; what comes later does not change it."""
        other = MarketDetail()
        other.symbol, other.interval_s, other.frame = self.symbol, self.interval_s, self.frame
        other.trades, other.fills, other.bars = self.trades.copy(), self.fills.copy(), dict(self.bars)
        other.missed_trades, other.taken = self.missed_trades, self.taken
        return other

    def merge(self, frame: MarketFrame) -> None:
        if frame.full:
            self.clear()
        elif (frame.symbol, frame.interval_s) != (self.symbol, self.interval_s):
            return  # of what was watched before
        self.symbol, self.interval_s, self.frame = frame.symbol, frame.interval_s, frame
        self.trades.extend(frame.trades)
        self.taken += len(frame.trades) + len(frame.fills)
        self.missed_trades += frame.missed_trades
        for bar in frame.bars:
            self.bars[bar.open_ns] = bar
        if len(self.bars) > 2 * MOST_BARS:
            newest = sorted(self.bars)[-MOST_BARS:]
            self.bars = {ns: self.bars[ns] for ns in newest}
        self.fills.extend(frame.fills)
