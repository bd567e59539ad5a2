"""Kraken spot: what is subscribed of its v2 socket, and the REST it needs.

Channels ``trade``, ``book`` (its top as quotes; ``ticker`` at each change of the best bid or offer where no
book is wanted) and ``ohlc``: see ``kraken_decoder``; REST: ``kraken_rest``. Limits:
https://docs.kraken.com/api/docs/guides/spot-ws-intro.
"""

from __future__ import annotations

from engine.config import FeedConfig
from engine.events import NS, Candle, Quote, Trade
from engine.feeds.base import Fetch, InstrumentSpec, Request
from engine.feeds.kraken_decoder import INTERVALS_MIN, KrakenDecoder, frame, offered
from engine.feeds.kraken_rest import (
    read_candles,
    read_instruments,
    read_names,
    read_quote,
    read_trades,
    rest_name,
)
from engine.feeds.venue import NativeVenue, chosen

__all__ = ["Kraken", "KrakenDecoder", "read_instruments", "read_names"]


class Kraken(NativeVenue):
    """The venue. It allows about 150 connects per 10 minutes, and after maintenance wants them at least 5 s
    apart."""

    name = "kraken"
    ws_url = "wss://ws.kraken.com/v2"
    rest_url = "https://api.kraken.com"
    rest_per_s = 1.0
    subscribe_per_s = 10.0
    heartbeats = True
    ping_frame = '{"method":"ping"}'
    ping_s = 30.0
    connect_gap_s = 4.0
    bars_back = 720
    """https://docs.kraken.com/api/docs/rest-api/get-ohlc-data"""

    def __init__(self, config: FeedConfig) -> None:
        super().__init__(config)
        self._altnames: dict[str, str] = {}

    def decoder(self) -> KrakenDecoder:
        return KrakenDecoder(self.natives, book_levels=self.book_levels)

    def connect_url(self, base: str) -> str:
        return base

    def subscribe(self) -> list[str]:
        frames = [frame("subscribe", "trade", self.natives, snapshot=True)]
        if self.book_levels:
            frames.append(frame("subscribe", "book", self.natives, depth=offered(self.book_levels)))
        else:
            frames.append(frame("subscribe", "ticker", self.natives, event_trigger="bbo"))
        if self.candles:
            frames.append(frame("subscribe", "ohlc", self.natives, interval=1))
        return frames

    def candles_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
        """The venue tells its last 720 bars only, however early they are asked from."""
        if interval_s % 60 or interval_s // 60 not in INTERVALS_MIN:
            return None
        interval, since = str(interval_s // 60), str(max(0, start_ns // NS - 1))
        params = (("pair", self._pair_name(native)), ("interval", interval), ("since", since))
        return Request("/0/public/OHLC", params)

    def parse_candles(self, native: str, interval_s: int, body: bytes, recv_ns: int) -> list[Candle]:
        return read_candles(native, interval_s, body, recv_ns)

    def instruments_request(self) -> Request:
        return Request("/0/public/AssetPairs")

    def all_instruments_request(self) -> None:
        return None

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        specs = chosen(self.name, self.natives, read_instruments(body), " (BTC/USD, not XBTUSD)")
        self._altnames = read_names(body)
        return specs

    def _pair_name(self, native: str) -> str:
        return self._altnames.get(native) or rest_name(native)

    def quote_request(self, native: str) -> Request:
        return Request("/0/public/Ticker", (("pair", self._pair_name(native)),))

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        return read_quote(native, body, recv_ns)

    def recent_request(self, native: str) -> Request:
        return Request("/0/public/Trades", (("pair", self._pair_name(native)),))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        return read_trades(native, body, recv_ns)

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        """Pages run from old to new, by time: ``since`` is in ns and exclusive."""
        since = since_ns - 1
        reached = -1
        while reached < last_id:
            params = (("pair", self._pair_name(native)), ("since", str(since)))
            page = self.parse_trades(native, (yield Request("/0/public/Trades", params)), recv_ns)
            if not page or page[-1].trade_id <= reached:
                return
            found += page
            reached, since = page[-1].trade_id, page[-1].event_ns
