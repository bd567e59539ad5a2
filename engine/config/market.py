"""Market data: venues, the simulated one, features."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from engine.config.values import Seconds, Section, Seed


class FeedConfig(Section, frozen=True):
    """A venue that is connected to. URLs default to the venue's own."""

    enabled: bool = True
    symbols: tuple[str, ...] = ()
    """Canonical (BTC/USD, AAPL) or in the venue's spelling: BTCUSDT (Binance), BTC-USD (Coinbase)."""
    ws_url: str = ""
    rest_url: str = ""
    silence_s: Seconds = 10.0
    """The data watchdog: no data for this long means stale, and the socket is replaced."""
    backoff_max_s: Seconds = 30.0
    poll_interval_s: Seconds = 1.0
    """While the socket is away, REST is asked this often."""
    book_levels: Annotated[int, Meta(ge=0, le=200)] = 10
    """Levels a side of each book that are kept in step and published; 0: no books."""
    candles: bool = False
    """Take the venue's own one-minute bars as well."""
    transport: Literal["websockets", "picows"] = "websockets"
    """picows needs the extra tickdesk[fast]."""


class SimulatedConfig(Section, frozen=True):
    """The embedded venue: a seeded limit-order-book simulation."""

    enabled: bool = True
    symbols: tuple[str, ...] = (
        "BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD", "LTC-USD", "DOT-USD", "AVAX-USD",
    )  # fmt: skip
    seed: Seed = 7
    history_s: Annotated[int, Meta(ge=0, le=3600)] = 300
    """Seconds of the past that are simulated at start, so that indicators are warm."""
    depth_levels: Annotated[int, Meta(ge=0, le=50)] = 5
    """Levels of the book that are published a few times a second, for the paper venue; 0: none."""


class FeaturesConfig(Section, frozen=True):
    """Windows and indicator periods, in bars unless said otherwise."""

    window_s: Annotated[float, Meta(ge=0.1, le=6_048_000)] = 5.0
    bar_s: Annotated[float, Meta(ge=0.1, le=604_800)] = 1.0
    max_fill_bars: Annotated[int, Meta(ge=0, le=86_400)] = 60
    """Bars without a trade are filled flat, at most this many in a row. 0: none is, and the next bar follows
    the last one however long that is ago: of markets that close."""
    rsi_period: Annotated[int, Meta(ge=2, le=100)] = 14
    ema_fast: Annotated[int, Meta(ge=2, le=200)] = 12
    ema_slow: Annotated[int, Meta(ge=2, le=200)] = 26
    macd_signal: Annotated[int, Meta(ge=2, le=100)] = 9
    bb_period: Annotated[int, Meta(ge=2, le=200)] = 20
    bb_width: Annotated[float, Meta(gt=0, le=100)] = 2.0
    atr_period: Annotated[int, Meta(ge=2, le=100)] = 14
    volume_ma_period: Annotated[int, Meta(ge=2, le=200)] = 20
    momentum_period: Annotated[int, Meta(ge=1, le=200)] = 10
    sma_fast: Annotated[int, Meta(ge=2, le=200)] = 50
    sma_slow: Annotated[int, Meta(ge=2, le=200)] = 200
