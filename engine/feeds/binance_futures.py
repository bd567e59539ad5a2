"""Binance USD-M futures: aggregated trades, best bid and offer, books and bars.

The venue tells them on two connections: what changes with the book under ``/public``, trades and bars under
``/market``; a stream that is asked for at the wrong one is acknowledged, and never comes. So the feed is two,
joined. Trades are the aggregated ones: their ids rise by one, and REST tells them by id without a key.

https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Important-WebSocket-Change-Notice
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.config import FeedConfig
from engine.events import Trade
from engine.feeds import binance_rest
from engine.feeds.base import Fetch, InstrumentSpec, Price, Request, TradeId
from engine.feeds.binance_book import Time, Traded, time_ns
from engine.feeds.binance_rest import PAGE, BinanceVenue, refusal
from engine.feeds.binance_streams import AGGREGATE, StreamDecoder
from engine.feeds.venue import Venue

NAME = "binance-futures"
REST_URL = "https://fapi.binance.com"


class BinanceFuturesDecoder(StreamDecoder):
    """Frames of the USD-M futures' market streams."""

    venue = NAME
    prints = AGGREGATE


class _Aggregate(msgspec.Struct):
    a: TradeId
    p: Price
    q: Traded
    T: Time
    m: bool


_aggregates = msgspec.json.Decoder(list[_Aggregate], strict=False).decode


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """All contracts of an ``exchangeInfo`` reply. Raises ValueError when it is none."""
    return binance_rest.read_instruments(NAME, body)


class BinanceFutures(BinanceVenue):
    """The venue as its REST tells it; see Venue. Its connections are ``parts``."""

    name = NAME
    ws_url = "wss://fstream.binance.com"
    rest_url = REST_URL
    rest_root = "/fapi/v1"
    rest_per_s = 0.8
    """The venue allows a weight of 2,400 a minute; the heaviest request asked here, a page of trades, weighs
    20, and bars and open interest are asked for beside."""
    most_streams = 200
    route = ""

    def stream_kinds(self) -> tuple[str, ...]:
        return ()

    def connect_url(self, base: str) -> str:
        return super().connect_url(base.rstrip("/") + self.route)

    def decoder(self) -> BinanceFuturesDecoder:
        return BinanceFuturesDecoder(self.natives, book_levels=self.book_levels)

    def instruments_request(self) -> Request:
        return Request("/fapi/v1/exchangeInfo")

    def all_instruments_request(self) -> None:
        return None

    def recent_request(self, native: str) -> Request | None:
        return Request("/fapi/v1/aggTrades", (("symbol", native), ("limit", str(PAGE))))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        try:
            rows = sorted(_aggregates(body), key=lambda row: row.a)
        except msgspec.MsgspecError as wrong:
            raise refusal(body, wrong) from None
        symbol = f"{NAME}:{native}"
        return [
            Trade(symbol, row.a, row.p, row.q, -1 if row.m else 1, time_ns(row.T), recv_ns) for row in rows
        ]

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        next_id = first_id
        while next_id <= last_id:
            params = (("symbol", native), ("limit", str(PAGE)), ("fromId", str(next_id)))
            page = self.parse_trades(native, (yield Request("/fapi/v1/aggTrades", params)), recv_ns)
            if not page or page[-1].trade_id < next_id:
                return
            found += page
            next_id = page[-1].trade_id + 1


class BookConnection(BinanceFutures):
    """Best bid and offer, and books."""

    route = "/public"
    channels: tuple[str, ...] = ("quote", "book")

    def stream_kinds(self) -> tuple[str, ...]:
        return ("bookTicker", "depth@100ms") if self.book_levels else ("bookTicker",)

    def recent_request(self, native: str) -> None:
        """The other connection's."""
        return None


class TradeConnection(BinanceFutures):
    """Trades and bars."""

    route = "/market"
    channels: tuple[str, ...] = ("trade", "candle")

    def stream_kinds(self) -> tuple[str, ...]:
        return ("aggTrade", "kline_1m") if self.candles else ("aggTrade",)

    def decoder(self) -> BinanceFuturesDecoder:
        return BinanceFuturesDecoder(self.natives, book_levels=0)

    def book_request(self, native: str) -> None:
        return None


def parts(config: FeedConfig) -> Sequence[Venue]:
    """What a feed of the venue consists of, a connection each."""
    return BookConnection(config), TradeConnection(config)
