"""Coinbase Exchange: what is subscribed of its feed, and the REST it needs.

Frames: see ``coinbase_decoder``; REST: ``coinbase_rest``. Limits, by IP: 8 connects a second, 20 in a burst
(https://docs.cdp.coinbase.com/exchange/websocket-feed/rate-limits). A connection that has not subscribed
within 5 s is dropped. The feed has no channel for bars: they are REST's.
"""

from __future__ import annotations

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import Candle, Quote, Trade
from engine.feeds.base import Fetch, InstrumentSpec, Request
from engine.feeds.coinbase_decoder import CoinbaseDecoder, channels, frame
from engine.feeds.coinbase_rest import (
    PAGE,
    candles_request,
    path,
    read_candles,
    read_instruments,
    read_quote,
    read_trades,
    taker,
)
from engine.feeds.venue import NativeVenue, chosen

__all__ = ["Coinbase", "CoinbaseDecoder", "read_instruments", "taker"]


class Coinbase(NativeVenue):
    """The venue."""

    name = "coinbase"
    ws_url = "wss://ws-feed.exchange.coinbase.com"
    rest_url = "https://api.exchange.coinbase.com"
    rest_per_s = 5.0
    subscribe_per_s = 4.0
    heartbeats = True

    def __init__(self, config: FeedConfig) -> None:
        super().__init__(config)
        if config.candles:
            raise ConfigError(
                "feeds.coinbase.candles: this venue's socket has no bars; name coinbase in "
                "collection.sources for those of its REST, or take the venue coinbase-advanced"
            )

    def decoder(self) -> CoinbaseDecoder:
        return CoinbaseDecoder(self.natives, book_levels=self.book_levels)

    def connect_url(self, base: str) -> str:
        return base

    def subscribe(self) -> list[str]:
        return [frame("subscribe", self.natives, channels(self.book_levels))]

    def candles_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
        return candles_request(native, interval_s, start_ns, end_ns)

    def parse_candles(self, native: str, interval_s: int, body: bytes, recv_ns: int) -> list[Candle]:
        return read_candles(native, interval_s, body, recv_ns)

    def instruments_request(self) -> Request:
        return Request("/products")

    def all_instruments_request(self) -> None:
        return None

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        return chosen(self.name, self.natives, read_instruments(body))

    def quote_request(self, native: str) -> Request:
        return Request(f"{path(native)}/ticker")

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        return read_quote(native, body, recv_ns)

    def recent_request(self, native: str) -> Request:
        return Request(f"{path(native)}/trades", (("limit", str(PAGE)),))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        return read_trades(native, body, recv_ns)

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        """Pages run from new to old: ``after`` is an id, and the page holds what is older than it."""
        after = last_id + 1
        while after > first_id:
            params = (("limit", str(PAGE)), ("after", str(after)))
            page = self.parse_trades(native, (yield Request(f"{path(native)}/trades", params)), recv_ns)
            if not page or page[0].trade_id >= after:
                return
            found += page
            after = page[0].trade_id
