"""Binance spot: trades, best bid and offer, books and bars on one connection, and the REST it needs.

Trade ids rise by one per symbol. https://data-stream.binance.vision and api.binance.com speak the same
protocol: https://github.com/binance/binance-spot-api-docs (web-socket-streams.md, rest-api.md).
"""

from __future__ import annotations

import msgspec

from engine.events import Trade
from engine.feeds import binance_rest
from engine.feeds.base import Fetch, InstrumentSpec, Price, Request, TradeId
from engine.feeds.binance_book import Time, Traded, time_ns
from engine.feeds.binance_rest import PAGE, BinanceVenue
from engine.feeds.binance_streams import StreamDecoder


class BinanceDecoder(StreamDecoder):
    """Frames of the spot market streams."""

    venue = "binance"


class _RestTrade(msgspec.Struct, rename="camel"):
    id: TradeId
    price: Price
    qty: Traded
    time: Time
    is_buyer_maker: bool

    @property
    def aggressor(self) -> int:
        return -1 if self.is_buyer_maker else 1


_rest_trades = msgspec.json.Decoder(list[_RestTrade], strict=False).decode


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """All instruments of an ``exchangeInfo`` reply. Raises ValueError when it is none."""
    return binance_rest.read_instruments("binance", body)


class Binance(BinanceVenue):
    """See Venue."""

    name = "binance"
    ws_url = "wss://stream.binance.com:9443"
    rest_url = "https://api.binance.com"
    rest_root = "/api/v3"
    rest_per_s = 3.0
    """The venue allows a weight of 6,000 a minute; the heaviest request asked here, of trades or of a book,
    weighs 25."""
    most_streams = 1024

    def stream_kinds(self) -> tuple[str, ...]:
        book = ("depth@100ms",) if self.book_levels else ()
        bars = ("kline_1m",) if self.candles else ()
        return ("trade", "bookTicker", *book, *bars)

    def decoder(self) -> BinanceDecoder:
        return BinanceDecoder(self.natives, book_levels=self.book_levels)

    def instruments_request(self) -> Request:
        names = msgspec.json.encode(self.natives).decode()
        return Request("/api/v3/exchangeInfo", (("symbols", names),))

    def all_instruments_request(self) -> Request:
        """One unknown symbol makes the venue refuse all of them, and it does not say which."""
        return Request("/api/v3/exchangeInfo")

    def recent_request(self, native: str) -> Request:
        return Request("/api/v3/trades", (("symbol", native), ("limit", str(PAGE))))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        rows = sorted(_rest_trades(body), key=lambda row: row.id)
        symbol = f"binance:{native}"
        return [
            Trade(symbol, row.id, row.price, row.qty, row.aggressor, time_ns(row.time), recv_ns)
            for row in rows
        ]

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        """The recent trades first (cheap); what is older by ``historicalTrades``, page by page."""
        recent = self.parse_trades(native, (yield self.recent_request(native)), recv_ns)
        found += recent
        upto = min(recent[0].trade_id - 1 if recent else last_id, last_id)
        next_id = first_id
        while next_id <= upto:
            params = (("symbol", native), ("limit", str(PAGE)), ("fromId", str(next_id)))
            page = self.parse_trades(native, (yield Request("/api/v3/historicalTrades", params)), recv_ns)
            if not page or page[-1].trade_id < next_id:
                return
            found += page
            next_id = page[-1].trade_id + 1
