"""Coinbase Advanced Trade: what is subscribed of its market data socket, and the public REST it needs.

Frames: see ``coinbase_advanced_decoder``; REST: ``coinbase_advanced_rest``. Limits, by IP: 8 connects and 8
messages a second (https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-rate-limits).
A connection that has not subscribed within 5 s is dropped, and a channel after 60 to 90 s of silence unless
``heartbeats`` are subscribed too. No key is needed. Products that settle in USDC are told by their USD
twins: subscribe those.
"""

from __future__ import annotations

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import NS, Candle, Quote, Trade
from engine.feeds.base import Fetch, InstrumentSpec, Request
from engine.feeds.coinbase_advanced_decoder import AdvancedDecoder, frame
from engine.feeds.coinbase_advanced_rest import (
    VENUE,
    candles_request,
    products_request,
    quote_request,
    read_candles,
    read_instruments,
    read_quote,
    read_trades,
    trades_request,
)
from engine.feeds.venue import NativeVenue, chosen

__all__ = ["AdvancedDecoder", "CoinbaseAdvanced", "read_instruments"]


class CoinbaseAdvanced(NativeVenue):
    """The venue."""

    name = VENUE
    ws_url = "wss://advanced-trade-ws.coinbase.com"
    rest_url = "https://api.coinbase.com"
    rest_per_s = 5.0
    subscribe_per_s = 4.0
    heartbeats = True

    def __init__(self, config: FeedConfig) -> None:
        super().__init__(config)
        twins = [one for one in config.symbols if one.endswith("-USDC") and one.count("-") == 1]
        told = {"USDT-USDC", "EURC-USDC"}
        if any(one not in told for one in twins):
            native = next(one for one in twins if one not in told)
            raise ConfigError(
                f"feeds.{VENUE}.symbols: the venue tells {native} under the name of {native[:-1]}: name that"
            )

    def decoder(self) -> AdvancedDecoder:
        return AdvancedDecoder(self.natives, book_levels=self.book_levels, candles=self.candles)

    def connect_url(self, base: str) -> str:
        return base

    def subscribe(self) -> list[str]:
        channels = ["market_trades", "ticker"]
        if self.book_levels:
            channels.append("level2")
        if self.candles:
            channels.append("candles")
        frames = [frame("subscribe", channel, self.natives) for channel in channels]
        return [frame("subscribe", "heartbeats"), *frames]

    def candles_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
        return candles_request(native, interval_s, start_ns, end_ns)

    def parse_candles(self, native: str, interval_s: int, body: bytes, recv_ns: int) -> list[Candle]:
        return read_candles(native, interval_s, body, recv_ns)

    def instruments_request(self) -> Request:
        return products_request(self.natives)

    def all_instruments_request(self) -> Request:
        return products_request()

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        return chosen(self.name, self.natives, read_instruments(body))

    def quote_request(self, native: str) -> Request:
        return quote_request(native)

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        return read_quote(native, body, recv_ns)

    def recent_request(self, native: str) -> Request:
        return trades_request(native)

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        return read_trades(native, body, recv_ns)

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        """Pages run from new to old, by time in whole seconds, so they overlap: what is already there does
        no harm. A second with more trades than a page holds ends the search."""
        start_s = max(0, since_ns // NS - 1)
        end_s = recv_ns // NS + 2
        oldest = last_id + 1
        while oldest > first_id:
            page = self.parse_trades(native, (yield trades_request(native, start_s, end_s)), recv_ns)
            if not page:
                return
            found += page
            end = page[0].event_ns // NS + 1
            if end >= end_s:
                return
            oldest, end_s = min(oldest, page[0].trade_id), end
