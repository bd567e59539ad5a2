"""What travels on the link about the market of one symbol: its book, its trades, its bars, our fills in it.

A client says on its stream (``WS /v1/stream``) which symbol it watches: a ``Watch`` as a text message, again
for another. It is then sent ``MarketFrame`` messages at the rate of the state frames, with what is new; and
none while nothing is.
"""

from __future__ import annotations

import msgspec

from engine.api.rows import Row

MOST_BARS = 500
MOST_TRADES = 200
MOST_FILLS = 200


class Watch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The one symbol whose market a client shows."""

    symbol: str = ""
    """Canonical; "": none."""
    interval_s: int = 0
    """Of the bars, seconds: a multiple of the desk's own; 0: the desk's own."""


class TradeRow(Row, frozen=True):
    """One print: the price in the quote currency, the size in units of the base."""

    ns: int
    price: float
    size: float
    side: int
    """The taker's: +1 bought, -1 sold, 0 unknown."""


class CandleRow(Row, frozen=True):
    """One bar, with the desk's indicators at its close."""

    open_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    closed: bool
    indicators: tuple[float | None, ...] = ()
    """By ``MarketFrame.indicators``; None where it is not known yet."""


class FillRow(Row, frozen=True):
    """A fill of ours."""

    ns: int
    side: str
    quantity: str
    price: str
    order_id: str


class MarketFrame(msgspec.Struct, frozen=True, tag_field="type", tag="market"):
    """What is new of the watched symbol's market since the client's last frame (all of it when ``full``)."""

    full: bool
    symbol: str
    ns: int
    """The desk's clock."""
    interval_s: int
    """Of the bars."""
    bids: tuple[tuple[float, float], ...] = ()
    """(price, size), best first; of every frame. The quote alone where the venue tells no depth."""
    asks: tuple[tuple[float, float], ...] = ()
    depth: bool = False
    """Whether ``bids`` and ``asks`` are a book, and not the quote alone."""
    book_age_ms: float | None = None
    book_fault: str = ""
    """Why there is no book that is right; "" when there is one, or the venue tells none."""
    tick_size: str = ""
    """Decimal text; "" when unknown."""
    known: bool = True
    """Whether the desk has the symbol: of one that it has not, there is nothing."""
    trades: tuple[TradeRow, ...] = ()
    """Newer than the last frame's, oldest first, at most ``MOST_TRADES``."""
    missed_trades: int = 0
    """So many came between two frames and are left out, the oldest of them."""
    indicators: tuple[str, ...] = ()
    """Names of what ``bars`` carry: ``EMA 12``, ``VWAP``, ``BB upper``, ``RSI 14``…"""
    bars: tuple[CandleRow, ...] = ()
    """New or changed, oldest first, at most ``MOST_BARS``; the last one is still open."""
    fills: tuple[FillRow, ...] = ()
    """New ones, oldest first, at most ``MOST_FILLS``."""


class LatencyRow(Row, frozen=True):
    """How long one stage took, of the newest that were measured."""

    stage: str
    about: str
    """From where to where, one line."""
    count: int
    """Measured since start."""
    p50_us: float | None
    p90_us: float | None
    p99_us: float | None
    max_us: float | None
    bounds_us: tuple[float, ...]
    """Upper bounds of the buckets, rising; the last bucket, above them all, has none."""
    counts: tuple[int, ...]
    """Of each bucket: one more than there are bounds."""


class LatencyDetail(msgspec.Struct, frozen=True):
    ns: int
    stages: tuple[LatencyRow, ...]
