"""What the public REST of Coinbase Advanced Trade answers: products, book, trades, bars.

https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/public/list-public-products,
…/get-public-product-book, …/get-public-market-trades, …/get-public-product-candles.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

import msgspec

from engine.events import NS, Candle, Quote, Trade
from engine.feeds.base import Amount, InstrumentSpec, Price, Request, TradeId
from engine.feeds.candles import settled
from engine.feeds.coinbase_rest import taker
from engine.feeds.timestamps import MAX_NS, rfc3339_ns
from engine.text import clean

VENUE = "coinbase-advanced"
_PUBLIC = "/api/v3/brokerage/market"
PAGE = 1000
"""Trades a page."""
BARS = 350
"""Bars a page."""
_GRANULARITY = {
    60: "ONE_MINUTE",
    300: "FIVE_MINUTE",
    900: "FIFTEEN_MINUTE",
    1800: "THIRTY_MINUTE",
    3600: "ONE_HOUR",
    7200: "TWO_HOUR",
    14400: "FOUR_HOUR",
    21600: "SIX_HOUR",
    86400: "ONE_DAY",
}

Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_NS // NS)]


class _Product(msgspec.Struct):
    product_id: str
    quote_currency_id: str
    quote_increment: Decimal
    base_increment: Decimal
    price_increment: Decimal = Decimal(0)
    quote_min_size: Decimal = Decimal(0)
    base_max_size: Decimal = Decimal(0)


class _Products(msgspec.Struct):
    products: list[msgspec.Raw]


class _Level(msgspec.Struct):
    price: Price
    size: Amount


class _Book(msgspec.Struct):
    bids: list[_Level]
    asks: list[_Level]
    time: str = ""


class _Books(msgspec.Struct):
    pricebook: _Book


class _Trade(msgspec.Struct):
    trade_id: TradeId
    price: Price
    size: Amount
    time: str
    side: str = ""


class _Trades(msgspec.Struct):
    trades: list[_Trade]


class _Bar(msgspec.Struct):
    start: Seconds
    low: Price
    high: Price
    open: Price
    close: Price
    volume: Amount


class _Bars(msgspec.Struct):
    candles: list[_Bar]


_products = msgspec.json.Decoder(_Products).decode
_product = msgspec.json.Decoder(_Product, strict=False).decode
_books = msgspec.json.Decoder(_Books, strict=False).decode
_trades = msgspec.json.Decoder(_Trades, strict=False).decode
_bars = msgspec.json.Decoder(_Bars, strict=False).decode


def _path(native: str) -> str:
    return f"{_PUBLIC}/products/{quote(native, safe='')}"


def products_request(natives: Iterable[str] = ()) -> Request:
    """All products where none is named."""
    return Request(f"{_PUBLIC}/products", tuple(("product_ids", native) for native in natives))


def _specs(body: str | bytes) -> Iterable[InstrumentSpec]:
    for raw in _products(body).products:
        try:
            product = _product(raw)
        except msgspec.ValidationError:
            continue  # futures that are not listed yet have no increments: nobody can trade them
        if product.quote_increment > 0 and product.base_increment > 0:
            yield InstrumentSpec(
                symbol=f"{VENUE}:{clean(product.product_id, 40)}",
                tick_size=(product.price_increment or product.quote_increment).normalize(),
                lot_size=product.base_increment.normalize(),
                min_notional=product.quote_min_size,
                quote_currency=clean(product.quote_currency_id, 20),
                max_quantity=product.base_max_size,
            )


def read_instruments(body: str | bytes) -> list[InstrumentSpec]:
    """All instruments of a ``/market/products`` reply. Raises ValueError when it is none."""
    return list(_specs(body))


def quote_request(native: str) -> Request:
    return Request(f"{_PUBLIC}/product_book", (("product_id", native), ("limit", "1")))


def read_quote(native: str, body: str | bytes, recv_ns: int) -> Quote:
    """Raises ValueError for what is no book, or one with an empty side."""
    book = _books(body).pricebook
    if not book.bids or not book.asks:
        raise ValueError(f"{VENUE}: nobody is on one side of the book of {clean(native, 40)}")
    bid, ask = book.bids[0], book.asks[0]
    event_ns = rfc3339_ns(book.time) if book.time else recv_ns
    return Quote(f"{VENUE}:{native}", bid.price, bid.size, ask.price, ask.size, event_ns, recv_ns)


def trades_request(native: str, start_s: int = 0, end_s: int = 0) -> Request:
    """The newest trades, or the newest of those between two times (seconds since the epoch)."""
    times = (("start", str(start_s)), ("end", str(end_s))) if end_s else ()
    return Request(f"{_path(native)}/ticker", (("limit", str(PAGE)), *times))


def read_trades(native: str, body: str | bytes, recv_ns: int) -> list[Trade]:
    """In order of id. Raises ValueError for what is no page of trades."""
    symbol = f"{VENUE}:{native}"
    return [
        Trade(symbol, row.trade_id, row.price, row.size, taker(row.side), rfc3339_ns(row.time), recv_ns)
        for row in sorted(_trades(body).trades, key=lambda row: row.trade_id)
    ]


def candles_request(native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
    granularity = _GRANULARITY.get(interval_s)
    if granularity is None:
        return None
    step_ns = interval_s * NS
    first = -(-start_ns // step_ns)
    last = max(first, min(-(-end_ns // step_ns), first + BARS) - 1)
    times = (("start", str(first * interval_s)), ("end", str(last * interval_s)))
    params = (*times, ("granularity", granularity), ("limit", str(BARS)))
    return Request(f"{_path(native)}/candles", params)


def read_candles(native: str, interval_s: int, body: str | bytes, recv_ns: int) -> list[Candle]:
    """In order of time; the venue tells the newest first. Raises ValueError for what is no page of bars."""
    symbol = f"{VENUE}:{native}"
    rows = sorted(_bars(body).candles, key=lambda row: row.start)
    newest_ns = rows[-1].start * NS if rows else 0
    return [
        Candle(
            symbol,
            interval_s,
            row.start * NS,
            row.open,
            row.high,
            row.low,
            row.close,
            row.volume,
            settled(row.start * NS, interval_s, newest_ns, recv_ns),
            (row.start + interval_s) * NS,
            recv_ns,
            source=VENUE,
        )
        for row in rows
    ]
