"""What Binance's REST tells alike of spot and of USD-M futures: instruments, books, quotes, bars.

https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md
https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from urllib.parse import urlencode

import msgspec

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import NS, Candle, Quote
from engine.feeds.base import InstrumentSpec, Price, Request, TradeId, UnreachableError
from engine.feeds.binance_book import MS, SNAPSHOT_LEVELS, Size, Time, Traded, time_ns
from engine.feeds.binance_streams import INTERVALS
from engine.feeds.candles import settled
from engine.feeds.rest import SaidNoError
from engine.feeds.venue import NativeVenue, chosen
from engine.text import clean

PAGE = 1000
"""Rows of a page, of trades and of bars."""
_NAMES = {seconds: name for name, seconds in INTERVALS.items()}
_TOO_MANY = frozenset({-1003, -1015, -1008, -1001, -1016})
"""Error codes that pass: too many requests, overload, no connection inside of the venue."""
_BY_URL = 100
"""Streams that a URL names at most: longer ones are cut off by what stands between."""


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: Decimal = Decimal(0)
    step_size: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    quote_asset: str
    filters: list[_Filter]


class _ExchangeInfo(msgspec.Struct):
    symbols: list[_Symbol]


class _Book(msgspec.Struct, rename="camel"):
    bid_price: Price
    bid_qty: Traded
    ask_price: Price
    ask_qty: Traded
    time: Time = 0


class _Bar(msgspec.Struct, array_like=True):
    open_time: Time
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    close_time: Time
    quote_volume: Size
    trades: TradeId


class _Error(msgspec.Struct):
    code: int
    msg: str = ""


_exchange_info = msgspec.json.Decoder(_ExchangeInfo, strict=False).decode
_book = msgspec.json.Decoder(_Book, strict=False).decode
_bars = msgspec.json.Decoder(list[_Bar], strict=False).decode
_error = msgspec.json.Decoder(_Error).decode


def read_instruments(venue: str, body: str | bytes) -> list[InstrumentSpec]:
    """All instruments of an ``exchangeInfo`` reply. Raises ValueError when it is none."""
    specs = []
    for entry in _exchange_info(body).symbols:
        filters = {one.filter_type: one for one in entry.filters}
        price, lot = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
        notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL")
        if price is None or lot is None or price.tick_size <= 0 or lot.step_size <= 0:
            continue
        specs.append(
            InstrumentSpec(
                symbol=f"{venue}:{clean(entry.symbol, 40)}",
                tick_size=price.tick_size.normalize(),
                lot_size=lot.step_size.normalize(),
                min_notional=(notional.min_notional or notional.notional) if notional else Decimal(0),
                quote_currency=clean(entry.quote_asset, 20),
                max_quantity=lot.max_qty.normalize(),
            )
        )
    return specs


class BinanceVenue(NativeVenue, ABC):
    """See Venue. A venue says where its REST begins, and which channels a connection carries."""

    name: str
    subscribe_per_s = 4.0
    heartbeats = False
    connect_gap_s = 2.0
    """The venue allows 300 connects in 5 minutes per IP, which it may share with other programs."""
    lifetime_s = 23.5 * 3600
    """The venue cuts at 24 h."""
    book_gap_s = 0.5
    rest_root: str
    most_streams: int
    """Of a connection."""

    def __init__(self, config: FeedConfig) -> None:
        """Raises ConfigError for more symbols than a connection carries."""
        super().__init__(config)
        each = max(len(self.stream_kinds()), 1)
        most = self.most_streams // each
        if len(self.natives) > most:
            raise ConfigError(
                f"feeds.{self.name}.symbols names {len(self.natives)}: one connection carries "
                f"{most} at most, with {each} streams each; name fewer"
            )

    @abstractmethod
    def stream_kinds(self) -> tuple[str, ...]:
        """The streams of each symbol."""

    def _streams(self) -> list[str]:
        return [f"{native.lower()}@{channel}" for native in self.natives for channel in self.stream_kinds()]

    def connect_url(self, base: str) -> str:
        """Streams are subscribed by the URL, which costs none of the few inbound messages a second, unless
        they are too many for one."""
        streams = self._streams()
        root = f"{base.rstrip('/')}/stream"
        if len(streams) > _BY_URL:
            return root
        return f"{root}?{urlencode({'streams': '/'.join(streams)}, safe='/@')}"

    def subscribe(self) -> list[str]:
        streams = self._streams()
        if len(streams) <= _BY_URL:
            return []
        pages = range(0, len(streams), _BY_URL)
        return [
            msgspec.json.encode(
                {"method": "SUBSCRIBE", "params": streams[first : first + _BY_URL], "id": number}
            ).decode()
            for number, first in enumerate(pages, 1)
        ]

    def book_request(self, native: str) -> Request | None:
        limit = ("limit", str(SNAPSHOT_LEVELS))
        return Request(f"{self.rest_root}/depth", (("symbol", native), limit)) if self.book_levels else None

    def candles_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
        name = _NAMES.get(interval_s)
        if name is None:
            return None
        times = (("startTime", str(-(-start_ns // MS))), ("endTime", str(-(-end_ns // MS) - 1)))
        asked = (("symbol", native), ("interval", name), *times, ("limit", str(PAGE)))
        return Request(f"{self.rest_root}/klines", asked)

    def parse_candles(self, native: str, interval_s: int, body: bytes, recv_ns: int) -> list[Candle]:
        rows = sorted(self._rows(body), key=lambda row: row.open_time)
        newest_ns = time_ns(rows[-1].open_time) if rows else 0
        return [self._candle(native, interval_s, row, newest_ns, recv_ns) for row in rows]

    def _rows(self, body: bytes) -> list[_Bar]:
        try:
            return _bars(body)
        except msgspec.MsgspecError as wrong:
            raise refusal(body, wrong) from None

    def _candle(self, native: str, interval_s: int, row: _Bar, newest_ns: int, recv_ns: int) -> Candle:
        open_ns = time_ns(row.open_time)
        closed = settled(open_ns, interval_s, newest_ns, recv_ns)
        event_ns = open_ns + interval_s * NS if closed else recv_ns
        return Candle(
            f"{self.name}:{native}", interval_s, open_ns, row.open, row.high, row.low, row.close, row.volume,
            closed, event_ns, recv_ns, row.trades, self.name,
        )  # fmt: skip

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        return chosen(self.name, self.natives, read_instruments(self.name, body))

    def quote_request(self, native: str) -> Request:
        return Request(f"{self.rest_root}/ticker/bookTicker", (("symbol", native),))

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        book = _book(body)
        event_ns = time_ns(book.time) if book.time else recv_ns
        prices = book.bid_price, book.bid_qty, book.ask_price, book.ask_qty
        return Quote(f"{self.name}:{native}", *prices, event_ns, recv_ns)


def refusal(body: bytes, wrong: Exception) -> Exception:
    """What to raise for a body that is none of those asked for: it may be the venue's own error."""
    try:
        error = _error(body)
    except msgspec.MsgspecError:
        return ValueError(f"not the answer expected ({clean(wrong, 80)})")
    text = f"error {error.code}: {clean(error.msg, 100)}"
    return UnreachableError(text) if error.code in _TOO_MANY else SaidNoError(text)
