"""Binance spot: combined streams ``<symbol>@trade`` and ``<symbol>@bookTicker``, and the REST it needs.

Protocol: https://github.com/binance/binance-spot-api-docs (web-socket-streams.md, rest-api.md).
Trade ids rise by one per symbol. ``m`` is "the buyer is the maker": then the taker sold. A bookTicker has
no time of its own, its ``event_ns`` is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from engine.config import FeedConfig
from engine.errors import ConfigError
from engine.events import MarketEvent, Quote, Trade
from engine.feeds.base import (
    BOOK_LEVELS,
    Fetch,
    InstrumentSpec,
    NativeVenue,
    Request,
    TradeId,
    VenueDecoder,
    chosen,
)
from engine.feeds.timestamps import MAX_NS
from engine.text import clean

MS = 1_000_000
MAX_MS = MAX_NS // MS
_Millis = Annotated[int, msgspec.Meta(ge=0, le=MAX_MS)]
_PAGE = 1000
MAX_SYMBOLS = 512
"""Of a connection: the venue allows it 1,024 streams."""
_COMBINED = '{"stream":"'


class _Trade(msgspec.Struct, gc=False):
    s: str
    t: TradeId
    p: float
    q: float
    T: _Millis
    m: bool


class _BookTicker(msgspec.Struct, gc=False):
    s: str
    b: float
    B: float
    a: float
    A: float


class _TradeFrame(msgspec.Struct, gc=False):
    data: _Trade


class _BookTickerFrame(msgspec.Struct, gc=False):
    data: _BookTicker


class _Any(msgspec.Struct):
    """The fields by which a frame of unknown shape is recognised."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    e: str = ""
    u: int | None = None
    b: msgspec.Raw = msgspec.Raw()
    code: int | None = None
    msg: str = ""
    error: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.Raw()


_trade = msgspec.json.Decoder(_Trade, strict=False).decode
_book_ticker = msgspec.json.Decoder(_BookTicker, strict=False).decode
_trade_frame = msgspec.json.Decoder(_TradeFrame, strict=False).decode
_book_ticker_frame = msgspec.json.Decoder(_BookTickerFrame, strict=False).decode
_any = msgspec.json.Decoder(_Any).decode

PRINT, BOOK_TICKER, UNUSED = 1, 2, 3
"""Kinds of streams."""
_KINDS = {"trade": PRINT, "bookTicker": BOOK_TICKER}


class BinanceDecoder(VenueDecoder):
    """Frames of the spot market streams, combined or single."""

    venue = "binance"

    def __init__(self, natives: Iterable[str] | None = None, *, book_levels: int = BOOK_LEVELS) -> None:
        super().__init__(natives, book_levels=book_levels)
        self._kinds: dict[str, int] = {}

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            # The combined envelope names its stream first: one slice picks the type to decode straight into.
            kind = self._kinds.get(text[11 : text.find('"', 11)], 0) if text.startswith(_COMBINED) else 0
            if kind == BOOK_TICKER:
                quote = _book_ticker_frame(text).data
                symbol = self._symbol(quote.s)
                if symbol:
                    out.append(Quote(symbol, quote.b, quote.B, quote.a, quote.A, recv_ns, recv_ns))
            elif kind == PRINT:
                trade = _trade_frame(text).data
                symbol = self._symbol(trade.s)
                side = -1 if trade.m else 1
                if symbol:
                    out.append(Trade(symbol, trade.t, trade.p, trade.q, side, trade.T * MS, recv_ns))
            elif kind == UNUSED:
                self.skipped += 1
            else:
                self._generic(text, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
            self.malform(raw, error, recv_ns, out)

    def stream(self, frame: str) -> tuple[str, int]:
        """(stream, kind) of a combined frame whose stream was decoded before; ("", 0) of any other."""
        stream = frame[11 : frame.find('"', 11)] if frame.startswith(_COMBINED) else ""
        kind = self._kinds.get(stream, 0)
        return (stream, kind) if kind else ("", 0)

    def _generic(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        """Any frame whose stream is new, or that is no combined frame: acks, errors, single streams."""
        frame = _any(text)
        if frame.stream:
            kind = _KINDS.get(frame.stream.rpartition("@")[2], UNUSED)
            if text.startswith(_COMBINED + frame.stream + '"') and "!" not in frame.stream:
                self._learn(frame.stream, kind)
            inner = _any(frame.data)
            self._payload(inner, bytes(frame.data), recv_ns, out)
        elif frame.code is not None or len(frame.error):
            self.malform(text, f"venue error: {frame.msg or bytes(frame.error).decode()}", recv_ns, out)
        elif frame.e or frame.u is not None:
            self._payload(frame, text.encode(), recv_ns, out)
        elif len(frame.id):
            self.acks += 1
        else:
            self.malform(text, "unknown kind of frame", recv_ns, out)

    def _learn(self, stream: str, kind: int) -> None:
        if len(self._kinds) < 4096:
            self._kinds[stream] = kind

    def _payload(self, frame: _Any, data: bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        if frame.e == "trade":
            trade = _trade(data)
            side = -1 if trade.m else 1
            symbol = self._symbol(trade.s)
            if symbol:
                out.append(Trade(symbol, trade.t, trade.p, trade.q, side, trade.T * MS, recv_ns))
        elif frame.e == "serverShutdown":
            self.reconnect = "the venue announced a server shutdown"
        elif not frame.e and frame.u is not None and len(frame.b):
            quote = _book_ticker(data)
            symbol = self._symbol(quote.s)
            if symbol:
                out.append(Quote(symbol, quote.b, quote.B, quote.a, quote.A, recv_ns, recv_ns))
        else:
            self.skipped += 1


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: Decimal = Decimal(0)
    step_size: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    quote_asset: str
    filters: list[_Filter]


class _ExchangeInfo(msgspec.Struct):
    symbols: list[_Symbol]


class _RestTrade(msgspec.Struct, rename="camel"):
    id: TradeId
    price: float
    qty: float
    time: _Millis
    is_buyer_maker: bool


class _RestBook(msgspec.Struct, rename="camel"):
    bid_price: float
    bid_qty: float
    ask_price: float
    ask_qty: float


_exchange_info = msgspec.json.Decoder(_ExchangeInfo, strict=False).decode
_rest_trades = msgspec.json.Decoder(list[_RestTrade], strict=False).decode
_rest_book = msgspec.json.Decoder(_RestBook, strict=False).decode


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
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
                symbol=f"binance:{clean(entry.symbol, 40)}",
                tick_size=price.tick_size.normalize(),
                lot_size=lot.step_size.normalize(),
                min_notional=notional.min_notional if notional else Decimal(0),
                quote_currency=clean(entry.quote_asset, 20),
                max_quantity=lot.max_qty.normalize(),
            )
        )
    return specs


class Binance(NativeVenue):
    """The venue: https://data-stream.binance.vision and api.binance.com speak the same protocol."""

    name = "binance"
    ws_url = "wss://stream.binance.com:9443"
    rest_url = "https://api.binance.com"
    rest_per_s = 5.0
    subscribe_per_s = 4.0
    heartbeats = False

    lifetime_s = 23.5 * 3600

    def __init__(self, config: FeedConfig) -> None:
        """Raises ConfigError for more symbols than a connection carries."""
        super().__init__(config)
        if len(self.natives) > MAX_SYMBOLS:
            raise ConfigError(
                f"feeds.binance.symbols names {len(self.natives)}: one connection carries "
                f"{MAX_SYMBOLS} at most, with two streams each; name fewer"
            )

    def decoder(self) -> BinanceDecoder:
        return BinanceDecoder(self.natives, book_levels=self.book_levels)

    def connect_url(self, base: str) -> str:
        """Streams are subscribed by the URL, which costs none of the 5 inbound messages a second."""
        streams = "/".join(
            f"{one.lower()}@{kind}" for one in self.natives for kind in ("trade", "bookTicker")
        )
        return f"{base.rstrip('/')}/stream?{urlencode({'streams': streams}, safe='/@')}"

    def subscribe(self) -> list[str]:
        return []

    def instruments_request(self) -> Request:
        names = msgspec.json.encode(self.natives).decode()
        return Request("/api/v3/exchangeInfo", (("symbols", names),))

    def all_instruments_request(self) -> Request:
        """One unknown symbol makes the venue refuse all of them, and it does not say which."""
        return Request("/api/v3/exchangeInfo")

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        return chosen(self.name, self.natives, read_instruments(body))

    def quote_request(self, native: str) -> Request:
        return Request("/api/v3/ticker/bookTicker", (("symbol", native),))

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        book = _rest_book(body)
        return Quote(
            f"binance:{native}",
            book.bid_price,
            book.bid_qty,
            book.ask_price,
            book.ask_qty,
            recv_ns,
            recv_ns,
        )

    def recent_request(self, native: str) -> Request:
        return Request("/api/v3/trades", (("symbol", native), ("limit", str(_PAGE))))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        rows = sorted(_rest_trades(body), key=lambda row: row.id)
        symbol = f"binance:{native}"
        return [
            Trade(symbol, row.id, row.price, row.qty, -1 if row.is_buyer_maker else 1, row.time * MS, recv_ns)
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
            params = (("symbol", native), ("limit", str(_PAGE)), ("fromId", str(next_id)))
            page = self.parse_trades(native, (yield Request("/api/v3/historicalTrades", params)), recv_ns)
            if not page or page[-1].trade_id < next_id:
                return
            found += page
            next_id = page[-1].trade_id + 1
