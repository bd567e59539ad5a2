"""Market data, and the context around it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from engine.events.base import Event


class Trade(Event, frozen=True, gc=False):
    """One print."""

    symbol: str
    trade_id: int
    """The venue's id, rising by one per symbol on the venues we speak; -1 where it gives none."""
    price: float
    size: float
    aggressor: int
    """The taker's side: +1 bought, -1 sold, 0 unknown."""
    event_ns: int
    recv_ns: int
    backfilled: bool = False
    """Fetched by REST after a cut: recorded and counted, never traded on."""


class Quote(Event, frozen=True, gc=False):
    """Best bid and offer. A size that the venue does not tell is NaN."""

    symbol: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    event_ns: int
    recv_ns: int


class Depth(Event, frozen=True, gc=False):
    """The best levels of a symbol's book at one moment: (price, size), best first."""

    symbol: str
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]
    event_ns: int
    recv_ns: int

    def imbalance(self, levels: int) -> float:
        """(bid size - ask size) / (bid size + ask size) over the best levels, in [-1, 1]; 0 when empty."""
        bid = sum(size for _, size in self.bids[:levels])
        ask = sum(size for _, size in self.asks[:levels])
        return (bid - ask) / (bid + ask) if bid + ask > 0 else 0.0


class BookStatus(Event, frozen=True, gc=False):
    """A symbol's book became wrong, or right again.

    While it is wrong nothing is published of it, and what was published before is not to be believed.
    """

    symbol: str
    live: bool
    reason: str
    """Why it is not live; "" when it is."""
    quotes: bool
    """The symbol's quotes are the top of this book: they are wrong with it."""
    recv_ns: int


class GridChange(Event, frozen=True, gc=False):
    """A venue changed an instrument's grid, or its least or largest order."""

    symbol: str
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    max_quantity: Decimal
    """0: none is told."""
    quote_currency: str
    recv_ns: int


class Candle(Event, frozen=True, gc=False):
    """One bar as a venue or a data service tells it."""

    symbol: str
    interval_s: int
    open_ns: int
    """Where the bar begins, a multiple of its interval (days begin where the source begins them)."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    """Base units (shares); NaN where the source tells none."""
    closed: bool
    """By the venue's own word, or because its successor has begun: only then it is final."""
    event_ns: int
    """When the source told it by its own clock, else its end or the time of the last trade in it."""
    recv_ns: int
    trades: int = -1
    """-1: not told."""
    source: str = ""
    """Who told it: "" the symbol's venue by its socket, else the name of a REST source."""
    filled: bool = False
    """No trade happened in it: made flat from the close before, to fill a gap."""


class Gap(Event, frozen=True, gc=False):
    """Trades ``first_id..last_id`` (inclusive; -1 unknown) of a symbol were missed and not backfilled."""

    symbol: str
    first_id: int
    last_id: int
    reason: str
    recv_ns: int


class FeedState(StrEnum):
    CONNECTING = "connecting"
    UP = "up"
    STALE = "stale"
    """The socket is open, data is not flowing."""
    POLLING = "polling"
    """The socket is away; REST stands in."""
    DOWN = "down"
    ENDED = "ended"
    """A tape has been played to its end: nothing more comes, and nothing is wrong."""


class FeedStatus(Event, frozen=True, gc=False):
    """A feed changed state."""

    venue: str
    state: FeedState
    detail: str
    recv_ns: int
    reconnects: int = 0


class Malformed(Event, frozen=True, gc=False):
    """A frame that could not be decoded. ``excerpt`` is cleaned and at most 120 characters."""

    venue: str
    excerpt: str
    error: str
    recv_ns: int


class OpenInterest(Event, frozen=True, gc=False):
    """How many contracts of a future are open, and at what price."""

    venue: str
    underlying: str
    """The base asset, e.g. ``"BTC"``."""
    open_interest: float
    """Units of the underlying."""
    price: float
    """The future's mark price at that time, in its quote currency."""
    event_ns: int
    recv_ns: int
    backfilled: bool = False
    """History, fetched at start: learned from, no reason for a signal."""


class OptionsFlow(Event, frozen=True, gc=False):
    """The options of one underlying: what is open, what a day traded, and who took what since the last event.

    All amounts are units of the underlying; a figure that the venue does not tell is NaN.
    """

    venue: str
    underlying: str
    call_volume: float
    """Traded in the last 24 hours."""
    put_volume: float
    call_open_interest: float
    put_open_interest: float
    calls_bought: float
    """By takers, in the trades that are new since the last event."""
    calls_sold: float
    puts_bought: float
    puts_sold: float
    trades: int
    """How many trades are new since the last event."""
    event_ns: int
    recv_ns: int


class Sentiment(Event, frozen=True, gc=False):
    """One reading of a mood: an index, or one headline."""

    source: str
    """``"fear-greed"`` or ``"news"``."""
    underlying: str
    """The base asset it speaks of; "" when it is of the whole market."""
    value: float
    """-1 (fear, bad news) to +1 (greed, good news), as the source tells it."""
    text: str
    """The index' own words, or the headline: cleaned, at most 120 characters."""
    event_ns: int
    """When it was published."""
    recv_ns: int


OtherEvent = Depth | BookStatus | GridChange | Candle | Gap | FeedStatus | Malformed
"""Beside ticks."""
MarketEvent = Trade | Quote | OtherEvent
ContextEvent = OpenInterest | OptionsFlow | Sentiment
