"""Coinbase Exchange: channels ``matches``, ``ticker`` and ``heartbeat``, and the REST it needs.

Protocol: https://docs.cdp.coinbase.com/exchange/websocket-feed/channels. A match's ``side`` is the maker's:
the taker did the opposite. Trade ids rise by one per product. ``last_match`` is the last trade before the
subscription: history, so it is marked as backfilled.
"""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import msgspec

from engine.events import MarketEvent, Quote, Trade
from engine.feeds.base import Fetch, InstrumentSpec, NativeVenue, Request, TradeId, VenueDecoder, chosen
from engine.feeds.timestamps import rfc3339_ns
from engine.text import clean

_PAGE = 1000
_HEAD = '{"type":"'
_NAN = float("nan")


class _Match(msgspec.Struct, gc=False):
    product_id: str
    trade_id: TradeId
    price: float
    size: float
    side: str
    time: str


class _Ticker(msgspec.Struct, gc=False):
    product_id: str
    time: str
    best_bid: float
    best_ask: float
    best_bid_size: float = _NAN
    best_ask_size: float = _NAN


class _Any(msgspec.Struct):
    type: str
    message: str = ""
    reason: str = ""


_match = msgspec.json.Decoder(_Match, strict=False).decode
_ticker = msgspec.json.Decoder(_Ticker, strict=False).decode
_any = msgspec.json.Decoder(_Any).decode

_UNUSED = frozenset({"l2update", "snapshot", "status", "received", "open", "done", "change", "activate"})


def taker(maker_side: str) -> int:
    """+1 or -1: what the taker did when the maker's side was ``maker_side``; 0 when that is neither."""
    return 1 if maker_side == "sell" else -1 if maker_side == "buy" else 0


class CoinbaseDecoder(VenueDecoder):
    """Frames of the Exchange market data feed."""

    venue = "coinbase"

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            # Every frame names its type first; one that does not is decoded twice, no worse.
            kind = text[9 : text.find('"', 9)] if text.startswith(_HEAD) else _any(text).type
            if kind in _UNUSED:
                self.skipped += 1
            elif kind == "match" or kind == "last_match":
                match = _match(text)
                symbol = self._symbol(match.product_id)
                side, event_ns = taker(match.side), rfc3339_ns(match.time)
                old = kind == "last_match"
                if symbol:
                    out.append(
                        Trade(symbol, match.trade_id, match.price, match.size, side, event_ns, recv_ns, old)
                    )
            elif kind == "ticker":
                tick = _ticker(text)
                symbol, event_ns = self._symbol(tick.product_id), rfc3339_ns(tick.time)
                bid, ask = tick.best_bid, tick.best_ask
                if symbol:
                    out.append(
                        Quote(symbol, bid, tick.best_bid_size, ask, tick.best_ask_size, event_ns, recv_ns)
                    )
            else:
                self._control(text, kind, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeError, ValueError, OverflowError, RecursionError) as error:
            self.malform(raw, error, recv_ns, out)

    def _control(self, text: str, kind: str, recv_ns: int, out: list[MarketEvent]) -> None:
        frame = _any(text)
        if kind == "heartbeat":
            self.heartbeats += 1
        elif kind == "subscriptions":
            self.acks += 1
        elif kind == "error":
            self.malform(text, f"venue error: {frame.message} {frame.reason}".rstrip(), recv_ns, out)
        else:
            self.malform(text, "unknown kind of frame", recv_ns, out)


class _Product(msgspec.Struct):
    id: str
    quote_currency: str
    quote_increment: Decimal
    base_increment: Decimal
    min_market_funds: Decimal = Decimal(0)


class _RestTrade(msgspec.Struct):
    trade_id: TradeId
    side: str
    size: float
    price: float
    time: str


class _RestTicker(msgspec.Struct):
    bid: float
    ask: float
    time: str


_products = msgspec.json.Decoder(list[_Product], strict=False).decode
_rest_trades = msgspec.json.Decoder(list[_RestTrade], strict=False).decode
_rest_ticker = msgspec.json.Decoder(_RestTicker, strict=False).decode


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """All instruments of a ``/products`` reply. Raises ValueError when it is none."""
    return [
        InstrumentSpec(
            symbol=f"coinbase:{clean(product.id, 40)}",
            tick_size=product.quote_increment.normalize(),
            lot_size=product.base_increment.normalize(),
            min_notional=product.min_market_funds,
            quote_currency=clean(product.quote_currency, 20),
        )
        for product in _products(body)
        if product.quote_increment > 0 and product.base_increment > 0
    ]


def _path(native: str) -> str:
    return f"/products/{quote(native, safe='')}"


class Coinbase(NativeVenue):
    """The venue. A connection that has not subscribed within 5 s is dropped."""

    name = "coinbase"
    ws_url = "wss://ws-feed.exchange.coinbase.com"
    rest_url = "https://api.exchange.coinbase.com"
    rest_per_s = 5.0
    subscribe_per_s = 4.0
    heartbeats = True

    def decoder(self) -> CoinbaseDecoder:
        return CoinbaseDecoder(self.natives, book_levels=self.book_levels)

    def connect_url(self, base: str) -> str:
        return base

    def subscribe(self) -> list[str]:
        channels = ["matches", "ticker", "heartbeat"]
        frame = {"type": "subscribe", "product_ids": list(self.natives), "channels": channels}
        return [msgspec.json.encode(frame).decode()]

    def instruments_request(self) -> Request:
        return Request("/products")

    def all_instruments_request(self) -> None:
        return None

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        return chosen(self.name, self.natives, read_instruments(body))

    def quote_request(self, native: str) -> Request:
        return Request(f"{_path(native)}/ticker")

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
        """The REST ticker tells no sizes; its time is the last trade's, so the quote's time is ours."""
        tick = _rest_ticker(body)
        return Quote(f"coinbase:{native}", tick.bid, _NAN, tick.ask, _NAN, recv_ns, recv_ns)

    def recent_request(self, native: str) -> Request:
        return Request(f"{_path(native)}/trades", (("limit", str(_PAGE)),))

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        symbol = f"coinbase:{native}"
        return [
            Trade(symbol, row.trade_id, row.price, row.size, taker(row.side), rfc3339_ns(row.time), recv_ns)
            for row in sorted(_rest_trades(body), key=lambda row: row.trade_id)
        ]

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        """Pages run from new to old: ``after`` is an id, and the page holds what is older than it."""
        after = last_id + 1
        while after > first_id:
            params = (("limit", str(_PAGE)), ("after", str(after)))
            page = self.parse_trades(native, (yield Request(f"{_path(native)}/trades", params)), recv_ns)
            if not page or page[0].trade_id >= after:
                return
            found += page
            after = page[0].trade_id
