"""Market context and external quant servers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.config.values import Seconds, Section, Share


class SourceConfig(Section, frozen=True):
    """A public source of market context, asked every ``interval_s``. Off unless enabled."""

    enabled: bool = False
    url: str = ""
    """Base address; empty: the source's own."""
    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 30.0
    timeout_s: Annotated[float, Meta(ge=0.05, le=120)] = 10.0
    backoff_max_s: Seconds = 300.0


class OpenInterestConfig(SourceConfig, frozen=True):
    """Open interest of Binance USD-M futures."""

    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    """Perpetual futures in the venue's spelling."""
    history: Annotated[int, Meta(ge=0, le=500)] = 24
    """Five-minute points of the past that are fetched at start, so that the module need not wait for them."""


class OptionsConfig(SourceConfig, frozen=True):
    """Options on Deribit."""

    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 60.0
    currencies: tuple[str, ...] = ("BTC", "ETH")


class FearGreedConfig(SourceConfig, frozen=True):
    """The fear-and-greed index of alternative.me, which changes once a day."""

    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 1800.0


class NewsConfig(Section, frozen=True):
    """Headlines of RSS and Atom feeds, scored by a lexicon; needs ``pip install 'tickdesk[news]'``."""

    enabled: bool = False
    feeds: tuple[str, ...] = ()
    """Addresses of RSS or Atom documents."""
    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 300.0
    timeout_s: Annotated[float, Meta(ge=0.05, le=120)] = 10.0
    backoff_max_s: Seconds = 1800.0
    names: tuple[str, ...] = (
        "BTC bitcoin",
        "ETH ethereum ether",
        "SOL solana",
        "XRP ripple",
        "ADA cardano",
        "LTC litecoin",
        "DOT polkadot",
        "AVAX avalanche",
        "DOGE dogecoin",
    )
    """An asset and the words by which a headline is about it; one with none is about the whole market."""


class QuantServerConfig(Section, frozen=True):
    """An external quant server, asked with ``POST`` for every symbol. Its token: TICKDESK_QUANT_TOKEN."""

    enabled: bool = True
    url: str = ""
    """``http(s)://host[:port][/path]``; the path is /signals when none is given."""
    symbols: tuple[str, ...] = ()
    """``venue:NATIVE``; empty: all of the desk."""
    interval_s: Annotated[float, Meta(ge=0.1, le=86_400)] = 10.0
    bars: Annotated[int, Meta(ge=2, le=512)] = 200
    """Candles sent with each request, at most: some measures need more than 120."""
    timeout_ms: Annotated[float, Meta(ge=10, le=60_000)] = 2000.0
    """Of one attempt."""
    attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    backoff_ms: Annotated[float, Meta(ge=1, le=60_000)] = 200.0
    """Before the second attempt; doubling, jittered."""
    max_in_flight: Annotated[int, Meta(ge=1, le=100)] = 4
    ttl_s: Seconds = 30.0
    """How long its scores count."""
    block_s: Seconds = 30.0
    """How long its "block" holds after it was last said."""
    confidence: Share = 0.7
    """Of its scores: the wire carries none."""
    breaker_failures: Annotated[int, Meta(ge=1, le=1000)] = 5
    """So many failed attempts in a row open the circuit."""
    breaker_reset_s: Annotated[float, Meta(ge=0.05, le=3600)] = 30.0
    """How long it stays open before one request may try again."""


class QuantConfig(Section, frozen=True):
    """Sources of market context. None is asked unless enabled here: the default desk needs no network."""

    open_interest: OpenInterestConfig = OpenInterestConfig()
    options: OptionsConfig = OptionsConfig()
    fear_greed: FearGreedConfig = FearGreedConfig()
    news: NewsConfig = NewsConfig()
    servers: dict[str, QuantServerConfig] = msgspec.field(default_factory=dict)
