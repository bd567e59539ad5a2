"""Where data comes from beside the live feeds, what of it is believed, and what of it is kept."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.config.values import LongSeconds, Percent, Seconds, Section


class PollingConfig(Section, frozen=True):
    """A REST source of prices and bars. Keys come from the environment, never from here."""

    enabled: bool = True
    priority: Annotated[int, Meta(ge=0, le=1000)] = 100
    """The lowest is asked first; the next one when it fails or its budget is spent."""
    rest_url: str = ""
    per_minute: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Requests; 0: as the service allows its free users."""
    per_day: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    timeout_s: Seconds = 5.0


class CollectionConfig(Section, frozen=True):
    """The loop that asks the polling sources for the symbols that no socket brings."""

    symbols: tuple[str, ...] = ()
    """Canonical names, such as AAPL, NAS100, XAU/USD, BTC/USD; none: the loop is off."""
    interval_s: Annotated[float, Meta(ge=0.2, le=3600)] = 1.0
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 100
    sources: dict[str, PollingConfig] = msgspec.field(default_factory=dict)
    """By name: yahoo, alpha-vantage, twelve-data, polygon, or a venue, whose own bars are then asked for."""


class QualityConfig(Section, frozen=True):
    """What is believed of market data, and for how long."""

    daily_return_pct: Percent = 30.0
    """A tick further than this from the one before is set aside, until five agree; a bar whose close is
    further than this, scaled by the fourth root of the time between the two (a minute: a sixth of it)."""
    trade_age_s: LongSeconds = 60.0
    """An older last trade is marked; where there is no quote beside it, entries are denied."""
    quote_age_s: LongSeconds = 10.0
    """A symbol whose last quote is older than this is stale, however many trades come: entries are denied."""
    book_age_s: LongSeconds = 10.0
    """A book without news for so long is marked; no order's price rests on it."""
    candle_age_s: LongSeconds = 180.0
    """Of symbols that only bars tell of: their last bar is marked from then on."""
    max_fill_bars: Annotated[int, Meta(ge=0, le=10_000)] = 60
    """Bars without a trade are filled in history, marked, at most this many in a row."""
    quarantine_rows: Annotated[int, Meta(ge=0, le=10_000_000)] = 100_000
    """What is set aside is kept up to here, the oldest go first."""


class HistoryConfig(Section, frozen=True):
    """Stored bars."""

    enabled: bool = True
    """Load what is missing at start, for feeds that are live; a simulated venue has no history to load."""
    days: Annotated[int, Meta(ge=1, le=3650)] = 90
    """Loaded when there is none or less, and kept."""
    interval_s: Literal[60, 300, 900, 3600, 86400] = 60


class CacheConfig(Section, frozen=True):
    """The newest bars and features, for whoever wants them fast."""

    bars: Annotated[int, Meta(ge=1, le=100_000)] = 5000
    """Per symbol."""
    redis_url: str = ""
    """redis://…, rediss://… or unix://…: other programs may read them there; "": they stay in the process."""
    prefix: str = "dfp"
    features_ttl_s: Annotated[float, Meta(ge=0.1, le=3600)] = 2.0


class RecordConfig(Section, frozen=True):
    """Tapes of what arrives, written while the desk runs."""

    ticks: bool = False
    """Trades and quotes, compact, played back by ``--tape``."""
    frames: bool = False
    """Every frame as it came, with books and all: about a hundred times larger."""
    dir: str = ""
    """Beside the database when empty."""
    max_gb: Annotated[float, Meta(ge=0.01, le=100_000)] = 10.0
    """The oldest tapes go when all of them are larger."""


SymbolNames = dict[str, dict[str, str]]
"""Canonical name -> venue, broker or source -> its spelling there, where that cannot be told by rule."""
